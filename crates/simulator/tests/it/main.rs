//! The simulator against the `openssl` tool, and against a small scripted MDM server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod apns;
mod authority;
mod commands;
mod declarative;
mod device;
mod fleet;
mod load;
mod openssl;
mod renewal;
mod server;
mod webhook;
