//! `cargo xtask gen`: the files that are made from the code and checked in.

use anyhow::{Context, Result, bail};

use std::process::Command;

use crate::shell;
use crate::workspace::Workspace;

/// Options of `cargo xtask gen`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail when a checked-in file is not what the code gives.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Writes or compares `openapi.json`.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let binary = workspace.build_muster("dev")?;
    let wanted = shell::output(Command::new(binary).arg("openapi"))?;
    let path = workspace.root.join("openapi.json");
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    if present == wanted {
        return Ok(());
    }
    if options.check {
        let line = first_difference(&present, &wanted);
        bail!(
            "openapi.json:{line}: differs from what the code gives; run `cargo xtask gen` and read the difference"
        );
    }
    std::fs::write(&path, wanted).with_context(|| format!("writing {}", path.display()))
}

/// The number of the first line in which two texts differ, from 1.
fn first_difference(left: &str, right: &str) -> usize {
    left.lines()
        .zip(right.lines())
        .take_while(|(left, right)| left == right)
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_difference_has_a_line() {
        assert_eq!(first_difference("a\nb\nc", "a\nx\nc"), 2);
        assert_eq!(first_difference("a\n", "a\nb\n"), 2);
        assert_eq!(first_difference("", "a"), 1);
    }
}
