//! Behaviour of the crate through its public seams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod commands;
mod ddm;
mod fitness;
mod hostile;
mod messages;
mod profiles;
mod reactions;
mod support;
