//! The console's assets: npm packages by lock file, then our own build script.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{packages, shell};

/// Builds what is not there or older than what it is made from.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    packages::check_node()?;
    let folder = workspace.root.join("crates/server/assets");
    install(&folder)?;
    // The build writes every file anew, and new files make cargo compile the console again.
    let made = oldest(&folder.join("dist"))?;
    let inputs = [
        newest(&folder.join("src"))?,
        modified(&folder.join("build.mjs")),
        modified(&folder.join("package-lock.json")),
    ];
    if made.is_some_and(|made| inputs.iter().flatten().all(|input| *input < made)) {
        return Ok(());
    }
    shell::output(Command::new("node").current_dir(&folder).arg("build.mjs")).map(drop)
}

/// Installs a folder's npm packages when its lock file changed since the last time.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let lock = std::fs::read(&lock).with_context(|| format!("reading {}", lock.display()))?;
    let stamp = folder.join("node_modules/.installed-by-lock");
    if std::fs::read(&stamp).ok().as_deref() == Some(lock.as_slice()) {
        return Ok(());
    }
    let mut install = Command::new("npm");
    install.current_dir(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    // Its complaints are shown, its chatter is not.
    shell::output(&mut install)?;
    std::fs::write(&stamp, lock).with_context(|| format!("writing {}", stamp.display()))
}

fn oldest(folder: &Path) -> Result<Option<SystemTime>> {
    Ok(times(folder)?.into_iter().min())
}

fn newest(folder: &Path) -> Result<Option<SystemTime>> {
    Ok(times(folder)?.into_iter().max())
}

/// When each file of a folder was last changed; nothing where there is no folder.
fn times(folder: &Path) -> Result<Vec<SystemTime>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut times = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        times.extend(modified(&entry?.path()));
    }
    Ok(times)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
