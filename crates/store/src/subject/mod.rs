//! What is stored, subject by subject: row types, and one trait per subject implemented for
//! [`crate::Tx`].
//!
//! Lookups return an option. Times and identifiers are arguments. Method names are distinct
//! across subjects, so that any of the traits can be in scope together.

mod access;
mod admins;
mod certificates;
mod commands;
mod ddm;
mod declarations;
mod device_list;
mod devices;
mod enrollments;
mod facts;
mod journal;
mod leases;
mod plans;
mod push;
mod secrets;
mod settings;
mod tickets;
mod tokens;
mod units;
mod webhooks;

pub use access::*;
pub use admins::*;
pub use certificates::*;
pub use commands::*;
pub use ddm::*;
pub use declarations::*;
pub use device_list::*;
pub use devices::*;
pub use enrollments::*;
pub use facts::*;
pub use journal::*;
pub use leases::*;
pub use plans::*;
pub use push::*;
pub use secrets::*;
pub use settings::*;
pub use tickets::*;
pub use tokens::*;
pub use units::*;
pub use webhooks::*;

/// Every statement with a fixed text.
pub(crate) fn registry() -> impl Iterator<Item = &'static crate::statement::Statement> {
    [
        access::STATEMENTS,
        admins::STATEMENTS,
        certificates::STATEMENTS,
        commands::STATEMENTS,
        ddm::STATEMENTS,
        declarations::STATEMENTS,
        devices::STATEMENTS,
        enrollments::STATEMENTS,
        facts::STATEMENTS,
        journal::STATEMENTS,
        leases::STATEMENTS,
        plans::STATEMENTS,
        push::STATEMENTS,
        secrets::STATEMENTS,
        settings::STATEMENTS,
        tickets::STATEMENTS,
        tokens::STATEMENTS,
        units::STATEMENTS,
        webhooks::STATEMENTS,
        crate::check::STATEMENTS,
        crate::db::STATEMENTS,
        crate::migrate::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[cfg(test)]
pub(crate) use device_list::all_texts as device_list_texts;
