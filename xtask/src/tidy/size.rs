//! A file has one reason to change; past some length it rarely has.

use super::{Finding, Source};

const LINES: usize = 600;

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let written = [".rs", ".sql", ".css", ".js", ".mjs", ".html"];
    sources
        .iter()
        .filter(|source| written.iter().any(|ending| source.path.ends_with(ending)))
        .filter_map(|source| {
            let lines = source.text.lines().count();
            (lines > LINES).then(|| {
                Finding::new(
                    &source.path,
                    lines,
                    format!("{lines} lines: divide it by subject, below {LINES}"),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::check;

    #[test]
    fn six_hundred_lines_are_enough() {
        assert!(check(&[source("a.rs", &"x\n".repeat(600))]).is_empty());
        assert_eq!(check(&[source("a.rs", &"x\n".repeat(601))]).len(), 1);
        assert!(check(&[source("data.json", &"x\n".repeat(9_000))]).is_empty());
    }
}
