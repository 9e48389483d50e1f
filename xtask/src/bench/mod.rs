//! `cargo xtask bench`: speed and size, measured from outside the server's process.
//!
//! For each backend: a fresh data folder (and a private PostgreSQL cluster), a server process of the optimised binary,
//! and for each scenario a load process that prints one JSON object per figure. The figures are printed as a table and
//! kept as JSON in cargo's target folder.

mod load;
mod postgres;
mod process;
mod report;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these backends, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    backend: Vec<Backend>,
    /// Only these scenarios, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    scenario: Vec<load::Scenario>,
    /// Runs of each scenario; the median is reported.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Devices to enroll before measuring.
    #[arg(long, default_value_t = 1_000)]
    devices: u32,
    /// Seconds of load in each run.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
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
    eprintln!("Building the optimised binary (some minutes the first time) ...");
    let binary = workspace.build_muster("bench")?;
    let results = workspace.scratch()?.join("bench.json");
    let mut figures = Vec::new();
    for backend in chosen(&options.backend) {
        let place = tempfile::Builder::new()
            .prefix("muster-bench-")
            .tempdir_in(&options.folder)?;
        let cluster = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(postgres::Cluster::start(&options.folder)?),
        };
        let server = process::Server::start(&binary, place.path(), cluster.as_ref())?;
        figures.push(report::Figure::new(
            backend,
            "start to ready, empty",
            server.ready_after.as_secs_f64() * 1e3,
            "ms",
        ));
        for scenario in chosen(&options.scenario) {
            eprintln!("{}: {} ...", backend.name(), scenario.name());
            let mut runs = Vec::new();
            for _ in 0..options.runs.max(1) {
                runs.push(load::run(
                    &binary,
                    &server,
                    scenario,
                    options.devices,
                    options.seconds,
                )?);
            }
            figures.extend(report::medians(backend, &runs));
        }
        figures.push(report::Figure::new(
            backend,
            "server memory at the end",
            server.resident_bytes()? / 1_048_576.0,
            "MiB",
        ));
        server.stop()?;
    }
    print!("{}", report::table(&figures));
    std::fs::write(&results, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("\nAlso in {}", results.display());
    Ok(())
}

fn chosen<T: ValueEnum>(wanted: &[T]) -> Vec<T> {
    if wanted.is_empty() {
        T::value_variants().to_vec()
    } else {
        wanted.to_vec()
    }
}
