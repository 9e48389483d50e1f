//! What the measurement says, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::Backend;
use super::load::Measurement;

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    backend: &'static str,
    name: String,
    /// The median of the runs.
    value: f64,
    unit: String,
    /// Every run's value, in order.
    runs: Vec<f64>,
}

impl Figure {
    /// A figure that was measured once.
    pub(crate) fn new(backend: Backend, name: &str, value: f64, unit: &str) -> Self {
        Self {
            backend: backend.name(),
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            runs: vec![value],
        }
    }
}

/// The median of each figure over several runs of one scenario.
pub(crate) fn medians(backend: Backend, runs: &[Vec<Measurement>]) -> Vec<Figure> {
    let Some(first) = runs.first() else {
        return Vec::new();
    };
    first
        .iter()
        .map(|measurement| {
            let values: Vec<f64> = runs
                .iter()
                .flatten()
                .filter(|other| other.name == measurement.name)
                .map(|other| other.value)
                .collect();
            Figure {
                backend: backend.name(),
                name: measurement.name.clone(),
                value: median(&values),
                unit: measurement.unit.clone(),
                runs: values,
            }
        })
        .collect()
}

/// The figures as a table in plain text.
pub(crate) fn table(figures: &[Figure]) -> String {
    let width = figures
        .iter()
        .map(|figure| figure.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for figure in figures {
        let Figure {
            backend,
            name,
            value,
            unit,
            ..
        } = figure;
        let _ = writeln!(text, "{backend:<10}  {name:<width$}  {value:>12.1} {unit}");
    }
    text
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
    use super::{Backend, Measurement, median, medians, table};

    #[test]
    fn the_middle_of_the_runs() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn runs_become_one_line() {
        let run = |value| {
            vec![Measurement {
                name: "idle connects".into(),
                value,
                unit: "/s".into(),
            }]
        };
        let figures = medians(Backend::Sqlite, &[run(900.0), run(1_000.0), run(950.0)]);
        assert_eq!(figures.len(), 1);
        assert!(table(&figures).contains("950.0 /s"), "{}", table(&figures));
    }
}
