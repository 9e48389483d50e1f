//! `muster config`: looking at the configuration before the server does.

use clap::Subcommand;
use serde_json::json;

use super::{
    exit::{Failure, Result},
    output::Output,
};
use crate::config::{Config, ConfigError, EXAMPLE, Severity};

/// The configuration
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say what is wrong, missing or unwise
    Check,
    /// Print a configuration with every key, its meaning and its default
    Example,
}

/// Runs one.
///
/// # Errors
/// [`super::exit::Kind::Usage`] when the configuration cannot be used.
pub(super) fn run(
    command: &ConfigCommand,
    load: impl FnOnce() -> Result<Config, ConfigError>,
    out: &mut Output,
) -> Result<()> {
    match command {
        ConfigCommand::Example => out.write(EXAMPLE.as_bytes()),
        ConfigCommand::Check => check(load(), out),
    }
}

fn check(loaded: Result<Config, ConfigError>, out: &mut Output) -> Result<()> {
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            if out.json {
                let problems: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
                out.value(&json!({"problems": problems}))?;
            }
            return Err(error.into());
        }
    };
    let findings = config.findings();
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    if out.json {
        out.value(&json!({"problems": lines}))?;
    } else {
        for line in &lines {
            out.line(line)?;
        }
    }
    if findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        return Err(Failure::usage("the configuration cannot be used"));
    }
    out.say("the configuration can be used")
}
