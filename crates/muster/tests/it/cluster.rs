//! A PostgreSQL server that a test may stop and start.

use std::{
    os::unix::{
        fs::{MetadataExt as _, chown},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::signal;

/// On a Unix socket in a folder of its own; ends with this value.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    server: Option<Child>,
}

impl Cluster {
    pub async fn start() -> Self {
        let mut cluster = Self {
            folder: tempfile::tempdir().unwrap(),
            programs: programs(),
            server: None,
        };
        if let Some((user, group)) = account() {
            chown(cluster.folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = cluster.folder.path().join("data");
        let made = cluster
            .command("initdb")
            .args([
                "--user=muster",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
                "-D",
            ])
            .arg(data)
            .status()
            .await
            .unwrap();
        assert!(made.success());
        cluster.resume().await;
        cluster
    }

    /// The address, as `muster.toml` writes it.
    pub fn address(&self) -> String {
        let sockets = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://muster@{sockets}/postgres")
    }

    /// At once, without telling anybody: what follows is a recovery from the log.
    pub async fn lose(&mut self) {
        let mut server = self.server.take().unwrap();
        signal("QUIT", server.id().unwrap()).await;
        server.wait().await.unwrap();
    }

    pub async fn resume(&mut self) {
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-c", "listen_addresses=", "-c", "max_connections=60", "-c"])
            .arg(format!(
                "unix_socket_directories={}",
                self.folder.path().display()
            ))
            .spawn()
            .unwrap();
        self.server = Some(server);
        let socket = self.folder.path().join(".s.PGSQL.5432");
        let started = async {
            while UnixStream::connect(&socket).is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), started).await;
        waited.expect("PostgreSQL starts");
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = match account() {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command
                    .args([format!("--reuid={user}"), format!("--regid={group}")])
                    .args(["--clear-groups", "--pdeathsig", "QUIT"])
                    .arg(program);
                command
            }
        };
        command
            .current_dir(self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    places.extend(
        versions
            .into_iter()
            .flatten()
            .flatten()
            .map(|version| version.path().join("bin")),
    );
    places
        .into_iter()
        .find(|place| place.join("initdb").is_file() && place.join("postgres").is_file())
        .expect("PostgreSQL is needed for this test: install the Debian package `postgresql`")
}

/// The account to use when we are root, which PostgreSQL refuses.
fn account() -> Option<(u32, u32)> {
    if Path::new("/proc/self").metadata().unwrap().uid() != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |wanted: &str| {
        let mut fields = accounts
            .lines()
            .find(|line| line.starts_with(wanted))?
            .split(':')
            .skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find("postgres:").or_else(|| find("nobody:"))
}
