//! Whole nodes, driven by simulated devices over real TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod apple;
mod apple_support;
mod cli;
mod cluster;
mod declarative;
mod demo;
mod durability;
mod enrollment;
mod hostile;
mod identity;
mod installation;
mod load;
mod logs;
mod nodes;
mod outage;
mod privacy;
mod process;
mod push;
mod queue;
mod revocation;
mod scep;
