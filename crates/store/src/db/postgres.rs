//! PostgreSQL: a pool of connections, each with its prepared statements.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use futures_util::{FutureExt, TryStreamExt, future};
use tokio_postgres::{Config, error::SqlState, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{BoxFuture, Tx, sqlite::unavailable, tx::Connection};
use crate::{
    ConstraintKind, Result, StoreError,
    backup::as_type,
    value::{Row, Value},
    wake::{self, WakeHub},
};

/// How long to wait for a free connection before the database counts as busy.
const POOL_TIME: Duration = Duration::from_secs(5);
/// How long to wait for a connection to be made.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Statements sent before the first answer is awaited.
const PIPELINE: usize = 256;
/// What a connection gives up after, unless the address says otherwise.
const OPTIONS: &str =
    "-c statement_timeout=60s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s";

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A server and our connections to it.
pub(crate) struct Postgres {
    pool: Pool,
    config: Config,
    connector: MakeRustlsConnect,
    wakes: Arc<WakeHub>,
    tasks: Vec<tokio::task::AbortHandle>,
}

impl Postgres {
    pub(super) fn open(
        url: &str,
        connections: usize,
        connector: MakeRustlsConnect,
    ) -> Result<(Self, Arc<WakeHub>)> {
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            StoreError::Invalid(format!("database address: {error}"))
        })?;
        if config.get_options().is_none() {
            config.options(OPTIONS);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME);
        }
        if config.get_application_name().is_none() {
            config.application_name("muster");
        }
        config.tcp_user_timeout(Duration::from_secs(20));
        let manager = Manager::from_config(
            config.clone(),
            connector.clone(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(connections.max(1))
            .wait_timeout(Some(POOL_TIME))
            .create_timeout(Some(CONNECT_TIME))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        let (hub, tasks) = wake::connect(config.clone(), connector.clone());
        let postgres = Self {
            pool,
            config,
            connector,
            wakes: hub.clone(),
            tasks,
        };
        Ok((postgres, hub))
    }

    pub(super) async fn write<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        E: From<StoreError>,
    {
        let (result, wakes) = self.transaction(BEGIN, body).await?;
        self.wakes.publish(wakes);
        Ok(result)
    }

    pub(super) async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        E: From<StoreError>,
    {
        self.transaction(BEGIN_READ, body)
            .await
            .map(|(result, _)| result)
    }

    async fn transaction<T, E, F>(
        &self,
        begin: &'static str,
        body: F,
    ) -> Result<(T, Vec<crate::Wake>), E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        E: From<StoreError>,
    {
        let mut tx = Tx {
            connection: Connection::Postgres(Box::new(self.begin(begin).await?)),
            wakes: Vec::new(),
            spoiled: None,
        };
        // The future is made inside, so that a closure that panics at once is caught too.
        let result = AssertUnwindSafe(async { body(&mut tx).await })
            .catch_unwind()
            .await;
        let Tx {
            connection: Connection::Postgres(postgres),
            wakes,
            spoiled,
        } = tx
        else {
            return Err(unavailable("a transaction changed its database").into());
        };
        match (result, spoiled) {
            (Ok(Ok(result)), None) => {
                postgres.commit().await?;
                Ok((result, wakes))
            }
            (result, spoiled) => {
                postgres.rollback().await;
                Err(match (result, spoiled) {
                    (Err(_), _) => StoreError::Panicked.into(),
                    (Ok(Err(error)), _) => error,
                    (Ok(Ok(_)), Some(error)) => error.into(),
                    (Ok(Ok(_)), None) => StoreError::Panicked.into(),
                })
            }
        }
    }

    async fn begin(&self, begin: &'static str) -> Result<PgTx> {
        let client = self.pool.get().await.map_err(pool_error)?;
        let status = self.pool.status();
        metrics::gauge!("muster_store_queue_depth").set(status.waiting as f64);
        Ok(PgTx {
            client: Some(client),
            begin,
            begun: false,
        })
    }

    pub(super) fn close(&self) {
        self.pool.close();
        for task in &self.tasks {
            task.abort();
        }
    }

    /// A connection of its own, for long work. Ends when the client is dropped.
    pub(crate) async fn dedicated(&self) -> Result<tokio_postgres::Client> {
        let (client, connection) = self
            .config
            .connect(self.connector.clone())
            .await
            .map_err(|e| error("connect", e))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a database connection ended");
            }
        });
        Ok(client)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

/// A transaction on a connection of the pool. It begins with its first statement, in the same round trip.
pub(super) struct PgTx {
    client: Option<Object>,
    begin: &'static str,
    begun: bool,
}

impl PgTx {
    pub(super) async fn execute(
        &mut self,
        name: &str,
        text: &str,
        values: &[Value],
    ) -> Result<u64> {
        let client = self.client()?;
        let statement = client
            .prepare_cached(text)
            .await
            .map_err(|e| error(name, e))?;
        let begin = self.take_begin();
        let client = self.client()?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        after(begin, client, client.execute(&statement, &parameters))
            .await
            .map_err(|e| error(name, e))
    }

    pub(super) async fn execute_many(
        &mut self,
        name: &str,
        text: &str,
        sets: &[Vec<Value>],
    ) -> Result<u64> {
        let client = self.client()?;
        let statement = client
            .prepare_cached(text)
            .await
            .map_err(|e| error(name, e))?;
        let mut changed = 0;
        for sets in sets.chunks(PIPELINE) {
            let begin = self.take_begin();
            let client = self.client()?;
            let all = future::try_join_all(sets.iter().map(|values| {
                let parameters: Vec<&Value> = values.iter().collect();
                let statement = &statement;
                async move { client.execute_raw(statement, parameters).await }
            }));
            changed += after(begin, client, all)
                .await
                .map_err(|e| error(name, e))?
                .iter()
                .sum::<u64>();
        }
        Ok(changed)
    }

