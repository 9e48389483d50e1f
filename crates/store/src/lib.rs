//! Storage: one layer over SQLite and PostgreSQL, and the traits of what is stored.
//!
//! A write is a closure over a transaction ([`Db::write`]); a read is a closure over a snapshot
//! ([`Db::read`]). Subjects ([`Devices`], [`Commands`], ...) are traits implemented for [`Tx`]:
//!
//! ```ignore
//! let device = db.read(move |tx| Box::pin(async move { tx.device(id).await })).await?;
//! ```

mod backup;
mod check;
mod db;
mod dialect;
mod error;
mod migrate;
mod statement;
mod subject;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod value;
mod wake;

pub use backup::Moved;
pub use check::CheckReport;
pub use db::{BoxFuture, Db, DbConfig, Tx};
pub use dialect::Dialect;
pub use error::{ConstraintKind, StoreError};
pub use migrate::Migrated;
pub use subject::*;
pub use wake::{Wake, WakeReceiver};

/// A result whose error is a [`StoreError`].
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
