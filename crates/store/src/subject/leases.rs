//! Leases: which node does a piece of periodic work.

use domain::Timestamp;

use crate::{Result, Tx, statement::statements, value::values};

/// Leases.
pub trait Leases {
    /// Takes or prolongs a lease if it is free, expired or already ours; false when another node holds it.
    fn acquire_lease(
        &mut self,
        name: &str,
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Gives a lease back.
    fn release_lease(&mut self, name: &str, node: &str) -> impl Future<Output = Result<()>> + Send;
}

statements! {
    LEASE_ACQUIRE = "INSERT INTO leases (name, node, until) VALUES ($1, $2, $4)
        ON CONFLICT (name) DO UPDATE SET node = excluded.node, until = excluded.until
        WHERE leases.node = excluded.node OR leases.until <= $3";
    LEASE_RELEASE = "DELETE FROM leases WHERE name = $1 AND node = $2";
}

impl Leases for Tx {
    async fn acquire_lease(
        &mut self,
        name: &str,
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        self.changes(&LEASE_ACQUIRE, &values![name, node, now, until])
            .await
    }

    async fn release_lease(&mut self, name: &str, node: &str) -> Result<()> {
        self.execute(&LEASE_RELEASE, &values![name, node]).await?;
        Ok(())
    }
}
