//! SQL stands in one room, where a test prepares every statement on both databases.

use super::rust::{Kind, pieces};
use super::{Finding, Source};

const ROOM: &str = "crates/store/";

/// This file, whose tests need statements to look at.
const HERE: &str = "xtask/src/tidy/sql.rs";

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources
        .iter()
        .filter(|source| !source.path.starts_with(ROOM))
    {
        if source.path.ends_with(".sql") {
            findings.push(Finding::new(&source.path, 1, format!("move it to {ROOM}")));
        }
        if !source.path.ends_with(".rs") || source.path == HERE {
            continue;
        }
        for piece in pieces(&source.text)
            .iter()
            .filter(|piece| piece.kind == Kind::Literal)
        {
            if is_statement(piece.text) {
                let advice =
                    format!("an SQL statement outside {ROOM}: add it to the registry there");
                findings.push(Finding::new(&source.path, piece.line, advice));
            }
        }
    }
    findings
}

/// Whether a literal reads as a statement and not as a sentence.
fn is_statement(literal: &str) -> bool {
    let text = literal.to_lowercase().replace("\\n", " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    match words.as_slice() {
        ["select", next, ..] => {
            has("from") && !["a", "an", "the", "all", "your", "one"].contains(next)
        }
        ["insert", "into", ..] => has("values") || has("select") || text.contains("values("),
        ["update", _, "set", ..]
        | ["delete", "from", _, "where", ..]
        | ["truncate", "table", ..] => true,
        [
            "create" | "drop" | "alter",
            "table" | "index" | "trigger" | "view",
            ..,
        ] => true,
        ["create", "unique", "index", ..] | ["pragma", _] => true,
        ["with", _, "as", next, ..] => next.starts_with('('),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::{check, is_statement};

    #[test]
    fn statements_and_sentences() {
        for text in [
            "SELECT id, name FROM devices WHERE id = $1",
            "select\n  count(*)\nfrom commands",
            "INSERT INTO journal (seq) VALUES ($1)",
            "update devices set name = $1",
            "DELETE FROM push_wanted WHERE enrollment_id = $1",
            "WITH due AS (SELECT 1) SELECT 2",
            "PRAGMA user_version",
        ] {
            assert!(is_statement(text), "{text}");
        }
        for text in [
            "Select a device from the list",
            "Update the device",
            "Delete from here",
            "Insert into the slot",
            "With regard as agreed",
            "select",
        ] {
            assert!(!is_statement(text), "{text}");
        }
    }

    #[test]
    fn only_the_store_speaks_sql() {
        let text = "// select x from y\nlet a = \"select x from y\";\n";
        assert_eq!(check(&[source("crates/engine/src/a.rs", text)]).len(), 1);
        assert!(check(&[source("crates/store/src/a.rs", text)]).is_empty());
        assert_eq!(check(&[source("docs/a.sql", "")]).len(), 1);
    }
}
