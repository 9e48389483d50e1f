//! Leases: which node does a piece of periodic work.

use domain::Timestamp;

use crate::Result;

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
