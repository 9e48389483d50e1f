//! The console in a real browser: pages of a running demonstration are opened in every mode (light, dark, forced colours,
//! narrow, without scripts) and examined for accessibility, refused content and script errors.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::assets;
use crate::shell::{self, Logged};
use crate::tally::Tally;
use crate::workspace::Workspace;

/// The pages that are opened.
const PAGES: &[&str] = &[
    "/",
    "/devices",
    "/enrol",
    "/enrol/new",
    "/journal",
    "/account",
    "/settings/push",
    "/settings/tokens",
    "/settings/webhooks",
];

/// How long the demonstration may take until it prints its link.
const PATIENCE: Duration = Duration::from_secs(120);

/// What marks the one-time link among the lines that the demonstration prints.
const LINK: &str = "/sign-in/link/";

/// Starts a demonstration, examines its pages and stops it.
pub(crate) fn run(workspace: &Workspace, log: &Path) -> Result<(Logged, Option<Tally>)> {
    assets::build(workspace)?;
    let scripts = workspace.root.join("crates/server/assets/e2e");
    assets::install(&scripts)?;
    let binary = workspace.build_muster("dev")?;
    let demonstration = Demonstration::start(&binary)?;
    let base = demonstration.link.split(LINK).next().unwrap_or_default();
    let mut examine = Command::new("node");
    examine
        .current_dir(&scripts)
        .args(["axe.mjs", "--base", base, "--sign-in", &demonstration.link])
        .args(PAGES);
    let logged = shell::logged(&mut examine, log)?;
    let tally = tally(&logged.text);
    Ok((logged, tally))
}

/// A running demonstration. Dropping it stops it.
struct Demonstration {
    child: Child,
    /// The one-time link to sign in with.
    link: String,
}

impl Demonstration {
    fn start(binary: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["demo", "--devices", "12"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let output = child
            .stdout
            .take()
            .context("the demonstration has no output")?;
        let mut demonstration = Self {
            child,
            link: String::new(),
        };
        let (send, receive) = mpsc::channel();
        // Reads to the end: a full pipe would stop the demonstration.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(link) = link(&line) {
                    let _ = send.send(link.to_owned());
                }
            }
        });
        match receive.recv_timeout(PATIENCE) {
            Ok(link) => demonstration.link = link,
            Err(_) => bail!("the demonstration printed no sign-in link"),
        }
        Ok(demonstration)
    }
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        // A polite request first: it removes its data folder at a proper end.
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        for _ in 0..100 {
            if asked.is_err() || !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one-time link in a line, if there is one.
fn link(line: &str) -> Option<&str> {
    line.split_whitespace()
        .find(|word| word.starts_with("http") && word.contains(LINK))
}

/// Reads the script's last line, `54 pages examined, 0 problems`. A page with problems was not counted apart, so only a
/// run without any says how many passed.
fn tally(text: &str) -> Option<Tally> {
    text.lines().rev().find_map(|line| {
        let (pages, problems) = line.trim().split_once(" pages examined, ")?;
        let failed = problems.strip_suffix(" problems")?.parse().ok()?;
        let pages = pages.parse().ok()?;
        Some(Tally {
            passed: if failed == 0 { pages } else { 0 },
            failed,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Tally, link, tally};

    #[test]
    fn the_link_is_found_among_words() {
        assert_eq!(
            link("Open  https://127.0.0.1:8443/sign-in/link/abc  once"),
            Some("https://127.0.0.1:8443/sign-in/link/abc")
        );
        assert_eq!(link("Listening on https://127.0.0.1:8443"), None);
    }

    #[test]
    fn pages_and_problems() {
        assert_eq!(
            tally("x\n54 pages examined, 0 problems\n"),
            Some(Tally {
                passed: 54,
                failed: 0
            })
        );
        assert_eq!(
            tally("54 pages examined, 3 problems"),
            Some(Tally {
                passed: 0,
                failed: 3
            })
        );
        assert_eq!(tally("Error: no browser"), None);
    }
}
