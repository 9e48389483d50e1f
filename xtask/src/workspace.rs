//! Where the repository stands on this machine, and what cargo knows about it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

/// The repository and cargo's view of it.
pub(crate) struct Workspace {
    /// The repository's root folder.
    pub(crate) root: PathBuf,
    /// What `cargo metadata` printed.
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// Asks cargo for the workspace that this program belongs to.
    pub(crate) fn load() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("xtask has no parent folder")?
            .to_path_buf();
        let mut command = cargo(&root);
        command.args(["metadata", "--format-version", "1", "--locked"]);
        let text = shell::output(&mut command)?;
        let metadata = serde_json::from_str(&text).context("reading cargo metadata")?;
        Ok(Self { root, metadata })
    }

    /// A cargo command that runs in the repository's root.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// The folder for this program's own logs and results, below cargo's target folder.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        let folder = self.metadata.target_directory.join("xtask");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// Builds the `muster` binary in a profile (`dev`, `release`, `bench`) and says where it lies.
    pub(crate) fn build_muster(&self, profile: &str) -> Result<PathBuf> {
        let mut command = self.cargo();
        command.args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "muster",
            "--profile",
            profile,
        ]);
        shell::run(&mut command)?;
        let folder = if profile == "dev" {
            "debug"
        } else if profile == "bench" {
            "release"
        } else {
            profile
        };
        Ok(self.metadata.target_directory.join(folder).join("muster"))
    }
}

/// The part of `cargo metadata` that the chores read.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) resolve: Resolve,
    pub(crate) target_directory: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as the manifest declares it, whether or not it is in use.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// None for an ordinary dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    pub(crate) optional: bool,
    pub(crate) features: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Edge>,
}

#[derive(Deserialize)]
pub(crate) struct Edge {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
pub(crate) struct EdgeKind {
    /// None for an ordinary dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// `cargo run` tells its child which package it is running. A cargo below must not see that: it would take the names
/// for its own and rebuild what depends on them.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
            || text == "CARGO_CRATE_NAME"
            || text == "CARGO_PRIMARY_PACKAGE"
        {
            command.env_remove(name);
        }
    }
    command
}
