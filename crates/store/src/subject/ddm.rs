//! What declarative management showed to and heard from each enrollment.

use domain::{EnrollmentId, Timestamp};
use serde_json::Value as Json;

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

/// The set of declarations shown to an enrollment.
#[derive(Debug, Clone, PartialEq)]
pub struct DdmSnapshot {
    /// To whom.
    pub enrollment_id: EnrollmentId,
    /// The token of the set.
    pub declarations_token: String,
    /// The declaration items as shown.
    pub items: Json,
    /// When.
    pub created_at: Timestamp,
}

/// A status report's document, by its path.
#[derive(Debug, Clone, PartialEq)]
pub struct DdmStatusItem {
    /// Status item path or declaration identifier.
    pub path: String,
    /// Its value.
    pub document: Json,
    /// When it was reported.
    pub observed_at: Timestamp,
}

/// Declarative management per enrollment.
pub trait Ddm {
    /// Keeps a snapshot, and of its enrollment only the newest `keep`. The same token again only
    /// makes it the newest.
    fn put_ddm_snapshot(
        &mut self,
        snapshot: &DdmSnapshot,
        keep: u32,
    ) -> impl Future<Output = Result<()>> + Send;
    /// By token.
    fn ddm_snapshot(
        &mut self,
        enrollment: EnrollmentId,
        declarations_token: &str,
    ) -> impl Future<Output = Result<Option<DdmSnapshot>>> + Send;
    /// The newest.
    fn latest_ddm_snapshot(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<Option<DdmSnapshot>>> + Send;
    /// Writes one status document.
    fn put_ddm_status(
        &mut self,
        enrollment: EnrollmentId,
        item: &DdmStatusItem,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes one status document.
    fn remove_ddm_status(
        &mut self,
        enrollment: EnrollmentId,
        path: &str,
    ) -> impl Future<Output = Result<()>> + Send;
    /// All status documents, by path.
    fn ddm_status(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<Vec<DdmStatusItem>>> + Send;
}

macro_rules! snapshot_columns {
    () => {
        "enrollment_id, declarations_token, items, created_at"
    };
}

statements! {
    DDM_FORGET = "DELETE FROM ddm_snapshots WHERE enrollment_id = $1 AND declarations_token = $2";
    DDM_PUT = "INSERT INTO ddm_snapshots (", snapshot_columns!(), ") VALUES ($1, $2, $3, $4)";
    DDM_TRIM = "DELETE FROM ddm_snapshots WHERE seq IN (
        SELECT seq FROM ddm_snapshots WHERE enrollment_id = $1 ORDER BY seq DESC LIMIT 1000 OFFSET $2)";
    DDM_GET = "SELECT ", snapshot_columns!(), " FROM ddm_snapshots
        WHERE enrollment_id = $1 AND declarations_token = $2";
    DDM_LATEST = "SELECT ", snapshot_columns!(), " FROM ddm_snapshots
        WHERE enrollment_id = $1 ORDER BY seq DESC LIMIT 1";
    DDM_STATUS_PUT = "INSERT INTO ddm_status (enrollment_id, path, document, observed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (enrollment_id, path) DO UPDATE SET document = excluded.document, observed_at = excluded.observed_at";
    DDM_STATUS_REMOVE = "DELETE FROM ddm_status WHERE enrollment_id = $1 AND path = $2";
    DDM_STATUS_LIST = "SELECT path, document, observed_at FROM ddm_status WHERE enrollment_id = $1 ORDER BY path";
}

fn read_snapshot(row: &mut Row) -> Result<DdmSnapshot> {
    Ok(DdmSnapshot {
        enrollment_id: row.take()?,
        declarations_token: row.take()?,
        items: row.json()?,
        created_at: row.take()?,
    })
}

impl Ddm for Tx {
    async fn put_ddm_snapshot(&mut self, snapshot: &DdmSnapshot, keep: u32) -> Result<()> {
        let (enrollment, token) = (snapshot.enrollment_id, &snapshot.declarations_token);
        self.execute(&DDM_FORGET, &values![enrollment, token])
            .await?;
        let values = values![enrollment, token, &snapshot.items, snapshot.created_at];
        self.execute(&DDM_PUT, &values).await?;
        self.execute(&DDM_TRIM, &values![enrollment, keep.max(1)])
            .await?;
        Ok(())
    }

    async fn ddm_snapshot(
        &mut self,
        enrollment: EnrollmentId,
        declarations_token: &str,
    ) -> Result<Option<DdmSnapshot>> {
        self.find(
            &DDM_GET,
            &values![enrollment, declarations_token],
            read_snapshot,
        )
        .await
    }

    async fn latest_ddm_snapshot(
        &mut self,
        enrollment: EnrollmentId,
    ) -> Result<Option<DdmSnapshot>> {
        self.find(&DDM_LATEST, &values![enrollment], read_snapshot)
            .await
    }

    async fn put_ddm_status(
        &mut self,
        enrollment: EnrollmentId,
        item: &DdmStatusItem,
    ) -> Result<()> {
        let values = values![enrollment, &item.path, &item.document, item.observed_at];
        self.execute(&DDM_STATUS_PUT, &values).await?;
        Ok(())
    }

    async fn remove_ddm_status(&mut self, enrollment: EnrollmentId, path: &str) -> Result<()> {
        self.execute(&DDM_STATUS_REMOVE, &values![enrollment, path])
            .await?;
        Ok(())
    }

    async fn ddm_status(&mut self, enrollment: EnrollmentId) -> Result<Vec<DdmStatusItem>> {
        self.all(&DDM_STATUS_LIST, &values![enrollment], |row| {
            Ok(DdmStatusItem {
                path: row.take()?,
                document: row.json()?,
                observed_at: row.take()?,
            })
        })
        .await
    }
}
