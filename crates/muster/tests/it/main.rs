//! Whole nodes, driven by simulated devices over real TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "tests"
)]

mod apple;
mod demo;
mod installation;
