//! Whether the database is whole.

use domain::journal::{Event, Head};

use crate::{
    Db, Dialect, Journal, Result, StoreError, Tx,
    migrate::{MIGRATIONS, applied, pending},
    statement::statements,
    subject::registry,
    value::Row,
};

statements! {
    CHECK_ORPHAN_COMMANDS = "SELECT COUNT(*) FROM commands c JOIN enrollments e ON e.id = c.enrollment_id
        WHERE e.state = 'ended'";
    CHECK_ORPHAN_WISHES = "SELECT COUNT(*) FROM push_wanted p JOIN enrollments e ON e.id = p.enrollment_id
        WHERE e.state = 'ended'";
    CHECK_SILENT_QUEUES = "SELECT COUNT(*) FROM (SELECT DISTINCT c.enrollment_id FROM commands c
            JOIN enrollments e ON e.id = c.enrollment_id
            WHERE e.state = 'active' AND e.push_token IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM push_wanted p WHERE p.enrollment_id = c.enrollment_id)) AS silent";
    CHECK_FOREIGN_PINS = "SELECT COUNT(*) FROM certificates c JOIN identities i ON i.sha256 = c.sha256
        WHERE c.enrollment_id IS NOT NULL AND c.enrollment_id <> i.enrollment_id";
    CHECK_USED_UP = "SELECT COUNT(*) FROM enrollment_tokens WHERE max_uses IS NOT NULL AND uses > max_uses";
}

/// Events read at a time.
const PAGE: u32 = 1000;

/// What [`Db::check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// What is wrong, in words for the operator. Empty is good.
    pub problems: Vec<String>,
    /// How many events of the journal were followed.
    pub events: u64,
}

impl Db {
    /// Looks through everything: the file itself, references, migrations, the statements, rows
    /// that nothing will ever touch, and the journal. `follow` is called with each event in order
    /// and says what is wrong with it (see [`domain::journal::Verifier`]).
    ///
    /// # Errors
    /// When the database cannot be read at all. What is wrong with its content is in the report.
    pub async fn check<F>(&self, mut follow: F) -> Result<CheckReport>
    where
        F: FnMut(&Event) -> Result<(), String> + Send,
    {
        let problems = self
            .read(|tx| {
                Box::pin(async move {
                    let mut problems = Vec::new();
                    file(tx, &mut problems).await?;
                    // Before anything runs on PostgreSQL, where a refused statement ends the transaction.
                    schema(tx, &mut problems).await;
                    migrations(tx, &mut problems).await?;
                    rows(tx, &mut problems).await?;
                    Ok::<_, StoreError>(problems)
                })
            })
            .await?;
        let mut report = CheckReport {
            problems,
            events: 0,
        };
        self.follow(&mut report, &mut follow).await?;
        Ok(report)
    }

    async fn follow(
        &self,
        report: &mut CheckReport,
        follow: &mut (dyn FnMut(&Event) -> Result<(), String> + Send),
    ) -> Result<()> {
        let mut reached = Head::EMPTY;
        // Later events are none of this check's business.
        let head = self
            .read(|tx| Box::pin(async move { tx.journal_head().await }))
            .await?;
        while reached.seq < head.seq {
            let after = reached.seq;
            let events: Vec<Event> = self
                .read(move |tx| {
                    Box::pin(async move { tx.events_after(&Default::default(), after, PAGE).await })
                })
                .await?;
            if events.is_empty() {
                break;
            }
            for event in &events {
                if event.seq != reached.seq + 1 || event.prev != reached.hash {
                    report.problems.push(format!(
                        "journal: event {} does not follow {}",
                        event.seq, reached.seq
                    ));
                    return Ok(());
                }
                if let Err(problem) = follow(event) {
                    report.problems.push(format!("journal: {problem}"));
                    return Ok(());
                }
                reached = Head {
                    seq: event.seq,
                    hash: event.hash,
                };
                report.events += 1;
                if reached.seq == head.seq {
                    break;
                }
            }
        }
        if reached != head {
            report.problems.push(format!(
                "journal: it ends at {}, but its head is {}",
                reached.seq, head.seq
            ));
        }
        Ok(())
    }
}

/// The file of a SQLite database. PostgreSQL looks after its own.
async fn file(tx: &mut Tx, problems: &mut Vec<String>) -> Result<()> {
    if tx.dialect() == Dialect::Postgres {
        return Ok(());
    }
    // Makes the connection notice a schema that changed behind its back.
    tx.rows_of("schema", "SELECT COUNT(*) FROM sqlite_master", &[])
        .await?;
    for mut row in tx
        .rows_of("integrity_check", "PRAGMA integrity_check(20)", &[])
        .await?
    {
        let line: String = row.take()?;
        if line != "ok" {
            problems.push(format!("file: {line}"));
        }
    }
    for mut row in tx
        .rows_of("foreign_key_check", "PRAGMA foreign_key_check", &[])
        .await?
        .into_iter()
        .take(20)
    {
        let (table, _, parent): (String, Option<i64>, String) =
            (row.take()?, row.take()?, row.take()?);
        problems.push(format!(
            "references: a row of {table} refers to a row of {parent} that is missing"
        ));
    }
    Ok(())
}

/// Whether every statement of ours fits the schema.
async fn schema(tx: &mut Tx, problems: &mut Vec<String>) {
    let dialect = tx.dialect();
    for statement in registry() {
        if let Err(error) = tx.prepare(statement.name, statement.text(dialect)).await {
            problems.push(format!("schema: {error}"));
        }
    }
}

async fn migrations(tx: &mut Tx, problems: &mut Vec<String>) -> Result<()> {
    let known = applied(tx).await?;
    match pending(&known, MIGRATIONS) {
        Ok(steps) => problems.extend(
            steps
                .iter()
                .map(|step| format!("migration: {} is not applied", step.name)),
        ),
        Err(error) => problems.push(error.to_string()),
    }
    Ok(())
}

async fn rows(tx: &mut Tx, problems: &mut Vec<String>) -> Result<()> {
    for (statement, words) in [
        (
            &CHECK_ORPHAN_COMMANDS,
            "commands wait for enrollments that have ended",
        ),
        (
            &CHECK_ORPHAN_WISHES,
            "pushes are wanted for enrollments that have ended",
        ),
        (
            &CHECK_SILENT_QUEUES,
            "enrollments have commands but nobody will push them",
        ),
        (
            &CHECK_FOREIGN_PINS,
            "certificates are pinned to another enrollment than they belong to",
        ),
        (
            &CHECK_USED_UP,
            "enrollment tokens were used more often than they allow",
        ),
    ] {
        let count: i64 = tx.find(statement, &[], Row::take).await?.unwrap_or(0);
        if count > 0 {
            problems.push(format!("rows: {count} {words}"));
        }
    }
    Ok(())
}
