//! Writing dumps, from one moment of either backend.

use std::path::Path;

use domain::Timestamp;
use futures_util::TryStreamExt;

use super::{
    Moved, SERIALS, TABLES,
    format::{Header, Serial, Table, Writer},
};
use crate::{
    Result,
    db::{Postgres, open_reader, pg_columns, pg_error, sqlite_columns, sqlite_error},
    value::Value,
};

const MIGRATIONS: &str = "SELECT name FROM schema_migrations ORDER BY name";

/// Dumps a SQLite file.
pub(super) fn from_sqlite(from: &Path, to: &Path, now: Timestamp) -> Result<Moved> {
    let failed = |e| sqlite_error("dump", e);
    let connection = open_reader(from)?;
    connection.execute_batch("BEGIN").map_err(failed)?;
    let migrations = connection
        .prepare(MIGRATIONS)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(failed)?;
    let mut writer = Writer::create(
        to,
        &Header {
            created_at: now,
            migrations,
        },
    )?;
    for table in TABLES {
        let mut statement = connection.prepare(&select(table)).map_err(failed)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let width = columns.len();
        writer.table(&Table {
            name: table.to_owned(),
            columns,
        })?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            writer.row(&sqlite_columns("dump", row, width)?)?;
        }
    }
    for (table, column) in SERIALS {
        let last: Result<i64, _> = connection.query_row(
            "SELECT seq FROM sqlite_sequence WHERE name = ?1",
            [table],
            |row| row.get(0),
        );
        if let Ok(last) = last {
            writer.serial(&serial(table, column, last))?;
        }
    }
    writer.finish()
}

/// Dumps a PostgreSQL database, over a connection of its own.
pub(super) async fn from_postgres(postgres: &Postgres, to: &Path, now: Timestamp) -> Result<Moved> {
    let failed = |e| pg_error("dump", e);
    let client = postgres.dedicated().await?;
    client
        .batch_execute("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(failed)?;
    let migrations = client.query(MIGRATIONS, &[]).await.map_err(failed)?;
    let migrations = migrations
        .iter()
        .map(|row| row.try_get(0).map_err(failed))
        .collect::<Result<_>>()?;
    let mut writer = Writer::create(
        to,
        &Header {
            created_at: now,
            migrations,
        },
    )?;
    for table in TABLES {
        let statement = client.prepare(&select(table)).await.map_err(failed)?;
        let columns = statement
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        writer.table(&Table {
            name: table.to_owned(),
            columns,
        })?;
        let rows = client
            .query_raw(&statement, std::iter::empty::<Value>())
            .await
            .map_err(failed)?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            writer.row(&pg_columns("dump", &row)?)?;
        }
    }
    for (table, column) in SERIALS {
        let row = client
            .query_one(
                "SELECT COALESCE(pg_sequence_last_value(pg_get_serial_sequence($1, $2)), 0)",
                &[&table, &column],
            )
            .await
            .map_err(failed)?;
        let last: i64 = row.try_get(0).map_err(failed)?;
        writer.serial(&serial(table, column, last))?;
    }
    writer.finish()
}

fn select(table: &str) -> String {
    format!("SELECT * FROM {table}")
}

fn serial(table: &str, column: &str, last: i64) -> Serial {
    Serial {
        table: table.to_owned(),
        column: column.to_owned(),
        last,
    }
}
