//! Pure rooms take time and random bytes as arguments. Clippy bans the calls; this bans the way around clippy.

use super::layers::PURE;
use super::rust::{Kind, pieces};
use super::{Finding, Source};

/// Only this room may use the crypto library's own random numbers: signing needs them.
const MAY_SIGN: &str = "pki";

/// The crypto library's own random numbers.
const RANDOM: &[&str] = &["SystemRandom", "rand::fill"];

/// Files, sockets, programs and the environment. Addresses as plain values are welcome.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocket",
    "std::env::var",
    "std::process",
];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".rs")) {
        let Some(room) = PURE
            .iter()
            .find(|room| source.path.starts_with(&format!("crates/{room}/src/")))
        else {
            continue;
        };
        // Tests stand at the end of a file; they may write a file or start another program to compare with.
        let tests_from = source
            .text
            .lines()
            .position(|line| line.trim() == "#[cfg(test)]")
            .map_or(usize::MAX, |index| index + 1);
        for piece in pieces(&source.text)
            .iter()
            .filter(|piece| piece.kind == Kind::Code)
        {
            for (offset, line) in piece.text.lines().enumerate() {
                let number = piece.line + offset;
                let mut report =
                    |advice: &str| findings.push(Finding::new(&source.path, number, advice));
                if line.contains("clippy::disallowed_methods") {
                    report(
                        "a pure room takes time and random bytes as arguments: there is no exception here",
                    );
                }
                if *room != MAY_SIGN && RANDOM.iter().any(|name| line.contains(name)) {
                    report("take random bytes as an argument");
                }
                if number < tests_from && OUTSIDE.iter().any(|name| line.contains(name)) {
                    report(
                        "a pure room does no input or output: move this to the engine or the binary",
                    );
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::check;

    #[test]
    fn a_pure_room_has_no_way_around() {
        let text = "\n#![allow(clippy::disallowed_methods)]\nuse aws_lc_rs::rand::SystemRandom;\n// SystemRandom\n";
        let findings = check(&[source("crates/domain/src/lib.rs", text)]);
        assert_eq!(
            findings
                .iter()
                .map(|finding| finding.line)
                .collect::<Vec<_>>(),
            [2, 3]
        );
        assert_eq!(check(&[source("crates/pki/src/lib.rs", text)]).len(), 1);
        assert!(check(&[source("crates/engine/src/lib.rs", text)]).is_empty());
    }

    #[test]
    fn a_pure_room_opens_nothing_but_its_tests_may() {
        let text = "//! A room.\nuse std::fs::File;\nuse std::net::IpAddr;\n#[cfg(test)]\nmod tests { use std::process::Command; }\n";
        let findings = check(&[source("crates/apple/src/lib.rs", text)]);
        assert_eq!(
            findings
                .iter()
                .map(|finding| finding.line)
                .collect::<Vec<_>>(),
            [2]
        );
    }
}
