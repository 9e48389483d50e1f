//! Reading dumps into an empty database.

use std::path::Path;

use domain::Timestamp;

use super::{
    Moved, SERIALS, TABLES,
    format::{Frame, Reader, Serial, Table},
};
use crate::{
    Db, Dialect, Result, StoreError, Tx,
    migrate::{MIGRATIONS, Migration, applied},
    value::Value,
};

/// Rows written together.
const ROWS: usize = 500;

pub(super) async fn from_dump(db: &Db, path: &Path, now: Timestamp) -> Result<Moved> {
    let empty = db
        .read(|tx| {
            Box::pin(async move {
                Ok::<_, StoreError>(applied(tx).await.map_or(true, |known| known.is_empty()))
            })
        })
        .await;
    // The list of migrations does not exist in an empty database, which spoils the reading.
    if matches!(empty, Ok(false)) {
        return Err(StoreError::Invalid(
            "a backup restores into an empty database only; this one has a schema".to_owned(),
        ));
    }
    let mut reader = Reader::open(path)?;
    let Frame::Header(header) = reader.next()? else {
        return Err(StoreError::Corrupt("the dump has no header".to_owned()));
    };
    db.migrate_to(steps(&header.migrations)?, now).await?;
    // One transaction: all of it or nothing. The file is read where the database is written;
    // nobody else uses a database that is being restored.
    db.write(move |tx| {
        Box::pin(async move {
            load(tx, &mut reader).await?;
            Ok(reader.moved())
        })
    })
    .await
}

/// The migrations that the dump's tables have: ours, up to some step.
fn steps(names: &[String]) -> Result<&'static [Migration]> {
    let steps = MIGRATIONS.get(..names.len()).filter(|steps| {
        steps
            .iter()
            .zip(names)
            .all(|(step, name)| step.name == name)
    });
    steps.ok_or_else(|| StoreError::Migration("the backup belongs to a newer version".to_owned()))
}

async fn load(tx: &mut Tx, reader: &mut Reader) -> Result<()> {
    tx.script(match tx.dialect() {
        Dialect::Sqlite => "PRAGMA defer_foreign_keys = ON; DELETE FROM journal_head;",
        Dialect::Postgres => "SET CONSTRAINTS ALL DEFERRED; DELETE FROM journal_head;",
    })
    .await?;
    let mut insert = String::new();
    let mut width = 0;
    let mut rows = Vec::new();
    loop {
        let frame = reader.next()?;
        if rows.len() >= ROWS || !matches!(frame, Frame::Row(_)) {
            tx.load_rows(&insert, &rows).await?;
            rows.clear();
        }
        match frame {
            Frame::Row(row) if row.len() == width => rows.push(row),
            Frame::Table(table) => (insert, width) = insert_into(tx.dialect(), &table)?,
            Frame::Serial(serial) => set_serial(tx, &serial).await?,
            Frame::End => return Ok(()),
            Frame::Header(_) | Frame::Row(_) => {
                return Err(StoreError::Corrupt("the dump is not in order".to_owned()));
            }
        }
    }
}

/// The statement that writes a row of the table, and how many values it takes. The names come
/// from a file and are checked before they become SQL.
fn insert_into(dialect: Dialect, table: &Table) -> Result<(String, usize)> {
    let plain = |name: &String| {
        !name.is_empty()
            && name.len() < 64
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
    };
    if !TABLES.contains(&table.name.as_str()) || !table.columns.iter().all(plain) {
        return Err(StoreError::Corrupt(format!(
            "the dump has a table {:?}",
            table.name
        )));
    }
    let parameters: Vec<String> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
    let text = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.name,
        table.columns.join(", "),
        parameters.join(", ")
    );
    Ok((dialect.expand(&text), table.columns.len()))
}

async fn set_serial(tx: &mut Tx, serial: &Serial) -> Result<()> {
    if !SERIALS.contains(&(serial.table.as_str(), serial.column.as_str())) || serial.last < 1 {
        return Ok(());
    }
    let (table, column, last) = (&serial.table, &serial.column, serial.last);
    let text = match tx.dialect() {
        Dialect::Sqlite => format!(
            "DELETE FROM sqlite_sequence WHERE name = '{table}';
             INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', {last});"
        ),
        Dialect::Postgres => {
            format!("SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {last});")
        }
    };
    tx.script(&text).await
}

/// A value as the other backend wrote it, in the type that the column has.
pub(crate) fn as_type(value: &Value, ty: &tokio_postgres::types::Type) -> Value {
    use tokio_postgres::types::Type;
    match (value, ty) {
        (Value::I64(value), &Type::BOOL) => Value::Bool(*value != 0),
        (Value::Blob(bytes), &Type::UUID) => {
            uuid::Uuid::from_slice(bytes).map_or_else(|_| value.clone(), Value::Uuid)
        }
        (Value::Text(text), &Type::JSON) => Value::Json(text.clone()),
        _ => value.clone(),
    }
}
