//! Migrations: embedded, dated, checked by their hash, all or none.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use domain::Timestamp;

use crate::{
    Db, Dialect, Result, StoreError, Tx,
    db::{Backend, open_reader, sqlite_error},
    statement::statements,
    value::{Row, values},
};

/// A step of the schema. Once released its text never changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Date, number and subject; sorts in order.
    pub(crate) name: &'static str,
    /// The SQL for both databases.
    pub(crate) source: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration { name: $name, source: include_str!(concat!("../migrations/", $name, ".sql")) }),+]
    };
}

/// The schema, step by step.
pub(crate) const MIGRATIONS: &[Migration] = migrations![
    "20261121_0001_devices_and_enrollments",
    "20261121_0002_queue_and_push",
    "20261121_0003_facts_and_declarations",
    "20261121_0004_secrets_and_journal",
    "20261121_0005_access",
    "20261121_0006_plans",
];

/// A key of our own for PostgreSQL's advisory lock: "muster" in ASCII.
const LOCK: &str = "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = 0;
    SELECT pg_advisory_xact_lock(120276512040306);";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    name TEXT NOT NULL PRIMARY KEY, checksum {blob} NOT NULL, applied_at BIGINT NOT NULL)";

statements! {
    MIGRATION_LIST = "SELECT name, checksum, applied_at FROM schema_migrations ORDER BY name";
    MIGRATION_INSERT = "INSERT INTO schema_migrations (name, checksum, applied_at) VALUES ($1, $2, $3)";
}

/// What [`Db::migrate`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The steps it applied, in order; empty when the schema was up to date.
    pub applied: Vec<String>,
    /// The copy of the SQLite file made beforehand.
    pub backup: Option<PathBuf>,
}

impl Db {
    /// Brings the schema up to date. Several nodes may do so at once. A SQLite file that holds
    /// data is copied beside itself first.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when an applied step is unknown here (the database belongs to a
    /// newer Muster) or was changed; otherwise why a step failed. Nothing is applied then.
    pub async fn migrate(&self, now: Timestamp) -> Result<Migrated> {
        self.migrate_to(MIGRATIONS, now).await
    }

    pub(crate) async fn migrate_to(
        &self,
        steps: &'static [Migration],
        now: Timestamp,
    ) -> Result<Migrated> {
        let backup = match self.backend() {
            Backend::Sqlite(sqlite) => copy_before_upgrade(sqlite.path().to_owned(), steps).await?,
            Backend::Postgres(_) => None,
        };
        let applied = self
            .write(move |tx| Box::pin(async move { apply(tx, steps, now).await }))
            .await?;
        if !applied.is_empty() {
            tracing::info!(?applied, "the database schema was brought up to date");
        }
        Ok(Migrated { applied, backup })
    }
}

async fn apply(tx: &mut Tx, steps: &'static [Migration], now: Timestamp) -> Result<Vec<String>> {
    if tx.dialect() == Dialect::Postgres {
        tx.script(LOCK).await?;
    }
    tx.script(&tx.dialect().expand(TABLE)).await?;
    let known = applied(tx).await?;
    let pending = pending(&known, steps)?;
    for step in &pending {
        tx.script(&tx.dialect().expand(step.source))
            .await
            .map_err(|error| match error {
                StoreError::Statement { reason, .. } => {
                    StoreError::Migration(format!("{}: {reason}", step.name))
                }
                other => other,
            })?;
        tx.execute(
            &MIGRATION_INSERT,
            &values![step.name, checksum(step.source), now],
        )
        .await?;
    }
    Ok(pending.iter().map(|step| step.name.to_owned()).collect())
}

/// Name and checksum of the applied steps.
pub(crate) async fn applied(tx: &mut Tx) -> Result<Vec<(String, Vec<u8>)>> {
    tx.all(&MIGRATION_LIST, &[], |row: &mut Row| {
        Ok((row.take()?, row.take()?))
    })
    .await
}

/// The steps that are not applied yet, after checking those that are.
pub(crate) fn pending(
    known: &[(String, Vec<u8>)],
    steps: &'static [Migration],
) -> Result<Vec<&'static Migration>> {
    for (name, hash) in known {
        let step = steps.iter().find(|step| step.name == name).ok_or_else(|| {
            StoreError::Migration(format!(
                "{name} is applied but unknown here: the database belongs to a newer version"
            ))
        })?;
        if checksum(step.source) != *hash {
            return Err(StoreError::Migration(format!(
                "{name} was changed after it was applied"
            )));
        }
    }
    Ok(steps
        .iter()
        .filter(|step| known.iter().all(|(name, _)| name != step.name))
        .collect())
}

