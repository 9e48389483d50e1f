//! The database: one type over both backends.

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod tls;
mod tx;

use std::{path::PathBuf, str::FromStr, sync::Arc};

pub use futures_util::future::BoxFuture;
pub(crate) use tx::STATEMENTS;
pub use tx::Tx;

pub(crate) use self::{
    postgres::{Postgres, columns as pg_columns, error as pg_error},
    sqlite::{Sqlite, columns as sqlite_columns, error as sqlite_error, open_reader, unavailable},
};
use crate::{Dialect, Result, StoreError, WakeReceiver, wake::WakeHub};

/// Which database, and how much of it to use.
#[derive(Clone, PartialEq, Eq)]
pub enum DbConfig {
    /// A file of our own.
    Sqlite {
        /// The file; made when missing.
        path: PathBuf,
        /// Threads that read at the same time.
        readers: usize,
    },
    /// A PostgreSQL server, shared by any number of nodes.
    Postgres {
        /// `postgres://...` or `host=... user=...`. `sslmode=require` encrypts and verifies;
        /// a host that is a path is a Unix socket.
        url: String,
        /// Connections at most, apart from two for wake-ups.
        connections: usize,
        /// Certificates (PEM) to trust instead of the platform's.
        root_certificates: Option<PathBuf>,
    },
}

impl DbConfig {
    /// A SQLite file with four readers.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite {
            path: path.into(),
            readers: 4,
        }
    }

    /// A PostgreSQL server with 16 connections.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::Postgres {
            url: url.into(),
            connections: 16,
            root_certificates: None,
        }
    }
}

impl std::fmt::Debug for DbConfig {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite { path, .. } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { connections, .. } => write!(f, "postgres ({connections} connections)"),
        }
    }
}

impl FromStr for DbConfig {
    type Err = StoreError;

    /// `sqlite:PATH`, `postgres://...` or `postgresql://...`.
    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::postgres(text));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => {
                Ok(Self::sqlite(path.strip_prefix("//").unwrap_or(path)))
            }
            _ => Err(StoreError::Invalid(
                "the database must be sqlite:PATH or postgres://...".to_owned(),
            )),
        }
    }
}

/// A database. Clones share everything.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    wakes: Arc<WakeHub>,
}

#[derive(Clone)]
pub(crate) enum Backend {
    /// One file.
    Sqlite(Arc<Sqlite>),
    /// One server.
    Postgres(Arc<Postgres>),
}

impl Db {
    /// Opens the database as it is. Call [`Db::migrate`] before use.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a wrong configuration; [`StoreError::Unavailable`],
    /// [`StoreError::Corrupt`] and the like when it does not open. A PostgreSQL server that is
    /// away is no error here: each use tries again.
    pub async fn open(config: &DbConfig) -> Result<Self> {
        match config {
            DbConfig::Sqlite { path, readers } => {
                let wakes = Arc::new(WakeHub::new(None));
                let sqlite = Sqlite::open(path.clone(), *readers, wakes.clone()).await?;
                Ok(Self {
                    backend: Backend::Sqlite(Arc::new(sqlite)),
                    wakes,
                })
            }
            DbConfig::Postgres {
                url,
                connections,
                root_certificates,
            } => {
                let connector = tls::connector(root_certificates.as_deref())?;
                let (postgres, wakes) = Postgres::open(url, *connections, connector)?;
                Ok(Self {
                    backend: Backend::Postgres(Arc::new(postgres)),
                    wakes,
                })
            }
        }
    }

    /// Runs a closure in a transaction and keeps it when the closure succeeds; returns after the
    /// commit is on disk.
    ///
    /// On SQLite one writer runs queued closures one after the other, several to a commit; a
    /// closure must therefore not wait for anything but the database. On PostgreSQL it is a
    /// transaction at read committed: lock what you read and then write (`lock_...`).
    ///
    /// A statement that failed spoils its transaction, even when the closure goes on and succeeds.
    ///
    /// # Errors
    /// What the closure returns, or the [`StoreError`] of begin or commit. In each case nothing
    /// was kept, except [`StoreError::Unavailable`] with `outcome_unknown`.
    pub async fn write<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.write(body).await,
            Backend::Postgres(postgres) => postgres.write(body).await,
        }
    }

    /// Runs a closure over one consistent snapshot, without waiting for writers.
    ///
    /// # Errors
    /// What the closure returns, or the [`StoreError`] of beginning. Writing is refused.
    pub async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.read(body).await,
            Backend::Postgres(postgres) => postgres.read(body).await,
        }
    }

    /// Listens to wake-ups from now on.
    pub fn wakes(&self) -> WakeReceiver {
        self.wakes.subscribe()
    }

    /// Which database this is, for people.
    pub fn dialect(&self) -> Dialect {
        match &self.backend {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<()> {
        self.read(|tx| Box::pin(async move { tx.ping().await }))
            .await
    }

    /// Finishes what is queued and closes the database; other clones get
    /// [`StoreError::Unavailable`] from then on.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close(),
        }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({})", self.dialect().as_str())
    }
}
