//! The organisation tree.

use domain::{Timestamp, UnitId};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

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

statements! {
    UNIT_INSERT = "INSERT INTO units (id, parent_id, name, created_at) VALUES ($1, $2, $3, $4)";
    UNIT_GET = "SELECT id, parent_id, name, created_at FROM units WHERE id = $1";
    UNIT_LIST = "SELECT id, parent_id, name, created_at FROM units ORDER BY name, id";
    UNIT_RENAME = "UPDATE units SET name = $2 WHERE id = $1";
}

fn read_unit(row: &mut Row) -> Result<Unit> {
    Ok(Unit {
        id: row.take()?,
        parent_id: row.take()?,
        name: row.take()?,
        created_at: row.take()?,
    })
}

impl Units for Tx {
    async fn insert_unit(&mut self, unit: &Unit) -> Result<()> {
        self.execute(
            &UNIT_INSERT,
            &values![unit.id, unit.parent_id, &unit.name, unit.created_at],
        )
        .await?;
        Ok(())
    }

    async fn unit(&mut self, id: UnitId) -> Result<Option<Unit>> {
        self.find(&UNIT_GET, &values![id], read_unit).await
    }

    async fn units(&mut self) -> Result<Vec<Unit>> {
        self.all(&UNIT_LIST, &[], read_unit).await
    }

    async fn rename_unit(&mut self, id: UnitId, name: &str) -> Result<bool> {
        self.changes(&UNIT_RENAME, &values![id, name]).await
    }
}
