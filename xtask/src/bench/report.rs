//! The figures of all backends beside their targets.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Backend;

/// What `muster bench` wrote.
#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    machine: String,
    figures: Vec<Figure>,
}

#[derive(Debug, Deserialize)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    note: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(target) => value >= target,
            Self::AtMost(target) => value <= target,
        }
    }
}

/// What others reach with the same work on a machine of the same class.
const COMPARED: &[(&str, &str)] = &[(
    "connects with empty queue",
    "NanoMDM: 825/s in memory, 386/s on PostgreSQL",
)];

/// Reads a file of figures.
pub(crate) fn read(file: &Path) -> Result<Results> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
}

/// A Markdown table of everything.
pub(crate) fn table(measured: &[(Backend, Results)]) -> String {
    let mut text = String::new();
    for (backend, results) in measured {
        let _ = writeln!(text, "{}: {}\n", backend.name(), results.machine);
        text.push_str(
            "| what | measured | target | | compared with, remarks |\n| --- | ---: | ---: | --- | --- |\n",
        );
        for figure in &results.figures {
            let _ = writeln!(text, "{}", line(figure));
        }
        text.push('\n');
    }
    text
}

fn line(figure: &Figure) -> String {
    let (target, verdict) = match figure.target {
        Some(target) => {
            let wanted = match target {
                Target::AtLeast(value) => format!("≥ {value:.0}"),
                Target::AtMost(value) => format!("≤ {value:.0}"),
            };
            let verdict = if target.met(figure.value) {
                "met"
            } else {
                "missed"
            };
            (wanted, verdict)
        }
        None => (String::new(), ""),
    };
    let compared = COMPARED
        .iter()
        .find(|(name, _)| *name == figure.name)
        .map(|(_, text)| *text);
    let remarks: Vec<&str> = compared
        .into_iter()
        .chain((!figure.note.is_empty()).then_some(figure.note.as_str()))
        .collect();
    let digits = if figure.value < 100.0 { 1 } else { 0 };
    format!(
        "| {} | {:.digits$} {} | {target} | {verdict} | {} |",
        figure.name,
        figure.value,
        figure.unit,
        remarks.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::{Backend, Results, table};

    #[test]
    fn a_figure_stands_beside_its_target_and_what_it_is_compared_with() {
        let results: Results = serde_json::from_str(
            r#"{"machine": "two cores", "figures": [
                {"name": "connects with empty queue", "value": 8123.4, "unit": "/s", "runs": [8123.4],
                 "target": {"at_least": 8000.0}, "note": "each 90 us"},
                {"name": "wipe", "value": 61.26, "unit": "ms", "runs": [61.26], "target": {"at_most": 50.0}}
            ]}"#,
        )
        .unwrap();
        let text = table(&[(Backend::Sqlite, results)]);
        assert!(
            text.contains("| connects with empty queue | 8123 /s | ≥ 8000 | met | NanoMDM"),
            "{text}"
        );
        assert!(
            text.contains("| wipe | 61.3 ms | ≤ 50 | missed |  |"),
            "{text}"
        );
    }
}
