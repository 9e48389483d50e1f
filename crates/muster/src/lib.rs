//! The `muster` program: configuration, composition root, command line, demonstration.

pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
pub mod logging;
pub mod node;
pub mod serve;
