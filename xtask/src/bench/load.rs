//! The load process: `muster bench <scenario>`, which prints one JSON object per figure on standard output.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Deserialize;

use super::process::Server;
use crate::shell;

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Scenario {
    /// Enrollments: SCEP, Authenticate, TokenUpdate; the clients' keys are made beforehand.
    Enroll,
    /// Connects with an empty queue, signature verified.
    Idle,
    /// Commands delivered and acknowledged.
    Commands,
    /// From an approved wipe in the API to the push on the wire.
    Wipe,
}

impl Scenario {
    /// The name of the scenario, also on the load process's command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enroll => "enroll",
            Self::Idle => "idle",
            Self::Commands => "commands",
            Self::Wipe => "wipe",
        }
    }
}

/// One figure of one run.
#[derive(Debug, Deserialize)]
pub(crate) struct Measurement {
    /// What was measured, for people: `idle connects`.
    pub(crate) name: String,
    pub(crate) value: f64,
    /// For example `/s` or `ms`.
    pub(crate) unit: String,
}

/// Runs a scenario once against a running server.
pub(crate) fn run(
    binary: &Path,
    server: &Server,
    scenario: Scenario,
    devices: u32,
    seconds: u32,
) -> Result<Vec<Measurement>> {
    let mut command = Command::new(binary);
    command
        .args(["bench", scenario.name(), "--config"])
        .arg(&server.configuration)
        .args([
            "--devices",
            &devices.to_string(),
            "--seconds",
            &seconds.to_string(),
        ]);
    measurements(&shell::output(&mut command)?)
}

/// Reads the lines that are JSON objects; anything else is talk.
fn measurements(text: &str) -> Result<Vec<Measurement>> {
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("reading the figure {line}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::measurements;

    #[test]
    fn figures_are_json_lines() {
        let read = measurements(
            "warming up\n{\"name\":\"idle connects\",\"value\":812.5,\"unit\":\"/s\"}\n",
        )
        .unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(
            (read[0].name.as_str(), read[0].value, read[0].unit.as_str()),
            ("idle connects", 812.5, "/s")
        );
        assert!(measurements("{\"name\":1}").is_err());
    }
}
