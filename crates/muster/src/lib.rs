//! The `muster` program: configuration, composition root, command line, demonstration.

pub mod cli;
pub mod config;
pub mod demo;
pub mod logging;
pub mod node;
pub mod serve;
