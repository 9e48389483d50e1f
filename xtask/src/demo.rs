//! `cargo xtask demo`: the two steps between a fresh clone and a running demonstration.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::assets;
use crate::workspace::Workspace;

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build with full optimisation first; slower to build, for large numbers of devices.
    #[arg(long)]
    release: bool,
    /// Handed to `muster demo` as they are, for example `--devices 1000`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds, then becomes `muster demo`, so that signals and the exit code are the demonstration's own.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    eprintln!("Building the console's assets ...");
    assets::build(workspace)?;
    eprintln!("Building muster (some minutes the first time) ...");
    let binary = workspace.build_muster(if options.release { "release" } else { "dev" })?;
    let error = Command::new(&binary)
        .arg("demo")
        .args(&options.rest)
        .current_dir(&workspace.root)
        .exec();
    Err(error).with_context(|| format!("starting {}", binary.display()))
}
