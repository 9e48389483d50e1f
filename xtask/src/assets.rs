//! The console's assets: npm packages by lock file, then our own build script.

use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{packages, shell};

/// Installs the packages when the lock file changed since the last time, and builds.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    packages::check_node()?;
    let folder = workspace.root.join("crates/server/assets");
    let lock = std::fs::read(folder.join("package-lock.json"))
        .context("reading the console's package-lock.json")?;
    let stamp = folder.join("node_modules/.installed-by-lock");
    if std::fs::read(&stamp).ok().as_deref() != Some(lock.as_slice()) {
        let mut install = Command::new("npm");
        install.current_dir(&folder).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        // Its complaints are shown, its chatter is not.
        shell::output(&mut install)?;
        std::fs::write(&stamp, lock).with_context(|| format!("writing {}", stamp.display()))?;
    }
    shell::run(Command::new("node").current_dir(&folder).arg("build.mjs"))
}
