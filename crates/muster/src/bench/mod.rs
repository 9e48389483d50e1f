//! `muster bench`: speed and size of the server, measured from outside its process.
//!
//! The server runs as an operator runs it: `muster serve` with a configuration file, TLS of its own
//! authority, and a database on disk. This process is everything else: devices that enroll over the
//! real protocols and keep their connections open, a stand-in for the push service, and a program that
//! uses the admin API. Both share the machine, so the processor time of each is given beside the rates.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock; nothing of the server is in here"
)]

mod admin;
mod crowd;
mod figure;
mod fill;
mod load;
mod machine;
mod process;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use simulator::apns::StandIn;

use self::{
    admin::Admin,
    crowd::Crowd,
    figure::{Figure, Results},
    process::Server,
};
use crate::cli::output::Output;

/// Options of the measurement
#[derive(Debug, Clone, Args)]
pub struct BenchOptions {
    /// An empty database: sqlite:PATH or postgres://...; a throw-away SQLite file if left out
    #[arg(long)]
    pub database: Option<String>,
    /// How many devices are enrolled in the end
    #[arg(long, default_value_t = 10_000)]
    pub devices_max: u64,
    /// How long each run of connects takes, in seconds
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Runs whose median is reported
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// Connections that devices keep open
    #[arg(long, default_value_t = 128)]
    pub connections: usize,
    /// How many wipes are timed
    #[arg(long, default_value_t = 200)]
    pub wipes: usize,
    /// Where the server's data go; a new folder below it is removed at the end
    #[arg(long, default_value = "/var/tmp", value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The folder in which the database lies, if it is not the server's own
    #[arg(long, value_name = "FOLDER")]
    pub database_folder: Option<PathBuf>,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    pub json_file: Option<PathBuf>,
}

/// Fleet sizes at which memory is looked at.
const STEPS: [u64; 3] = [1_000, 10_000, 100_000];
/// Rates are measured with this many devices, or all when there are fewer. Those beyond are rows only.
const RATES_AT: u64 = 10_000;

/// Measures, prints a table, and removes what it made.
///
/// # Errors
/// When the server or the database does not do what is needed to measure at all.
pub async fn run(options: BenchOptions) -> anyhow::Result<()> {
    let mut out = Output::stdout(false);
    let place = process::Place::make(&options.folder)?;
    let mut results = Results::new(machine::describe(place.path())?);
    out.line(&results.machine)?;
    let mut bench = Bench::start(&options, &place).await?;
    let measured = bench.measure(&mut results, &mut out).await;
    let ended = bench.server.stop().await;
    out.write(results.table().as_bytes())?;
    if let Some(file) = &options.json_file {
        std::fs::write(file, results.json()?)
            .with_context(|| format!("writing {}", file.display()))?;
    }
    measured.and(ended)
}

struct Bench<'a> {
    options: &'a BenchOptions,
    server: Server,
    push: StandIn,
    admin: Admin,
    crowd: Crowd,
    /// Bytes that an installation without devices takes.
    empty_bytes: u64,
    database_folder: PathBuf,
}

impl<'a> Bench<'a> {
    async fn start(options: &'a BenchOptions, place: &process::Place) -> anyhow::Result<Self> {
        let push = StandIn::start().await?;
        let prepared = process::prepare(place, options.database.as_deref(), &push).await?;
        let server = Server::start(place, &prepared).await?;
        let admin = Admin::new(&prepared)?;
        let crowd = Crowd::new(&prepared, options.connections)?;
        let database_folder = options
            .database_folder
            .clone()
            .unwrap_or_else(|| place.data());
        Ok(Self {
            options,
            empty_bytes: machine::bytes_below(&database_folder),
            server,
            push,
            admin,
            crowd,
            database_folder,
        })
    }

    async fn measure(&mut self, results: &mut Results, out: &mut Output) -> anyhow::Result<()> {
        results.add(
            Figure::once("start to ready, empty", self.server.ready_ms, "ms"),
            out,
        )?;
        let most = self.options.devices_max.max(1);
        let mut steps: Vec<u64> = STEPS.into_iter().filter(|step| *step < most).collect();
        steps.push(most);
        let rates_at = RATES_AT.min(most);
        for step in steps {
            let played = step.min(RATES_AT);
            self.crowd
                .grow_to(played, &self.server, results, out)
                .await?;
            if step > played {
                self.fill(played..step).await?;
                self.ready(step, results, out)?;
                load::wake(self.options, &self.crowd).await?;
            }
            self.size(step, results, out)?;
            if step == rates_at {
                self.rates(results, out).await?;
            }
            if step == most {
                let Self {
                    options,
                    crowd,
                    admin,
                    push,
                    ..
                } = self;
                load::wipes(options, crowd, admin, push, results, out).await?;
                load::lists(crowd, admin, results, out).await?;
            }
            if step == STEPS[0] {
                self.server.restart().await?;
                self.ready(step, results, out)?;
            }
        }
        Ok(())
    }

    async fn rates(&self, results: &mut Results, out: &mut Output) -> anyhow::Result<()> {
        let Self {
            options,
            crowd,
            admin,
            server,
            ..
        } = self;
        crowd.enrollment_figures(results, out)?;
        load::idle(options, crowd, server, results, out).await?;
        load::commands(options, crowd, admin, server, results, out).await
    }

    /// Adds rows of devices while the server is down.
    async fn fill(&mut self, numbers: std::ops::Range<u64>) -> anyhow::Result<()> {
        self.server.stop().await?;
        let model = self.crowd.devices.first().context("no device enrolled")?;
        let engine = self.server.engine().await?;
        let filled = fill::fill(&engine, numbers, &model.udid).await;
        engine.db.close().await;
        filled?;
        self.server.again().await
    }

    fn ready(&self, devices: u64, results: &mut Results, out: &mut Output) -> anyhow::Result<()> {
        let name = format!("start to ready, {devices} devices");
        let figure = Figure::once(name, self.server.ready_ms, "ms");
        results.add(figure.at_most(3000.0), out)
    }

    fn size(&self, devices: u64, results: &mut Results, out: &mut Output) -> anyhow::Result<()> {
        let memory = self.server.usage()?.resident as f64 / 1_048_576.0;
        let mut figure = Figure::once(format!("server memory, {devices} devices"), memory, "MiB");
        let connected = devices.min(RATES_AT);
        figure = figure.note(format!(
            "{connected} of them connected since the start, all queues are empty"
        ));
        if devices == 10_000 {
            figure = figure.at_most(150.0);
        }
        results.add(figure, out)?;
        let bytes = machine::bytes_below(&self.database_folder).saturating_sub(self.empty_bytes);
        results.add(
            Figure::once(
                format!("database on disk per device, {devices} devices"),
                bytes as f64 / devices as f64 / 1024.0,
                "KiB",
            ),
            out,
        )
    }
}
