//! What the server does, seen from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that meets the unexpected stops there"
)]

mod api;
mod console;
