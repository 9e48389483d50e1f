//! `cargo xtask bench`: speed and size, measured from outside the server's process.
//!
//! Builds the optimised binary and lets `muster bench` measure for each backend, on PostgreSQL with a private cluster.
//! The figures are printed as one table and kept as JSON in cargo's target folder.

mod postgres;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::shell;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these backends, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    backend: Vec<Backend>,
    /// Measure this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Devices enrolled in the end; memory is looked at when there are 1,000, 10,000 and 100,000 on the way.
    #[arg(long, default_value_t = 100_000)]
    devices_max: u32,
    /// Seconds of each run of connects.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Runs whose median is reported.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Where the databases are made, and removed again: a folder on the disk to be measured, not in memory.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// Where the server keeps its data.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Backend {
    /// The embedded database.
    Sqlite,
    /// A private PostgreSQL cluster on a Unix socket.
    Postgres,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Measures and reports.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => {
            eprintln!("Building the optimised binary (some minutes the first time) ...");
            workspace.build_muster("bench")?
        }
    };
    let scratch = workspace.scratch()?;
    println!("{}", provenance(workspace));
    let mut measured = Vec::new();
    let mut failure = None;
    for backend in chosen(&options.backend) {
        println!("\n{}:", backend.name());
        let file = scratch.join(format!("bench-{}.json", backend.name().to_lowercase()));
        if let Err(error) = measure(&binary, backend, options, &file) {
            failure = Some(error.context(backend.name()));
        } else {
            measured.push((backend, report::read(&file)?));
        }
    }
    println!("\n{}", report::table(&measured));
    failure.map_or(Ok(()), Err)
}

fn measure(binary: &Path, backend: Backend, options: &Options, file: &Path) -> Result<()> {
    let cluster = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(postgres::Cluster::start(&options.folder)?),
    };
    let mut command = Command::new(binary);
    command.arg("bench").arg("--json-file").arg(file);
    command.arg("--folder").arg(&options.folder);
    for (name, value) in [
        ("--devices-max", options.devices_max),
        ("--seconds", options.seconds),
        ("--runs", options.runs),
    ] {
        command.args([name, &value.to_string()]);
    }
    if let Some(cluster) = &cluster {
        command.args(["--database", &cluster.url()]);
        command.arg("--database-folder").arg(cluster.tables());
        println!("{}", cluster.version()?);
    }
    shell::run(&mut command)
}

/// What was built, and by what.
fn provenance(workspace: &Workspace) -> String {
    let say = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&workspace.root)
            .output()
            .ok()
            .filter(|output| output.status.success());
        output.map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let changed = !say("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    format!(
        "Commit {}{}, {}",
        say("git", &["rev-parse", "--short=12", "HEAD"]),
        if changed {
            " with uncommitted changes"
        } else {
            ""
        },
        say("rustc", &["--version"])
    )
}

fn chosen(wanted: &[Backend]) -> Vec<Backend> {
    if wanted.is_empty() {
        Backend::value_variants().to_vec()
    } else {
        wanted.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::{Backend, chosen};

    #[test]
    fn both_backends_unless_one_is_chosen() {
        assert_eq!(chosen(&[]), [Backend::Sqlite, Backend::Postgres]);
        assert_eq!(chosen(&[Backend::Postgres]), [Backend::Postgres]);
    }
}
