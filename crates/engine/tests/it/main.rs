//! The engine through its public seams, on SQLite in a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod idempotency;
mod people;
mod support;
mod webhooks;
