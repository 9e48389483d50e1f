//! Sending prepared requests over many connections for a while.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    Histogram, LeanDevice, Prepared,
    wire::{Target, Wire},
};
use crate::{
    Error, Result, clock,
    plist::{Lookup as _, Value},
};

/// A connection that failed this often has no server.
const GIVE_UP: u64 = 1000;

/// What a run measured.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Replies received.
    pub requests: u64,
    /// Commands acknowledged, in [`deliver`].
    pub commands: u64,
    /// Connections that failed; each is opened again.
    pub errors: u64,
    /// The first error, for people.
    pub first_error: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// From write to the whole reply.
    pub latency: Histogram,
    /// Replies by HTTP status.
    pub statuses: BTreeMap<u16, u64>,
    /// Replies with a body, by which a run of Idle messages shows that queues were not empty.
    pub with_body: u64,
}

impl Report {
    /// Replies per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.commands += other.commands;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latency.merge(&other.latency);
        self.with_body += other.with_body;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
    }

    fn fail(&mut self, error: &Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }
}

/// Sends `requests` in turn over `connections` kept-alive connections for `duration`. Every
/// connection starts at another request.
///
/// # Errors
/// When there is no request, or no first connection can be made.
pub async fn hammer(
    target: Target,
    requests: Vec<Prepared>,
    connections: usize,
    duration: Duration,
) -> Result<Report> {
    if requests.is_empty() {
        return Err(Error::Http("no requests to send".into()));
    }
    drop(target.connect().await?);
    let requests = Arc::new(requests);
    let start = clock::instant();
    let mut workers = JoinSet::new();
    for worker in 0..connections.max(1) {
        let (target, requests) = (target.clone(), requests.clone());
        workers.spawn(async move {
            let mut report = Report::default();
            let mut line = Line { target, wire: None };
            let mut at = worker * requests.len() / connections.max(1);
            while start.elapsed() < duration && report.errors < GIVE_UP {
                let request = &requests[at % requests.len()];
                at += 1;
                if line.send(&request.bytes, &mut report).await.is_none() {
                    tokio::task::yield_now().await;
                }
            }
            report
        });
    }
    collect(workers, start).await
}

/// Lets devices fetch and acknowledge their commands until each has an empty queue, or `duration`
/// is over. Each connection serves its share of the devices one after another.
///
/// # Errors
/// When there is no device, or no first connection can be made.
pub async fn deliver(
    target: Target,
    devices: Vec<LeanDevice>,
    connections: usize,
    duration: Duration,
) -> Result<Report> {
    if devices.is_empty() {
        return Err(Error::Http("no devices".into()));
    }
    drop(target.connect().await?);
    let mut shares: Vec<Vec<LeanDevice>> = (0..connections.max(1)).map(|_| Vec::new()).collect();
    for (at, device) in devices.into_iter().enumerate() {
        let index = at % shares.len();
        shares[index].push(device);
    }
    let start = clock::instant();
    let mut workers = JoinSet::new();
    for share in shares {
        let target = target.clone();
        workers.spawn(async move {
            let mut report = Report::default();
            let mut line = Line { target, wire: None };
            for device in share {
                if start.elapsed() >= duration {
                    break;
                }
                if let Err(error) = drain(&device, &mut line, &mut report).await {
                    report.fail(&error);
                }
            }
            report
        });
    }
    collect(workers, start).await
}

async fn drain(device: &LeanDevice, line: &mut Line, report: &mut Report) -> Result<()> {
    let mut request = device.idle()?;
    let mut is_result = false;
    while let Some(body) = line.send(&request.bytes, report).await {
        report.commands += u64::from(is_result);
        if body.is_empty() {
            return Ok(());
        }
        let command = Value::parse(&body)?;
        request = device.acknowledge(command.need_str("CommandUUID")?)?;
        is_result = true;
    }
    Ok(())
}

async fn collect(mut workers: JoinSet<Report>, start: Instant) -> Result<Report> {
    let mut total = Report::default();
    while let Some(part) = workers.join_next().await {
        total.merge(part.map_err(|error| Error::Http(error.to_string()))?);
    }
    total.elapsed = start.elapsed();
    Ok(total)
}

/// A connection that is opened again when it fails.
struct Line {
    target: Target,
    wire: Option<Wire>,
}

impl Line {
    /// The body of a 200 reply.
    async fn send(&mut self, request: &[u8], report: &mut Report) -> Option<Vec<u8>> {
        let result = async {
            let wire = match &mut self.wire {
                Some(wire) => wire,
                empty => empty.insert(self.target.connect().await?),
            };
            let start = clock::instant();
            let answer = wire.exchange(request).await?;
            report.latency.record(start.elapsed());
            Ok::<_, Error>(answer)
        }
        .await;
        match result {
            Ok(answer) => {
                report.requests += 1;
                *report.statuses.entry(answer.status).or_default() += 1;
                report.with_body += u64::from(!answer.body.is_empty());
                if answer.last {
                    self.wire = None;
                }
                (answer.status == 200).then_some(answer.body)
            }
            Err(error) => {
                self.wire = None;
                report.fail(&error);
                None
            }
        }
    }
}
