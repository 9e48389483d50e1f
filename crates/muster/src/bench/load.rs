//! The measurements that need enrolled devices.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use simulator::{
    apns::StandIn,
    load::{Histogram, LeanDevice, Prepared, Report, deliver, hammer},
};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    BenchOptions,
    admin::Admin,
    crowd::Crowd,
    figure::{Figure, Results},
    machine::{busy, usage},
    process::Server,
};
use crate::cli::output::Output;

/// How many devices take turns in connects with an empty queue.
const IDLE_DEVICES: usize = 4_000;
/// How many orders are under way at a time while queues are filled.
const ORDERS: usize = 16;
/// How long a push may take at all.
const LOST: Duration = Duration::from_secs(10);

/// Processor time between two moments.
struct Spent {
    server: f64,
    client: f64,
    machine: f64,
}

impl Spent {
    fn begin(server: &Server) -> anyhow::Result<Self> {
        Ok(Self {
            server: server.usage()?.cpu,
            client: usage("self")?.cpu,
            machine: busy(),
        })
    }

    fn end(&mut self, server: &Server) -> anyhow::Result<()> {
        let now = Self::begin(server)?;
        self.server = now.server - self.server;
        self.client = now.client - self.client;
        self.machine = now.machine - self.machine;
        Ok(())
    }

    /// For `count` pieces of work.
    fn note(&self, count: u64) -> String {
        let each = |seconds: f64| seconds / count.max(1) as f64 * 1e6;
        format!(
            "each {:.0} us of the server's processor time, {:.0} us of the clients', {:.0} us of everything else's",
            each(self.server),
            each(self.client),
            each((self.machine - self.server - self.client).max(0.0)),
        )
    }
}

/// Connects with an empty queue.
pub(super) async fn idle(
    options: &BenchOptions,
    crowd: &Crowd,
    server: &Server,
    results: &mut Results,
    out: &mut Output,
) -> anyhow::Result<()> {
    let requests: Vec<Prepared> = crowd
        .devices
        .iter()
        .take(IDLE_DEVICES)
        .map(LeanDevice::idle)
        .collect::<Result<_, _>>()?;
    let mut rates = Vec::new();
    let mut latency = Histogram::default();
    let mut count = 0;
    let mut spent = Spent::begin(server)?;
    for _ in 0..options.runs.max(1) {
        let report = hammer(
            crowd.target.clone(),
            requests.clone(),
            options.connections,
            Duration::from_secs(options.seconds.max(1)),
        )
        .await?;
        healthy(&report, "connects")?;
        anyhow::ensure!(
            report.with_body == 0,
            "{} of {} queues were not empty",
            report.with_body,
            report.requests
        );
        rates.push(report.rate());
        count += report.requests;
        latency.merge(&report.latency);
    }
    spent.end(server)?;
    let figure = Figure::median("connects with empty queue", rates, "/s");
    results.add(figure.at_least(8_000.0).note(spent.note(count)), out)?;
    latencies("connects with empty queue", &latency, results, out)
}

/// Lets every device connect once, as after a restart of the server.
pub(super) async fn wake(options: &BenchOptions, crowd: &Crowd) -> anyhow::Result<()> {
    let report = deliver(
        crowd.target.clone(),
        crowd.devices.clone(),
        options.connections,
        Duration::from_secs(120),
    )
    .await?;
    healthy(&report, "devices after a restart")
}

/// Commands delivered and acknowledged: one for each device, in two round trips.
pub(super) async fn commands(
    options: &BenchOptions,
    crowd: &Crowd,
    admin: &Admin,
    server: &Server,
    results: &mut Results,
    out: &mut Output,
) -> anyhow::Result<()> {
    let ids = Arc::new(admin.devices().await?);
    let target = if options.database.is_some() {
        2_000.0
    } else {
        3_000.0
    };
    let (mut ordered, mut delivered) = (Vec::new(), Vec::new());
    let mut latency = Histogram::default();
    let mut count = 0;
    let mut spent = Vec::new();
    for run in 0..options.runs.max(1) {
        let (devices, ordering) = order_each(crowd, admin, &ids, run).await?;
        ordered.push(devices.len() as f64 / ordering.as_secs_f64());
        // Pushes and sealing of what was ordered are no part of the delivery.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut one = Spent::begin(server)?;
        let wanted = devices.len() as u64;
        let report = deliver(
            crowd.target.clone(),
            devices,
            options.connections,
            Duration::from_secs(120),
        )
        .await?;
        one.end(server)?;
        healthy(&report, "commands")?;
        anyhow::ensure!(
            report.commands == wanted,
            "{} of {wanted} commands were acknowledged",
            report.commands
        );
        delivered.push(report.commands as f64 / report.elapsed.as_secs_f64());
        count += report.commands;
        latency.merge(&report.latency);
        spent.push(one);
    }
    let total = Spent {
        server: spent.iter().map(|one| one.server).sum(),
        client: spent.iter().map(|one| one.client).sum(),
        machine: spent.iter().map(|one| one.machine).sum(),
    };
    let figure = Figure::median("commands delivered and acknowledged", delivered, "/s");
    results.add(figure.at_least(target).note(total.note(count)), out)?;
    latencies("each round trip of commands", &latency, results, out)?;
    results.add(
        Figure::median("commands ordered by the API", ordered, "/s"),
        out,
    )
}

