//! What must not be in the repository: unfinished code, skipped tests, paths of one machine, registry hosts.

use super::rust::{Kind, pieces};
use super::{Finding, Source};

/// Unfinished or skipped, in code.
const CODE: &[(&str, &str)] = &[
    (
        "todo!",
        "finish it, or return an error that says what is missing",
    ),
    (
        "unimplemented!",
        "finish it, or return an error that says what is missing",
    ),
    (
        "#[ignore",
        "a test runs or does not exist: mend or remove it",
    ),
    ("dbg!(", "use tracing, or remove it"),
];

/// Folders that exist on one machine only.
const MACHINE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
];

/// Hosts of package registries: where packages come from is each machine's own configuration.
const REGISTRIES: &[&str] = &[
    concat!("npm", "js."),
    concat!("crates", ".io"),
    concat!("pypi", "."),
    concat!("debian", ".org"),
];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        if source.path.ends_with(".rs") {
            code(source, &mut findings);
        }
        if source.path != "Cargo.lock" {
            text(source, &mut findings);
        }
    }
    findings
}

fn code(source: &Source, findings: &mut Vec<Finding>) {
    for piece in pieces(&source.text) {
        for (offset, line) in piece.text.lines().enumerate() {
            let number = piece.line + offset;
            match piece.kind {
                Kind::Code => {
                    for (word, advice) in CODE {
                        if line.contains(word) {
                            findings.push(Finding::new(
                                &source.path,
                                number,
                                format!("`{word}`: {advice}"),
                            ));
                        }
                    }
                }
                Kind::Comment => {
                    for word in ["TODO", "FIXME", "XXX"] {
                        if line.contains(word) {
                            let advice = format!(
                                "{word}: do it now, or write down outside the code that it is wanted"
                            );
                            findings.push(Finding::new(&source.path, number, advice));
                        }
                    }
                }
                Kind::Literal => {}
            }
        }
    }
}

fn text(source: &Source, findings: &mut Vec<Finding>) {
    let npm_lock = source.path.ends_with("package-lock.json");
    for (index, line) in source.text.lines().enumerate() {
        let mut report =
            |advice: &str| findings.push(Finding::new(&source.path, index + 1, advice));
        if MACHINE.iter().any(|folder| names_folder(line, folder)) {
            report("a path of one machine: make it relative, or take it from the environment");
        }
        if hosts(line).any(|host| REGISTRIES.iter().any(|registry| host.contains(registry))) {
            report("a registry's address: leave it to the machine's configuration");
        }
        if npm_lock && line.trim_start().starts_with("\"resolved\": \"http") {
            report("take `resolved` out (`npm install --omit-lockfile-registry-resolved`)");
        }
    }
}

/// Whether the folder stands here as an absolute path, and not as a part of a longer one.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before
            .is_some_and(|character| character.is_alphanumeric() || "._-}/*{:".contains(character))
            && after.is_some_and(|character| character.is_alphanumeric() || character == '.')
    })
}

/// The host of every web address in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("://").map(|(at, separator)| {
        let rest = &line[at + separator.len()..];
        let end = rest.find(|character: char| {
            !character.is_ascii_alphanumeric() && !".-".contains(character)
        });
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::check;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&[source(path, text)])
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn unfinished_code_is_found_and_talk_about_it_is_not() {
        let text = [
            "fn a() {",
            "    tod",
            "o!()\n}\n// call todo!() never\nlet a = \"todo!\";\n#[ign",
            "ore]\n",
        ];
        let text = format!("{}\n{}{}{}{}", text[0], text[1], text[2], "", text[3]);
        assert_eq!(lines("a.rs", &text), [2, 6]);
    }

    #[test]
    fn notes_to_self_are_found_in_comments() {
        assert_eq!(
            lines("a.rs", &format!("// {}ME later\nlet fixme = 1;\n", "FIX")),
            [1]
        );
    }

    #[test]
    fn paths_of_one_machine() {
        let home = concat!("/ho", "me/");
        assert_eq!(lines("a.md", &format!("see {home}ada/muster\n")), [1]);
        assert_eq!(
            lines("a.md", &format!("https://example.com{home}page\n")),
            Vec::<usize>::new()
        );
        assert_eq!(lines("a.md", &format!("{home}\n")), Vec::<usize>::new());
    }

    #[test]
    fn registry_addresses() {
        let host = format!("https://registry.npm{}.org/x", "js");
        assert_eq!(lines("a.json", &format!("{{}}\n\"{host}\"\n")), [2]);
        assert_eq!(
            lines(
                "deny.toml",
                "\"https://github.com/rust-lang/crates.io-index\"\n"
            ),
            Vec::<usize>::new()
        );
        assert_eq!(lines("Cargo.lock", &host), Vec::<usize>::new());
    }

    #[test]
    fn an_npm_lock_file_names_no_address() {
        let text = "{\n  \"resolved\": \"https://mirror.example/x.tgz\",\n}";
        assert_eq!(lines("crates/server/assets/package-lock.json", text), [2]);
    }
}
