//! Backup and restore.
//!
//! A SQLite database is backed up as a SQLite file. A PostgreSQL database is backed up as a
//! *dump*: a portable file (see [`format`]) that restores into either backend. A SQLite database
//! can be dumped as well, and a SQLite file restores into PostgreSQL: that is how an installation
//! moves.

mod dump;
mod format;
mod restore;

pub(crate) use restore::as_type;

use std::path::{Path, PathBuf};

use domain::Timestamp;

use crate::{
    Db, Result, StoreError,
    db::{Backend, open_reader, unavailable},
    migrate,
};

/// All tables but the list of migrations, each after those it refers to.
const TABLES: [&str; 34] = [
    "units",
    "devices",
    "enrollment_tokens",
    "enrollments",
    "tickets",
    "certificates",
    "identities",
    "commands",
    "command_history",
    "plan_due",
    "push_wanted",
    "facts",
    "raw_reports",
    "declarations",
    "declaration_versions",
    "declaration_targets",
    "ddm_snapshots",
    "ddm_status",
    "secrets",
    "keys",
    "settings",
    "leases",
    "journal_pending",
    "journal",
    "journal_head",
    "journal_checkpoints",
    "webhooks",
    "webhook_deliveries",
    "admins",
    "passkeys",
    "sessions",
    "sign_in_links",
    "api_tokens",
    "idempotency_keys",
];

/// Columns that count by themselves. Their counters outlive their rows.
const SERIALS: [(&str, &str); 4] = [
    ("commands", "seq"),
    ("declaration_targets", "seq"),
    ("ddm_snapshots", "seq"),
    ("journal_pending", "n"),
];

/// What a backup or a restore moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows of all tables; 0 where whole files were copied.
    pub rows: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
}

impl Db {
    /// Copies everything into a new file while work goes on: a SQLite file on SQLite, a dump on
    /// PostgreSQL. The file appears when it is complete and on disk.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be written, and those of reading.
    pub async fn backup(&self, path: &Path, now: Timestamp) -> Result<Moved> {
        match self.backend() {
            Backend::Postgres(_) => self.dump(path, now).await,
            Backend::Sqlite(sqlite) => {
                let (from, to) = (sqlite.path().to_owned(), path.to_owned());
                blocking(move || {
                    migrate::copy(&open_reader(&from)?, &to)?;
                    let bytes = std::fs::metadata(&to).map_err(|e| io(&to, &e))?.len();
                    Ok(Moved { rows: 0, bytes })
                })
                .await
            }
        }
    }

    /// Writes everything, of one moment, into a portable file that restores into either backend.
    ///
    /// # Errors
    /// As for [`Db::backup`].
    pub async fn dump(&self, path: &Path, now: Timestamp) -> Result<Moved> {
        match self.backend() {
            Backend::Sqlite(sqlite) => {
                let (from, to) = (sqlite.path().to_owned(), path.to_owned());
                blocking(move || dump::from_sqlite(&from, &to, now)).await
            }
            Backend::Postgres(postgres) => dump::from_postgres(postgres, path, now).await,
        }
    }

    /// Fills this database, which must be empty, from a dump or a SQLite backup, and brings the
    /// schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when this database is not empty; [`StoreError::Corrupt`] when the
    /// file is cut off or changed; [`StoreError::Migration`] when it belongs to a newer version.
    /// Nothing but an empty schema is left then.
    pub async fn restore(&self, path: &Path, now: Timestamp) -> Result<Moved> {
        let moved = if is_sqlite(path)? {
            let (from, portable) = (path.to_owned(), with_suffix(path, ".portable"));
            let to = portable.clone();
            blocking(move || dump::from_sqlite(&from, &to, now)).await?;
            let moved = restore::from_dump(self, &portable, now).await;
            let _ = std::fs::remove_file(&portable);
            moved?
        } else {
            restore::from_dump(self, path, now).await?
        };
        self.migrate(now).await?;
        Ok(moved)
    }
}

fn is_sqlite(path: &Path) -> Result<bool> {
    let mut start = [0; 16];
    let mut file = std::fs::File::open(path).map_err(|e| io(path, &e))?;
    Ok(std::io::Read::read_exact(&mut file, &mut start).is_ok() && start == *b"SQLite format 3\0")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Panicked)?
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => unavailable(&format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn no_table_of_the_schema_is_left_out_of_a_dump() {
        let test = testing::sqlite().await;
        let names: Result<BTreeSet<String>> = test
            .db
            .read(|tx| {
                Box::pin(async move {
                    let text = "SELECT name FROM sqlite_master WHERE type = 'table'
                        AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> 'schema_migrations'";
                    let rows = tx.rows_of("tables", text, &[]).await?;
                    rows.into_iter().map(|mut row| row.take()).collect()
                })
            })
            .await;
        let dumped: BTreeSet<String> = TABLES.into_iter().map(str::to_owned).collect();
        assert_eq!(names.unwrap(), dumped);
    }
}