/// Orders a command for every device, which is timed, and signs its acknowledgement beforehand.
async fn order_each(
    crowd: &Crowd,
    admin: &Admin,
    ids: &Arc<HashMap<String, String>>,
    run: usize,
) -> anyhow::Result<(Vec<LeanDevice>, Duration)> {
    let start = Instant::now();
    let mut workers = JoinSet::new();
    let share = crowd.devices.len().div_ceil(ORDERS).max(1);
    for devices in crowd.devices.chunks(share) {
        let (admin, ids, devices) = (admin.clone(), Arc::clone(ids), devices.to_vec());
        workers.spawn(async move {
            let mut ready = Vec::with_capacity(devices.len());
            for device in devices {
                let id = ids
                    .get(&device.serial_number)
                    .context("an unknown device")?;
                let key = format!("{run}-{id}");
                let command = admin.order(id, "certificate_list", &key).await?;
                ready.push((device.udid.clone(), command));
            }
            anyhow::Ok(ready)
        });
    }
    let mut commands = HashMap::new();
    while let Some(done) = workers.join_next().await {
        commands.extend(done??);
    }
    let ordering = start.elapsed();
    let mut devices = crowd.devices.clone();
    for device in &mut devices {
        let command = commands.remove(&device.udid).context("no command")?;
        device.presign(&[command])?;
    }
    Ok((devices, ordering))
}

/// From the request to wipe a device in the API until the push arrived.
pub(super) async fn wipes(
    options: &BenchOptions,
    crowd: &Crowd,
    admin: &Admin,
    push: &StandIn,
    results: &mut Results,
    out: &mut Output,
) -> anyhow::Result<()> {
    let ids = admin.devices().await?;
    let mut latency = Histogram::default();
    let mut answers = Histogram::default();
    let (sender, mut pushes) = mpsc::unbounded_channel();
    for (number, device) in crowd.devices.iter().rev().take(options.wipes).enumerate() {
        let id = ids
            .get(&device.serial_number)
            .context("an unknown device")?;
        push.switchboard().forget(&device.token);
        push.switchboard().listen(&device.token, sender.clone());
        let start = Instant::now();
        admin
            .order(id, "erase_device", &format!("wipe-{number}"))
            .await?;
        answers.record(start.elapsed());
        let arrived = loop {
            let push: simulator::apns::Push = tokio::time::timeout(LOST, pushes.recv())
                .await
                .context("no push for a wipe")?
                .context("the stand-in ended")?;
            if push.token == device.token {
                break push.at;
            }
        };
        latency.record(arrived.saturating_duration_since(start));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let devices = ids.len();
    for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
        let name = format!("wipe in the API to push, {devices} devices, {name}");
        results.add(Figure::time(name, latency.quantile(share)), out)?;
    }
    let name = format!("wipe in the API to push, {devices} devices, p99");
    let figure = Figure::time(name, latency.quantile(0.99)).at_most(50.0);
    let note = format!(
        "{} wipes one after another; the API's own answer p50 {:.1} ms, p99 {:.1} ms",
        latency.count(),
        answers.quantile(0.5).as_secs_f64() * 1e3,
        answers.quantile(0.99).as_secs_f64() * 1e3
    );
    results.add(figure.note(note), out)
}

/// The first page of the device list, filtered by text and sorted.
pub(super) async fn lists(
    crowd: &Crowd,
    admin: &Admin,
    results: &mut Results,
    out: &mut Output,
) -> anyhow::Result<()> {
    let rare = |turn: usize| {
        let serial = &crowd.devices[turn * 97 % crowd.devices.len()].serial_number;
        serial
            .get(serial.len().saturating_sub(5)..)
            .unwrap_or(serial)
            .to_owned()
    };
    type Text<'a> = &'a dyn Fn(usize) -> String;
    let cases: [(&str, &str, Text<'_>); 4] = [
        ("text that few have, by name", "name", &rare),
        ("text that many have, by name", "name", &|_| "0".into()),
        (
            "text that many have, by last connect",
            "-last_seen",
            &|_| "0".into(),
        ),
        (
            "text that nobody has, by serial number",
            "serial",
            &|turn| format!("none{turn}"),
        ),
    ];
    for (name, sort, text) in cases {
        let mut latency = Histogram::default();
        for turn in 0..60 {
            let query = [
                ("q", text(turn)),
                ("sort", sort.to_owned()),
                ("limit", "100".to_owned()),
            ];
            latency.record(admin.get("devices", &query).await?.1);
        }
        let figure = Figure::time(format!("device list, {name}, p95"), latency.quantile(0.95));
        results.add(figure.at_most(100.0), out)?;
    }
    Ok(())
}

fn latencies(
    name: &str,
    latency: &Histogram,
    results: &mut Results,
    out: &mut Output,
) -> anyhow::Result<()> {
    for (share, value) in [("p50", 0.5), ("p99", 0.99)] {
        results.add(
            Figure::time(format!("{name}, {share}"), latency.quantile(value)),
            out,
        )?;
    }
    Ok(())
}

fn healthy(report: &Report, what: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        report.errors == 0 && report.statuses.keys().all(|status| *status == 200),
        "{what} were not served: {:?} {:?}",
        report.statuses,
        report.first_error
    );
    Ok(())
}
