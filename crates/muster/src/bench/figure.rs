//! What the measurement says, for people and for programs.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

use crate::cli::output::Output;

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    name: String,
    /// The median of the runs.
    value: f64,
    unit: &'static str,
    /// Every run's value, in order.
    runs: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    /// What else is to be known, such as processor time.
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    /// A figure that was measured once.
    pub(super) fn once(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self::median(name, vec![value], unit)
    }

    /// The median of several runs.
    pub(super) fn median(name: impl Into<String>, runs: Vec<f64>, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value: median(&runs),
            unit,
            runs,
            target: None,
            note: String::new(),
        }
    }

    /// A duration in milliseconds.
    pub(super) fn time(name: impl Into<String>, value: Duration) -> Self {
        Self::once(name, value.as_secs_f64() * 1e3, "ms")
    }

    /// With the least value that is good enough.
    pub(super) const fn at_least(mut self, target: f64) -> Self {
        self.target = Some(Target::AtLeast(target));
        self
    }

    /// With the greatest value that is good enough.
    pub(super) const fn at_most(mut self, target: f64) -> Self {
        self.target = Some(Target::AtMost(target));
        self
    }

    /// With a remark.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn line(&self) -> String {
        let target = match self.target {
            Some(Target::AtLeast(target)) => format!(
                "  target {target:.0} or more: {}",
                verdict(self.value >= target)
            ),
            Some(Target::AtMost(target)) => format!(
                "  target {target:.0} or less: {}",
                verdict(self.value <= target)
            ),
            None => String::new(),
        };
        let note = if self.note.is_empty() {
            String::new()
        } else {
            format!("  ({})", self.note)
        };
        format!(
            "{:<58} {:>10.1} {:<4}{target}{note}",
            self.name, self.value, self.unit
        )
    }
}

const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// All figures of a measurement.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    /// What it ran on.
    pub(super) machine: String,
    figures: Vec<Figure>,
}

impl Results {
    pub(super) const fn new(machine: String) -> Self {
        Self {
            machine,
            figures: Vec::new(),
        }
    }

    /// Keeps a figure and shows it at once.
    pub(super) fn add(&mut self, figure: Figure, out: &mut Output) -> anyhow::Result<()> {
        out.line(&format!("  {}", figure.line()))?;
        self.figures.push(figure);
        Ok(())
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut text = String::from("\n");
        for figure in &self.figures {
            let _ = writeln!(text, "{}", figure.line());
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_runs_is_held_against_the_target() {
        let figure = Figure::median("connects", vec![9_000.0, 7_000.0, 8_500.0], "/s");
        let met = figure.clone().at_least(8_000.0).line();
        assert!(met.contains("8500.0 /s") && met.ends_with(": met"), "{met}");
        let missed = figure.at_least(9_000.0).line();
        assert!(missed.ends_with(": MISSED"), "{missed}");
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn less_is_better_for_times_and_sizes() {
        let figure = Figure::time("push", Duration::from_millis(60)).at_most(50.0);
        assert!(figure.line().contains("MISSED"), "{}", figure.line());
    }
}
