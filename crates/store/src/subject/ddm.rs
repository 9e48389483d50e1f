//! What declarative management showed to and heard from each enrollment.

use domain::{EnrollmentId, Timestamp};
use serde_json::Value as Json;

use crate::Result;

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
    fn put_ddm_snapshot(&mut self, snapshot: &DdmSnapshot, keep: u32) -> impl Future<Output = Result<()>> + Send;
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
    fn remove_ddm_status(&mut self, enrollment: EnrollmentId, path: &str) -> impl Future<Output = Result<()>> + Send;
    /// All status documents, by path.
    fn ddm_status(&mut self, enrollment: EnrollmentId) -> impl Future<Output = Result<Vec<DdmStatusItem>>> + Send;
}
