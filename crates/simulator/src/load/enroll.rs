//! Enrolling many devices quickly.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use super::{Histogram, LeanDevice};
use crate::{
    Error, Result,
    apple::{Device, Kind},
    clock,
    http::Tls,
    keys::{Algorithm, Key, Pool},
};

/// Which devices to enroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds {
    /// The kind of all of them; alternating kinds when absent.
    pub kind: Option<Kind>,
    /// One device per number.
    pub range: Range<u64>,
}

impl Seeds {
    /// The device of one seed.
    #[must_use]
    pub fn device(&self, seed: u64) -> Device {
        let kind = self.kind.unwrap_or(Kind::ALL[(seed % 3) as usize]);
        Device::new(kind, seed)
    }
}

/// The result of [`enroll`].
#[derive(Debug)]
pub struct Enrolled {
    /// In no particular order.
    pub devices: Vec<LeanDevice>,
    /// Failures, at most the first 20.
    pub errors: Vec<String>,
    /// How many failed.
    pub failed: u64,
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Of whole enrollments: profile, SCEP, Authenticate, TokenUpdate.
    pub latency: Histogram,
}

impl Enrolled {
    /// Enrollments per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.devices.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Enrolls one device per seed at one profile URL, `concurrency` at a time, with keys from `keys`.
///
/// # Errors
/// When the trust anchors are malformed. Failed enrollments are counted in the result.
pub async fn enroll(
    url: &str,
    ca_pem: &str,
    seeds: &Seeds,
    keys: Pool,
    concurrency: usize,
) -> Result<Enrolled> {
    let tls = Tls::new(ca_pem, None)?;
    // One transport key for all: replies to P-256 requests need an RSA key to be encrypted to.
    let transport = match keys.algorithm() {
        Algorithm::P256 => Some(Key::generate(Algorithm::Rsa2048)?),
        Algorithm::Rsa2048 => None,
    };
    let next = Arc::new(AtomicU64::new(seeds.range.start));
    let mut workers = JoinSet::new();
    let start = clock::instant();
    for _ in 0..concurrency.max(1) {
        let worker = Worker {
            url: url.to_owned(),
            ca_pem: ca_pem.to_owned(),
            tls: tls.clone(),
            seeds: seeds.clone(),
            keys: keys.clone(),
            transport: transport.clone(),
            next: next.clone(),
        };
        workers.spawn(worker.run());
    }
    let mut all = Enrolled {
        devices: Vec::new(),
        errors: Vec::new(),
        failed: 0,
        elapsed: Duration::ZERO,
        latency: Histogram::default(),
    };
    while let Some(part) = workers.join_next().await {
        let part = part.map_err(|error| Error::Http(error.to_string()))?;
        all.devices.extend(part.devices);
        all.failed += part.failed;
        all.errors.extend(part.errors);
        all.errors.truncate(20);
        all.latency.merge(&part.latency);
    }
    all.elapsed = start.elapsed();
    Ok(all)
}

struct Worker {
    url: String,
    ca_pem: String,
    tls: Tls,
    seeds: Seeds,
    keys: Pool,
    transport: Option<Key>,
    next: Arc<AtomicU64>,
}

impl Worker {
    async fn run(self) -> Enrolled {
        let mut part = Enrolled {
            devices: Vec::new(),
            errors: Vec::new(),
            failed: 0,
            elapsed: Duration::ZERO,
            latency: Histogram::default(),
        };
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.range.end {
                return part;
            }
            let start = clock::instant();
            match self.one(seed).await {
                Ok(device) => {
                    part.latency.record(start.elapsed());
                    part.devices.push(device);
                }
                Err(error) => {
                    part.failed += 1;
                    if part.errors.len() < 20 {
                        part.errors.push(error.to_string());
                    }
                }
            }
        }
    }

    async fn one(&self, seed: u64) -> Result<LeanDevice> {
        let mut device = self
            .seeds
            .device(seed)
            .sharing_tls(self.tls.clone(), &self.ca_pem)?
            .with_keys(self.keys.clone());
        if let Some(transport) = &self.transport {
            device = device.with_transport_key(transport.clone());
        }
        device.enroll_from(&self.url).await?;
        LeanDevice::of(&device)
    }
}
