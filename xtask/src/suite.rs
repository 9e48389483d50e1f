//! `cargo xtask test`: every check, in order, with one true line at the end.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::shell::{self, Logged};
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{assets, browser, fuzz, openapi, packages, tidy};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these steps, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
    /// Seconds for each fuzz test.
    #[arg(long, default_value_t = 2)]
    fuzz_seconds: u64,
}

/// One step of the suite. They run in this order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Step {
    /// Install what the tests need beside Rust.
    Packages,
    /// Build the console's assets.
    Assets,
    /// The code is formatted.
    Fmt,
    /// Layers, sizes, words, documents, manifests.
    Tidy,
    /// No warning, from the compiler or from clippy.
    Clippy,
    /// The tests.
    Test,
    /// Generated files are current.
    Gen,
    /// The parsers' fuzz tests, with a little more time.
    Fuzz,
    /// The console in a real browser.
    Browser,
}

/// What a step found.
struct Outcome {
    /// Tests that the step counted; a step that only says yes or no counts nothing.
    tally: Tally,
    /// What went wrong, to be shown.
    trouble: Option<String>,
}

impl Outcome {
    const GOOD: Self = Self {
        tally: Tally {
            passed: 0,
            failed: 0,
        },
        trouble: None,
    };

    /// A step that only says yes or no, and said no.
    fn bad(trouble: impl Into<String>) -> Self {
        Self {
            tally: Tally {
                passed: 0,
                failed: 1,
            },
            trouble: Some(trouble.into()),
        }
    }
}

/// Runs the steps and prints the closing line. True when nothing failed.
///
/// A failed step does not stop the later ones: a person wants to see all that is wrong at once.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let logs = workspace.scratch()?;
    let start = Instant::now();
    let mut total = Tally::default();
    for &step in Step::value_variants() {
        if !options.only.is_empty() && !options.only.contains(&step) {
            continue;
        }
        let name = format!("{step:?}").to_lowercase();
        let begun = Instant::now();
        let log = logs.join(format!("{name}.log"));
        let outcome = perform(workspace, options, step, &log)
            .unwrap_or_else(|error| Outcome::bad(format!("{error:#}")));
        let word = if outcome.trouble.is_some() {
            "FAILED"
        } else {
            "ok"
        };
        println!(
            "{name:<10} {word:<7} {:>8}{}",
            clock(begun.elapsed()),
            counted(&outcome.tally)
        );
        if let Some(trouble) = outcome.trouble {
            println!("{trouble}\n");
        }
        total += outcome.tally;
    }
    println!("{:<10} {:<7} {:>8}", "total", "", clock(start.elapsed()));
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

fn perform(workspace: &Workspace, options: &Options, step: Step, log: &Path) -> Result<Outcome> {
    match step {
        Step::Packages => packages::install(log).map(|()| Outcome::GOOD),
        Step::Assets => assets::build(workspace).map(|()| Outcome::GOOD),
        Step::Fmt => {
            let mut command = workspace.cargo();
            command.args(["fmt", "--all", "--", "--check", "--files-with-diff"]);
            let logged = shell::logged(&mut command, log)?;
            Ok(if logged.success {
                Outcome::GOOD
            } else {
                Outcome::bad(format!(
                    "run `cargo fmt --all`; it would change:\n{}",
                    tail(&logged.text)
                ))
            })
        }
        Step::Tidy => {
            let findings = tidy::check(workspace)?;
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            Ok(if lines.is_empty() {
                Outcome::GOOD
            } else {
                Outcome::bad(lines.join("\n"))
            })
        }
        Step::Clippy => yes_or_no(
            workspace.cargo().args([
                "clippy",
                "--quiet",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]),
            log,
        ),
        Step::Test => tests(workspace, log),
        Step::Gen => {
            openapi::run(workspace, &openapi::Options { check: true }).map(|()| Outcome::GOOD)
        }
        Step::Fuzz => {
            // The same tests were counted above; here only a failure is news.
            let logged = shell::logged(
                &mut fuzz::command(workspace, options.fuzz_seconds, None),
                log,
            )?;
            Ok(if logged.success {
                Outcome::GOOD
            } else {
                Outcome::bad(tail(&logged.text))
            })
        }
        Step::Browser => {
            let (logged, tally) = browser::run(workspace, log)?;
            Ok(counted_outcome(&logged, tally))
        }
    }
}

fn tests(workspace: &Workspace, log: &Path) -> Result<Outcome> {
    let mut command = workspace.cargo();
    if shell::exists("cargo-nextest") {
        command.args([
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--cargo-quiet",
            "--no-fail-fast",
        ]);
        command.args([
            "--status-level",
            "slow",
            "--final-status-level",
            "fail",
            "--no-tests",
            "fail",
        ]);
        let logged = shell::logged(&mut command, log)?;
        let tally = Tally::from_nextest(&logged.text);
        Ok(counted_outcome(&logged, tally))
    } else {
        command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
        let logged = shell::logged(&mut command, log)?;
        let tally = Tally::from_cargo_test(&logged.text);
        Ok(counted_outcome(&logged, tally))
    }
}

/// What a counting runner's end means: its exit code and its count must both be good, and something must have run.
fn counted_outcome(logged: &Logged, tally: Option<Tally>) -> Outcome {
    match tally {
        Some(tally) if logged.success && tally.failed == 0 && tally.passed > 0 => Outcome {
            tally,
            trouble: None,
        },
        Some(mut tally) => {
            let trouble = if tally == Tally::default() {
                "no test ran".to_owned()
            } else {
                tail(&logged.text)
            };
            tally.failed = tally.failed.max(1);
            Outcome {
                tally,
                trouble: Some(trouble),
            }
        }
        None => Outcome::bad(tail(&logged.text)),
    }
}

fn yes_or_no(command: &mut Command, log: &Path) -> Result<Outcome> {
    let logged = shell::logged(command, log)?;
    Ok(if logged.success {
        Outcome::GOOD
    } else {
        Outcome::bad(tail(&logged.text))
    })
}

/// The last part of a log, enough to see what is wrong.
fn tail(text: &str) -> String {
    const LINES: usize = 120;
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let mut shown = String::new();
    if from > 0 {
        let _ = writeln!(shown, "... {from} lines before, see target/xtask ...");
    }
    shown.push_str(&lines[from..].join("\n"));
    shown
}

fn counted(tally: &Tally) -> String {
    if tally.passed == 0 {
        String::new()
    } else {
        format!("  {} passed, {} failed", tally.passed, tally.failed)
    }
}

fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}
