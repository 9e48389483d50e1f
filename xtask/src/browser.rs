//! The console in a real browser: the script `test:browser` of the console's npm package, against our own binary.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::assets;
use crate::shell::{self, Logged};
use crate::workspace::Workspace;

/// Builds what the script needs and runs it. It ends with a closing line `N passed, N failed`.
pub(crate) fn run(workspace: &Workspace, log: &Path) -> Result<Logged> {
    assets::build(workspace)?;
    let binary = workspace.build_muster("dev")?;
    let mut script = Command::new("npm");
    script
        .args(["run", "--silent", "test:browser"])
        .current_dir(workspace.root.join("crates/server/assets"))
        .env("MUSTER_BINARY", binary);
    shell::logged(&mut script, log)
}
