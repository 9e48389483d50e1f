//! Running other programs.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program on this terminal and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("starting {}", name(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", name(command));
    }
    Ok(())
}

/// Runs a program and gives what it printed; what it complains about goes to this terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {}", name(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", name(command), output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed something that is not text", name(command)))
}

/// What a program that ran into a log left behind.
pub(crate) struct Logged {
    /// Whether it ended well.
    pub(crate) success: bool,
    /// Everything that it printed, both streams in order.
    pub(crate) text: String,
}

/// Runs a program with all that it prints going to a file.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Result<Logged> {
    let file = File::create(log).with_context(|| format!("making {}", log.display()))?;
    let status = command
        .env("CARGO_TERM_COLOR", "never")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("starting {}", name(command)))?;
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    Ok(Logged {
        success: status.success(),
        text,
    })
}

/// Whether a program of this name can be started from the search path.
pub(crate) fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Whether this process has the superuser's rights.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn name(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let first = command
        .get_args()
        .next()
        .map(|argument| argument.to_string_lossy().into_owned());
    first.map_or_else(|| program.clone(), |first| format!("{program} {first}"))
}
