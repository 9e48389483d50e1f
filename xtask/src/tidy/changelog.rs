//! The changelog tells an operator what to do; it always has a place for the next change.

use super::{Finding, Source};

const PATH: &str = "CHANGELOG.md";

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    match sources.iter().find(|source| source.path == PATH) {
        Some(source)
            if source
                .text
                .lines()
                .any(|line| line.trim() == "## Unreleased") =>
        {
            Vec::new()
        }
        _ => vec![Finding::new(PATH, 1, "add a section `## Unreleased`")],
    }
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::check;

    #[test]
    fn there_is_a_place_for_the_next_change() {
        assert!(check(&[source("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")]).is_empty());
        assert_eq!(
            check(&[source("CHANGELOG.md", "# Changelog\n\n## 0.1.0\n")]).len(),
            1
        );
        assert_eq!(check(&[]).len(), 1);
    }
}
