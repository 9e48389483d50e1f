//! A private PostgreSQL cluster that lives as long as the measurement.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{packages, shell};

/// A running cluster, reachable by a Unix socket in its own folder alone. Dropping it stops it and takes it away.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    /// Makes a cluster with durable settings, as an operator would run it, in a new folder below `base`, and starts it.
    pub(crate) fn start(base: &Path) -> Result<Self> {
        let programs =
            packages::postgres_bin().context("PostgreSQL's server programs were not found")?;
        let folder = tempfile::Builder::new()
            .prefix("muster-bench-")
            .tempdir_in(base)?;
        let cluster = Self { programs, folder };
        if shell::is_root() {
            shell::run(
                Command::new("chown")
                    .arg("postgres")
                    .arg(cluster.folder.path()),
            )?;
        }
        let options = [
            "--auth=trust",
            "--username=muster",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ];
        shell::output(cluster.command("initdb").args(options).arg(cluster.data()))?;
        let settings = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c shared_buffers=256MB -c max_connections=100",
            cluster.folder.path().display()
        );
        let mut start = cluster.command("pg_ctl");
        start.args(["--wait", "--silent", "-D"]).arg(cluster.data());
        start.arg("-l").arg(cluster.folder.path().join("log"));
        // The server inherits what it is given and lives on: a pipe would keep us waiting for its end.
        start
            .args(["-o", &settings, "start"])
            .stdout(std::process::Stdio::null());
        shell::run(&mut start)?;
        Ok(cluster)
    }

    /// The address for the server's configuration.
    pub(crate) fn url(&self) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://muster@{host}/postgres")
    }

    /// The folder of the tables and indexes, without the log of transactions.
    pub(crate) fn tables(&self) -> PathBuf {
        self.data().join("base")
    }

    /// What the programs call themselves.
    pub(crate) fn version(&self) -> Result<String> {
        let text = shell::output(Command::new(self.programs.join("postgres")).arg("--version"))?;
        Ok(text.trim().to_owned())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
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
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["--silent", "--mode=fast", "-D"])
            .arg(self.data())
            .arg("stop");
        if self.data().join("postmaster.pid").exists()
            && !stop.status().is_ok_and(|status| status.success())
        {
            eprintln!(
                "warning: the PostgreSQL cluster in {} could not be stopped",
                self.folder.path().display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cluster;
    use crate::shell;

    #[test]
    fn a_cluster_answers_on_its_socket_and_leaves_nothing() {
        let base = tempfile::tempdir_in(std::env::temp_dir()).unwrap();
        // PostgreSQL's own user must be able to pass through.
        shell::run(
            std::process::Command::new("chmod")
                .arg("0755")
                .arg(base.path()),
        )
        .unwrap();
        let cluster = Cluster::start(base.path()).unwrap();
        let answer = cluster
            .command("pg_isready")
            .arg("--dbname")
            .arg(cluster.url())
            .output()
            .unwrap();
        assert!(answer.status.success(), "{answer:?}");
        drop(cluster);
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
