//! Every crate takes lints, edition and licence from the workspace.

use super::{Finding, Source};

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let member = source.path == "xtask/Cargo.toml"
            || (source.path.starts_with("crates/") && source.path.ends_with("/Cargo.toml"));
        if !member {
            continue;
        }
        if !section(&source.text, "[lints]").any(|line| squeeze(line) == "workspace=true") {
            findings.push(Finding::new(
                &source.path,
                1,
                "add `[lints]` with `workspace = true`",
            ));
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !section(&source.text, "[package]")
                .any(|line| squeeze(line) == format!("{key}.workspace=true"))
            {
                findings.push(Finding::new(
                    &source.path,
                    1,
                    format!("add `{key}.workspace = true` to [package]"),
                ));
            }
        }
        for (number, line) in source.text.lines().enumerate() {
            if squeeze(line).contains("version=\"") && !line.trim_start().starts_with('#') {
                let advice =
                    "name the version in the root Cargo.toml and write `x.workspace = true` here";
                findings.push(Finding::new(&source.path, number + 1, advice));
            }
        }
    }
    findings
}

fn section<'a>(text: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .skip_while(move |line| line.trim() != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

fn squeeze(line: &str) -> String {
    line.chars()
        .filter(|character| !character.is_whitespace())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::check;

    const GOOD: &str = "[package]\nname = \"x\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\n[lints]\nworkspace = true\n\n[dependencies]\nserde.workspace = true\n";

    #[test]
    fn a_member_inherits() {
        assert!(check(&[source("crates/x/Cargo.toml", GOOD)]).is_empty());
        let without = GOOD.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(check(&[source("crates/x/Cargo.toml", &without)]).len(), 1);
        assert!(check(&[source("Cargo.toml", "[workspace]\n")]).is_empty());
    }

    #[test]
    fn versions_stand_in_one_place() {
        let own = format!("{GOOD}hex = {{ version = \"0.4\" }}\n");
        let findings = check(&[source("crates/x/Cargo.toml", &own)]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 14);
    }
}
