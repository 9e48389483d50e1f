//! The repository's chores, as one program: `cargo xtask <verb>`.
//!
//! Everything that a person or continuous integration does to the repository is a verb here, so that both do the same.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a chore talks to the terminal and times itself"
)]

mod assets;
mod bench;
mod browser;
mod demo;
mod fuzz;
mod openapi;
mod packages;
mod shell;
mod suite;
mod tally;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Muster's repository chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Check everything: what continuous integration runs.
    Test(suite::Options),
    /// Run a server with simulated devices on this machine.
    Demo(demo::Options),
    /// Install the console's packages by lock file and build its assets.
    Assets,
    /// Write generated files (openapi.json), or check that they are current.
    Gen(openapi::Options),
    /// Measure speed and size on SQLite and PostgreSQL.
    Bench(bench::Options),
    /// Feed mutated input to every parser for a while.
    Fuzz(fuzz::Options),
    /// Check the layers, sizes, words, documents and manifests.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// True when the chore found nothing wrong.
fn run(verb: Verb) -> Result<bool> {
    let workspace = Workspace::load()?;
    match verb {
        Verb::Test(options) => suite::run(&workspace, &options),
        Verb::Demo(options) => demo::run(&workspace, &options).map(|()| true),
        Verb::Assets => assets::build(&workspace).map(|()| true),
        Verb::Gen(options) => openapi::run(&workspace, &options).map(|()| true),
        Verb::Bench(options) => bench::run(&workspace, &options).map(|()| true),
        Verb::Fuzz(options) => fuzz::run(&workspace, &options).map(|()| true),
        Verb::Tidy => tidy::run(&workspace),
    }
}
