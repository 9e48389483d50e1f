//! The organisation tree.

use domain::{Timestamp, UnitId};

use crate::Result;

/// A node of the organisation tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Identity.
    pub id: UnitId,
    /// The node above; `None` for a root.
    pub parent_id: Option<UnitId>,
    /// Name as people see it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The organisation tree.
pub trait Units {
    /// Adds a unit.
    fn insert_unit(&mut self, unit: &Unit) -> impl Future<Output = Result<()>> + Send;
    /// One unit.
    fn unit(&mut self, id: UnitId) -> impl Future<Output = Result<Option<Unit>>> + Send;
    /// All units, by name.
    fn units(&mut self) -> impl Future<Output = Result<Vec<Unit>>> + Send;
    /// Renames a unit; false when there is none.
    fn rename_unit(&mut self, id: UnitId, name: &str) -> impl Future<Output = Result<bool>> + Send;
}
