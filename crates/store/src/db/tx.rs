//! A transaction on either backend.

use super::postgres::PgTx;
use crate::{
    Dialect, Result, StoreError, Wake,
    statement::{Statement, statements},
    value::{Row, Value},
};

statements! {
    PING = "SELECT 1";
}

/// A transaction. The subject traits are implemented for it.
pub struct Tx {
    pub(super) connection: Connection,
    pub(super) wakes: Vec<Wake>,
    /// The first statement that failed: the transaction cannot be kept any more.
    pub(super) spoiled: Option<StoreError>,
}

pub(super) enum Connection {
    Sqlite(Box<rusqlite::Connection>),
    Postgres(Box<PgTx>),
}

impl Tx {
    /// Tells everybody, after the commit and only then.
    pub fn notify(&mut self, wake: Wake) {
        if !self.wakes.contains(&wake) {
            self.wakes.push(wake);
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &self.connection {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Whether locking a row is refused.
    pub(crate) fn is_read_only(&self) -> bool {
        match &self.connection {
            Connection::Sqlite(_) => false,
            Connection::Postgres(tx) => tx.is_read_only(),
        }
    }

    /// Runs a statement; gives how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: &Statement, values: &[Value]) -> Result<u64> {
        let text = statement.text(self.dialect());
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => {
                super::sqlite::execute(connection, statement.name, text, values)
            }
            Connection::Postgres(tx) => tx.execute(statement.name, text, values).await,
        };
        self.keep_error(result)
    }

    /// Runs a statement once for each set of values, without waiting in between; gives the rows changed in all.
    pub(crate) async fn execute_many(
        &mut self,
        statement: &Statement,
        sets: &[Vec<Value>],
    ) -> Result<u64> {
        let text = statement.text(self.dialect());
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => sets.iter().try_fold(0, |sum, values| {
                super::sqlite::execute(connection, statement.name, text, values)
                    .map(|changed| sum + changed)
            }),
            Connection::Postgres(tx) => tx.execute_many(statement.name, text, sets).await,
        };
        self.keep_error(result)
    }

    /// All rows of a statement.
    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        values: &[Value],
    ) -> Result<Vec<Row>> {
        let text = statement.text(self.dialect());
        self.rows_of(statement.name, text, values).await
    }

    /// All rows of a composed text, already in the words of the database.
    pub(crate) async fn rows_of(
        &mut self,
        name: &str,
        text: &str,
        values: &[Value],
    ) -> Result<Vec<Row>> {
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => super::sqlite::rows(connection, name, text, values),
            Connection::Postgres(tx) => tx.rows(name, text, values).await,
        };
        self.keep_error(result)
    }

    /// All rows, each read by `read`.
    pub(crate) async fn all<T>(
        &mut self,
        statement: &Statement,
        values: &[Value],
        read: fn(&mut Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.rows(statement, values)
            .await?
            .into_iter()
            .map(|mut row| read(&mut row))
            .collect()
    }

    /// The first row, if any, read by `read`.
    pub(crate) async fn find<T>(
        &mut self,
        statement: &Statement,
        values: &[Value],
        read: fn(&mut Row) -> Result<T>,
    ) -> Result<Option<T>> {
        self.rows(statement, values)
            .await?
            .into_iter()
            .next()
            .map(|mut row| read(&mut row))
            .transpose()
    }

    /// Whether the statement changed a row.
    pub(crate) async fn changes(
        &mut self,
        statement: &Statement,
        values: &[Value],
    ) -> Result<bool> {
        Ok(self.execute(statement, values).await? > 0)
    }

    /// Runs a text of one or more statements without parameters.
    pub(crate) async fn script(&mut self, text: &str) -> Result<()> {
        let result = match &mut self.connection {
            Connection::Sqlite(connection) => connection
                .execute_batch(text)
                .map_err(|error| super::sqlite::error("script", error)),
            Connection::Postgres(tx) => tx.script(text).await,
        };
        self.keep_error(result)
    }

    /// Prepares a text and throws it away. A text that is refused does not spoil the transaction.
    pub(crate) async fn prepare(&mut self, name: &str, text: &str) -> Result<()> {
        match &mut self.connection {
            Connection::Sqlite(connection) => connection
                .prepare(text)
                .map(|_| ())
                .map_err(|error| super::sqlite::error(name, error)),
            Connection::Postgres(tx) => tx.prepare(name, text).await,
        }
    }

    /// Writes rows of a dump, turning each value into the type its column has.
    pub(crate) async fn load_rows(&mut self, insert: &str, rows: &[Vec<Value>]) -> Result<()> {
        let result = match &mut self.connection {
            _ if rows.is_empty() => Ok(()),
            Connection::Sqlite(connection) => rows.iter().try_for_each(|values| {
                super::sqlite::execute(connection, "restore", insert, values).map(|_| ())
            }),
            Connection::Postgres(tx) => tx.load_rows(insert, rows).await,
        };
        self.keep_error(result)
    }

    pub(super) async fn ping(&mut self) -> Result<()> {
        self.rows(&PING, &[]).await.map(|_| ())
    }

    fn keep_error<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && self.spoiled.is_none()
        {
            self.spoiled = Some(error.clone());
        }
        result
    }
}
