//! Documents: decision records are numbered without gaps and listed, and every relative link leads somewhere.

use std::collections::BTreeSet;

use super::{Finding, Source};

const RECORDS: &str = "docs/adr/";
const LIST: &str = "docs/adr/README.md";
const TEMPLATE: &str = "docs/adr/template.md";

pub(super) fn check(paths: &[String], sources: &[Source]) -> Vec<Finding> {
    let mut findings = records(paths, sources);
    let mut places: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    for path in paths {
        places.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
    }
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        for (line, target) in links(&source.text) {
            let target = target.split('#').next().unwrap_or("");
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            if !places.contains(resolve(&source.path, target).as_str()) {
                let advice = format!("the link to {target} leads nowhere: mend or remove it");
                findings.push(Finding::new(&source.path, line, advice));
            }
        }
    }
    findings
}

fn records(paths: &[String], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let list = sources
        .iter()
        .find(|source| source.path == LIST)
        .map_or("", |source| source.text.as_str());
    let mut names: Vec<&str> = paths
        .iter()
        .filter(|path| path.starts_with(RECORDS) && *path != LIST && *path != TEMPLATE)
        .map(|path| &path[RECORDS.len()..])
        .collect();
    names.sort_unstable();
    for (index, name) in names.iter().enumerate() {
        let number = format!("{:04}-", index + 1);
        if !name.starts_with(&number) {
            let advice =
                format!("decision records are numbered without gaps: this place is {number}");
            findings.push(Finding::new(format!("{RECORDS}{name}"), 1, advice));
        }
        if !list.contains(&format!("({name})")) {
            findings.push(Finding::new(LIST, 1, format!("list {name}")));
        }
    }
    findings
}

/// Targets of inline links, `[text](target)`, outside code blocks.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for (at, mark) in line.match_indices("](") {
            let rest = &line[at + mark.len()..];
            if let Some(end) = rest.find([')', ' ']) {
                found.push((index + 1, &rest[..end]));
            }
        }
    }
    found
}

/// A link's target as a path from the root.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::check;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let paths: Vec<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let sources: Vec<_> = files
            .iter()
            .map(|(path, text)| source(path, text))
            .collect();
        check(&paths, &sources)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn links_lead_somewhere() {
        let files = [
            (
                "README.md",
                "[a](docs/A.md#part) [b](docs) [c](https://example.com/x)\n```\n[d](gone.md)\n```\n",
            ),
            ("docs/A.md", "[up](../README.md)\n[gone](B.md)\n"),
        ];
        assert_eq!(
            found(&files),
            ["docs/A.md:2: the link to B.md leads nowhere: mend or remove it"]
        );
    }

    #[test]
    fn records_are_numbered_and_listed() {
        let good = [
            ("docs/adr/README.md", "[one](0001-one.md)\n"),
            ("docs/adr/0001-one.md", ""),
            ("docs/adr/template.md", ""),
        ];
        assert_eq!(found(&good), Vec::<String>::new());
        let gap = [
            ("docs/adr/README.md", "[two](0002-two.md)\n"),
            ("docs/adr/0002-two.md", ""),
        ];
        assert_eq!(found(&gap).len(), 1);
        let unlisted = [("docs/adr/README.md", ""), ("docs/adr/0001-one.md", "")];
        assert_eq!(found(&unlisted), ["docs/adr/README.md:1: list 0001-one.md"]);
    }
}
