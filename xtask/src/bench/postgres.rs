//! A private PostgreSQL cluster that lives as long as the measurement.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{packages, shell};

/// A running cluster on a Unix socket in its own folder. Dropping it stops it.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    socket: tempfile::TempDir,
}

impl Cluster {
    /// Makes a cluster with durable settings, as an operator would run it, and starts it.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let programs =
            packages::postgres_bin().context("PostgreSQL's server programs were not found")?;
        std::fs::create_dir_all(folder)?;
        // A socket's path may be some 100 characters long; cargo's target folder may be deeper than that.
        let socket = tempfile::Builder::new().prefix("muster-bench-").tempdir()?;
        let cluster = Self {
            programs,
            folder: folder.to_path_buf(),
            socket,
        };
        for path in [folder, cluster.socket.path()] {
            hand_over(path)?;
        }
        shell::output(
            cluster
                .command("initdb")
                .args([
                    "--auth=trust",
                    "--username=muster",
                    "--encoding=UTF8",
                    "--locale=C",
                    "-D",
                ])
                .arg(folder),
        )?;
        let settings = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c shared_buffers=256MB -c max_connections=100",
            cluster.socket.path().display()
        );
        shell::output(
            cluster
                .command("pg_ctl")
                .args(["--wait", "--silent", "-D"])
                .arg(folder)
                .arg("-l")
                .arg(folder.join("log"))
                .args(["-o", &settings, "start"]),
        )?;
        Ok(cluster)
    }

    /// The address for the server's configuration.
    pub(crate) fn url(&self) -> String {
        let host = self.socket.path().display().to_string().replace('/', "%2F");
        format!("postgresql://muster@{host}/postgres")
    }

    /// PostgreSQL refuses to run as the superuser; Debian's package made a user for it.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if shell::is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.socket.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self
            .command("pg_ctl")
            .args(["--silent", "--mode=fast", "-D"])
            .arg(&self.folder)
            .arg("stop")
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            eprintln!(
                "warning: the PostgreSQL cluster in {} could not be stopped",
                self.folder.display()
            );
        }
    }
}

/// Gives a folder to the user that PostgreSQL runs as.
fn hand_over(folder: &Path) -> Result<()> {
    if shell::is_root() {
        shell::run(Command::new("chown").arg("postgres").arg(folder))?;
    }
    shell::run(Command::new("chmod").arg("0700").arg(folder))
}