    pub(super) async fn rows(
        &mut self,
        name: &str,
        text: &str,
        values: &[Value],
    ) -> Result<Vec<Row>> {
        let client = self.client()?;
        let statement = client
            .prepare_cached(text)
            .await
            .map_err(|e| error(name, e))?;
        let begin = self.take_begin();
        let client = self.client()?;
        let query = async {
            client
                .query_raw(&statement, values)
                .await?
                .try_collect::<Vec<_>>()
                .await
        };
        let rows = after(begin, client, query)
            .await
            .map_err(|e| error(name, e))?;
        rows.iter()
            .map(|row| columns(name, row).map(Row::new))
            .collect()
    }

    pub(super) async fn load_rows(&mut self, insert: &str, rows: &[Vec<Value>]) -> Result<()> {
        let statement = self
            .client()?
            .prepare_cached(insert)
            .await
            .map_err(|e| error("restore", e))?;
        let sets: Vec<Vec<Value>> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .zip(statement.params())
                    .map(|(value, ty)| as_type(value, ty))
                    .collect()
            })
            .collect();
        self.execute_many("restore", insert, &sets)
            .await
            .map(|_| ())
    }

    pub(super) async fn script(&mut self, text: &str) -> Result<()> {
        let begin = self.take_begin();
        let client = self.client()?;
        after(begin, client, client.batch_execute(text))
            .await
            .map_err(|e| error("script", e))
    }

    /// Before the transaction begins: a refused text would end it.
    pub(super) async fn prepare(&mut self, name: &str, text: &str) -> Result<()> {
        self.client()?
            .prepare(text)
            .await
            .map(|_| ())
            .map_err(|e| error(name, e))
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.begin == BEGIN_READ
    }

    async fn commit(mut self) -> Result<()> {
        if !self.begun {
            return Ok(());
        }
        let client = self.client()?;
        if self.is_read_only() {
            // Nothing depends on the answer: send it and let the next user of the connection follow behind.
            let _ = futures_util::poll!(std::pin::pin!(client.batch_execute("COMMIT")));
            self.begun = false;
            return Ok(());
        }
        let result = client.batch_execute("COMMIT").await;
        self.begun = result.is_err();
        result.map_err(|e| match error("commit", e) {
            StoreError::Unavailable { reason, .. } => StoreError::Unavailable {
                reason,
                outcome_unknown: true,
            },
            other => other,
        })
    }

    async fn rollback(mut self) {
        if let (true, Ok(client)) = (self.begun, self.client()) {
            self.begun = client.batch_execute("ROLLBACK").await.is_err();
        }
    }

    fn client(&self) -> Result<&Object> {
        self.client
            .as_ref()
            .ok_or_else(|| unavailable("the connection was given back"))
    }

    fn take_begin(&mut self) -> Option<&'static str> {
        (!std::mem::replace(&mut self.begun, true)).then_some(self.begin)
    }
}

impl Drop for PgTx {
    /// A connection inside a transaction must not go back to the pool: closing it rolls back.
    fn drop(&mut self) {
        if let (true, Some(client)) = (self.begun, self.client.take()) {
            drop(Object::take(client));
        }
    }
}

/// Sends `begin` ahead of `work`, and waits for both together.
async fn after<T>(
    begin: Option<&'static str>,
    client: &Object,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    match begin {
        None => work.await,
        Some(begin) => {
            let (begun, result) = future::join(client.batch_execute(begin), work).await;
            begun.and(result)
        }
    }
}

/// The columns of a driver row.
pub(crate) fn columns(name: &str, row: &tokio_postgres::Row) -> Result<Vec<Value>> {
    (0..row.len())
        .map(|index| row.try_get(index).map_err(|e| error(name, e)))
        .collect()
}

/// What a driver error means to the caller.
pub(crate) fn error(statement: &str, error: tokio_postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let reason = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        // Values that do not convert are mistakes of ours; everything else without a server's word is the network.
        let text = error.to_string();
        return if text.starts_with("error serializing") || text.starts_with("error deserializing") {
            StoreError::Statement {
                statement: statement.to_owned(),
                reason,
            }
        } else {
            unavailable(&reason)
        };
    };
    let code = db.code().code();
    let named = || {
        db.constraint()
            .map_or_else(|| db.message().to_owned(), str::to_owned)
    };
    match (code, code.get(..2).unwrap_or("")) {
        (c, _) if c == SqlState::DISK_FULL.code() => StoreError::Full,
        ("40001" | "40P01" | "55P03", _) => StoreError::Conflict,
        ("23505", _) => StoreError::Constraint {
            kind: ConstraintKind::Unique,
            name: named(),
        },
        ("23503", _) => StoreError::Constraint {
            kind: ConstraintKind::ForeignKey,
            name: named(),
        },
        ("23502", _) => StoreError::Constraint {
            kind: ConstraintKind::NotNull,
            name: named(),
        },
        (_, "23") => StoreError::Constraint {
            kind: ConstraintKind::Other,
            name: named(),
        },
        ("53300" | "57014", _) => StoreError::Busy,
        (_, "08" | "53" | "57" | "58") | ("25006" | "28P01" | "28000" | "3D000" | "25P03", _) => {
            unavailable(db.message())
        }
        ("XX001" | "XX002", _) => StoreError::Corrupt(db.message().to_owned()),
        _ => StoreError::Statement {
            statement: statement.to_owned(),
            reason: format!("{} ({code})", db.message()),
        },
    }
}

fn pool_error(failure: PoolError) -> StoreError {
    match failure {
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Busy,
        PoolError::Backend(failure) => error("connect", failure),
        other => unavailable(&other.to_string()),
    }
}
