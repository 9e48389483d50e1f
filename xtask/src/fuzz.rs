//! `cargo xtask fuzz`: the property tests of the parsers, with more time.
//!
//! A fuzz test is an ordinary test whose name or module contains `fuzz`, `never_panic` or `hostile`. It mutates good
//! messages, or makes bad ones, and demands an answer or an error, never a panic. In the ordinary run it takes well
//! under a second; here `PROPTEST_CASES` makes proptest try more cases, and `MUSTER_FUZZ_SECONDS` tells a test that
//! counts for itself how long it may go on. Coverage-guided fuzzing needs a nightly compiler, which the project does
//! not ask of anybody.

use std::process::Command;

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds for each fuzz test.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only the tests of this crate.
    #[arg(long, short)]
    package: Option<String>,
}

/// Runs the fuzz tests on this terminal.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    shell::run(&mut command(
        workspace,
        options.seconds,
        options.package.as_deref(),
    ))
}

/// The command that gives every fuzz test about so many seconds.
pub(crate) fn command(workspace: &Workspace, seconds: u64, package: Option<&str>) -> Command {
    let mut command = workspace.cargo();
    if shell::exists("cargo-nextest") {
        command.args([
            "nextest",
            "run",
            "--locked",
            "--cargo-quiet",
            "--no-fail-fast",
            "--profile",
            "fuzz",
            "-E",
            "test(/fuzz|never_panic|hostile/)",
        ]);
        command.args(["--status-level", "slow", "--no-tests", "fail"]);
    } else {
        command.args(["test", "--locked", "--quiet", "--no-fail-fast"]);
    }
    match package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    if !shell::exists("cargo-nextest") {
        command.args(["--", "fuzz", "never_panic", "hostile"]);
    }
    // Measured: the slowest of them manages some 900 cases a second in an unoptimised build.
    command.env("MUSTER_FUZZ_SECONDS", seconds.to_string());
    command.env(
        "PROPTEST_CASES",
        (seconds.saturating_mul(1_000)).max(256).to_string(),
    );
    command
}
