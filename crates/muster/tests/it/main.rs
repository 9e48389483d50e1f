//! Whole nodes, driven by simulated devices over real TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "tests"
)]

mod apple;
mod apple_support;
mod declarative;
mod demo;
mod enrollment;
mod hostile;
mod identity;
mod installation;
mod privacy;
mod push;
mod queue;
mod revocation;
mod scep;
