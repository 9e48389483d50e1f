//! The devices: enrolled in portions, each of which answers everything it is asked before the next comes.

use std::time::Duration;

use anyhow::Context as _;
use simulator::{
    keys::{Algorithm, Pool},
    load::{LeanDevice, Seeds, Target, deliver, enroll},
};

use super::{
    figure::{Figure, Results},
    machine::usage,
    process::{Prepared, Server},
};
use crate::cli::output::Output;

/// How many RSA keys devices share: making one takes longer than everything else a device does.
const KEYS: usize = 48;
/// How many devices enroll in one go.
const PORTION: u64 = 1_000;

/// All devices that enrolled.
pub(super) struct Crowd {
    /// Where they speak.
    pub(super) target: Target,
    /// Those that are measured.
    pub(super) devices: Vec<LeanDevice>,
    profile_url: String,
    ca_pem: String,
    connections: usize,
    enrolled: u64,
    keys: Pool,
    rates: Vec<f64>,
    latencies: Vec<f64>,
    server_cpu: f64,
    client_cpu: f64,
}

impl Crowd {
    pub(super) fn new(prepared: &Prepared, connections: usize) -> anyhow::Result<Self> {
        Ok(Self {
            target: Target::new(&prepared.url, &prepared.ca_pem)?,
            devices: Vec::new(),
            profile_url: prepared.profile_url.clone(),
            ca_pem: prepared.ca_pem.clone(),
            connections,
            enrolled: 0,
            keys: Pool::generate(Algorithm::Rsa2048, KEYS)?.reusing(),
            rates: Vec::new(),
            latencies: Vec::new(),
            server_cpu: 0.0,
            client_cpu: 0.0,
        })
    }

    /// Enrolls more devices until there are `count`.
    pub(super) async fn grow_to(
        &mut self,
        count: u64,
        server: &Server,
        results: &mut Results,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let (mut answered, mut answering) = (0, Duration::ZERO);
        while self.enrolled < count {
            let end = (self.enrolled + PORTION).min(count);
            let seeds = Seeds {
                kind: None,
                range: self.enrolled..end,
            };
            let before = (server.usage()?.cpu, usage("self")?.cpu);
            let portion = enroll(
                &self.profile_url,
                &self.ca_pem,
                &seeds,
                self.keys.clone(),
                self.connections.min(32),
            )
            .await?;
            anyhow::ensure!(
                portion.failed == 0,
                "{} devices did not enroll: {:?}",
                portion.failed,
                portion.errors
            );
            self.rates.push(portion.rate());
            self.latencies
                .push(portion.latency.quantile(0.99).as_secs_f64() * 1e3);
            self.server_cpu += server.usage()?.cpu - before.0;
            self.client_cpu += usage("self")?.cpu - before.1;
            self.enrolled = end;
            let drained = deliver(
                self.target.clone(),
                portion.devices.clone(),
                self.connections,
                Duration::from_secs(300),
            )
            .await
            .context("asking new devices")?;
            anyhow::ensure!(
                drained.errors == 0 && drained.statuses.keys().all(|status| *status == 200),
                "new devices were not served: {:?} {:?}",
                drained.statuses,
                drained.first_error
            );
            answered += drained.commands;
            answering += drained.elapsed;
            self.devices.extend(portion.devices);
        }
        if answered > 0 {
            let rate = answered as f64 / answering.as_secs_f64();
            let figure = Figure::once(
                format!("first questions answered by new devices, to {count}"),
                rate,
                "/s",
            );
            results.add(
                figure.note(format!("{answered} commands, several on a connection")),
                out,
            )?;
        }
        // Time for what follows an answer: sealing the journal, writing down who was seen.
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    /// What enrolling was like so far.
    pub(super) fn enrollment_figures(
        &self,
        results: &mut Results,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let count = self.devices.len() as f64;
        let note = format!(
            "per enrollment {:.2} ms of the server's processor time, {:.2} ms of the clients'",
            self.server_cpu / count * 1e3,
            self.client_cpu / count * 1e3,
        );
        let figure = Figure::median("enrollments", self.rates.clone(), "/s");
        results.add(figure.at_least(400.0).note(note), out)?;
        results.add(
            Figure::median("enrollments, p99", self.latencies.clone(), "ms"),
            out,
        )
    }
}