fn checksum(source: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, source.as_bytes())
        .as_ref()
        .to_vec()
}

/// Copies a file that has a schema, when steps are missing.
async fn copy_before_upgrade(
    path: PathBuf,
    steps: &'static [Migration],
) -> Result<Option<PathBuf>> {
    tokio::task::spawn_blocking(move || {
        let connection = open_reader(&path)?;
        let known: Result<Vec<String>, _> = connection
            .prepare("SELECT name FROM schema_migrations")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect());
        // No such table: an empty file.
        let known = known.unwrap_or_default();
        let first = steps
            .iter()
            .find(|step| known.iter().all(|name| name != step.name));
        match first {
            Some(first) if !known.is_empty() => {
                let target = beside(&path, &format!(".before-{}", first.name));
                copy(&connection, &target)?;
                Ok(Some(target))
            }
            _ => Ok(None),
        }
    })
    .await
    .map_err(|_| StoreError::Panicked)?
}

/// Copies a whole SQLite database into a new file that appears when it is complete. All in one
/// step: writers go on meanwhile, and between steps they would make it begin again.
pub(crate) fn copy(from: &rusqlite::Connection, target: &Path) -> Result<()> {
    let part = beside(target, ".part");
    let _ = std::fs::remove_file(&part);
    {
        let mut to = rusqlite::Connection::open(&part).map_err(|e| sqlite_error("backup", e))?;
        rusqlite::backup::Backup::new(from, &mut to)
            .and_then(|backup| backup.run_to_completion(i32::MAX, std::time::Duration::ZERO, None))
            .map_err(|e| sqlite_error("backup", e))?;
    }
    std::fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&part, target))
        .map_err(|error| crate::db::unavailable(&format!("{}: {error}", target.display())))
}

/// The path with something added to its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::testing;

    const FIRST: Migration = Migration {
        name: "1",
        source: "CREATE TABLE one (id {uuid} NOT NULL)",
    };
    const SECOND: Migration = Migration {
        name: "2",
        source: "CREATE TABLE two (id BIGINT)",
    };
    const NOW: Timestamp = Timestamp::from_millis(1);

    #[tokio::test]
    async fn a_file_with_data_is_copied_before_it_is_upgraded() {
        let test = testing::empty_sqlite().await;
        let first = test.db.migrate_to(&[FIRST], NOW).await.unwrap();
        assert_eq!((first.applied.len(), first.backup), (1, None));
        let second = test.db.migrate_to(&[FIRST, SECOND], NOW).await.unwrap();
        assert_eq!(second.applied, ["2"]);
        let copy = rusqlite::Connection::open(second.backup.unwrap()).unwrap();
        let tables: i64 = copy
            .query_row(
                "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('one', 'two')",
                [],
                |r| r.get(0),
            )
            .unwrap();
        assert_eq!(tables, 1, "the copy has the old schema");
        assert_eq!(
            test.db.migrate_to(&[FIRST, SECOND], NOW).await.unwrap(),
            Migrated::default()
        );
    }

    #[tokio::test]
    async fn changed_unknown_and_broken_steps_are_refused_and_leave_nothing() {
        for test in [
            testing::empty_sqlite().await,
            testing::empty_postgres().await,
        ] {
            test.db.migrate_to(&[FIRST], NOW).await.unwrap();
            let changed = &[Migration {
                name: "1",
                source: "CREATE TABLE other (id BIGINT)",
            }];
            assert!(matches!(
                test.db.migrate_to(changed, NOW).await,
                Err(StoreError::Migration(_))
            ));
            assert!(matches!(
                test.db.migrate_to(&[SECOND], NOW).await,
                Err(StoreError::Migration(_))
            ));
            let broken = &[
                FIRST,
                SECOND,
                Migration {
                    name: "3",
                    source: "CREATE GARBAGE",
                },
            ];
            assert!(matches!(
                test.db.migrate_to(broken, NOW).await,
                Err(StoreError::Migration(_))
            ));
            let next = test.db.migrate_to(&[FIRST, SECOND], NOW).await.unwrap();
            assert_eq!(
                next.applied,
                ["2"],
                "the failed attempt left nothing behind"
            );
        }
    }

    #[tokio::test]
    async fn nodes_that_start_together_migrate_once() {
        let test = testing::empty_postgres().await;
        let (a, b) = (test.db.clone(), test.open_again().await);
        let (a, b) = tokio::join!(a.migrate(NOW), b.migrate(NOW));
        let (a, b) = (a.unwrap().applied.len(), b.unwrap().applied.len());
        assert_eq!((a + b, a * b), (MIGRATIONS.len(), 0));
    }
}
