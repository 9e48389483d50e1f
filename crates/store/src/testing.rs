//! Databases for tests: a SQLite file in a temporary directory, and a PostgreSQL server of the
//! test process's own.
//!
//! The server listens on a Unix socket in a temporary directory only. A small shell process
//! stands between: when the test process is gone, however it ended, the shell stops the server
//! and removes the directory. Run by root, all of it runs as `postgres` or `nobody`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that has no database must stop and say why"
)]

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use domain::Timestamp;
use tempfile::TempDir;
use tokio_postgres::{NoTls, error::SqlState};

use crate::{Db, DbConfig};

/// A database that goes away with this value (SQLite) or with the process (PostgreSQL).
#[derive(Debug)]
pub struct TestDb {
    /// The open database.
    pub db: Db,
    /// How it was opened.
    pub config: DbConfig,
    directory: Option<TempDir>,
}

impl TestDb {
    /// A second node, or the same one after a restart.
    pub async fn open_again(&self) -> Db {
        Db::open(&self.config)
            .await
            .expect("the test database opens again")
    }

    /// A directory for the test's files.
    pub fn directory(&mut self) -> &Path {
        self.directory
            .get_or_insert_with(|| TempDir::new().expect("a temporary directory"))
            .path()
    }
}

/// A migrated SQLite database.
pub async fn sqlite() -> TestDb {
    migrated(empty_sqlite().await).await
}

/// A migrated PostgreSQL database.
///
/// # Panics
/// When PostgreSQL is not installed.
pub async fn postgres() -> TestDb {
    migrated(empty_postgres().await).await
}

/// A SQLite database without a schema.
pub async fn empty_sqlite() -> TestDb {
    let directory = TempDir::new().expect("a temporary directory");
    let config = DbConfig::sqlite(directory.path().join("test.db"));
    TestDb {
        db: Db::open(&config).await.expect("SQLite opens"),
        config,
        directory: Some(directory),
    }
}

/// A PostgreSQL database without a schema.
///
/// # Panics
/// When PostgreSQL is not installed.
pub async fn empty_postgres() -> TestDb {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let cluster = cluster();
    let name = format!("test_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    superuser(cluster, "postgres")
        .await
        .expect("the test server answers")
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a database is made");
    let config = DbConfig::Postgres {
        url: url(cluster, &name),
        connections: 8,
        root_certificates: None,
    };
    TestDb {
        db: Db::open(&config).await.expect("PostgreSQL opens"),
        config,
        directory: None,
    }
}

async fn migrated(test: TestDb) -> TestDb {
    test.db
        .migrate(Timestamp::from_millis(1))
        .await
        .expect("the schema is made");
    test
}

/// A bare connection to the database of a test, to do what the layer does not.
pub async fn connection(test: &TestDb) -> tokio_postgres::Client {
    let DbConfig::Postgres { url, .. } = &test.config else {
        panic!("not a PostgreSQL database");
    };
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the test server answers");
    tokio::spawn(connection);
    client
}

struct Cluster {
    sockets: PathBuf,
}

fn url(cluster: &Cluster, database: &str) -> String {
    format!(
        "host={} user=muster dbname={database}",
        cluster.sockets.display()
    )
}

/// Connects; a server that has just opened its socket may still be starting up.
async fn superuser(
    cluster: &Cluster,
    database: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    loop {
        match tokio_postgres::connect(&url(cluster, database), NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return Ok(client);
            }
            Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The server of this process, started at first use.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<(Cluster, Child)> = OnceLock::new();
    &CLUSTER.get_or_init(start).0
}

#[expect(
    clippy::disallowed_methods,
    reason = "waits for a process, which has no other clock"
)]
fn start() -> (Cluster, Child) {
    let programs = programs();
    let directory = tempfile::Builder::new()
        .prefix("muster-pg-")
        .tempdir()
        .expect("a temporary directory")
        // The shell below removes it.
        .keep();
    let account = unprivileged();
    if let Some((user, group)) = account {
        chown(&directory, Some(user), Some(group))
            .expect("the directory is given to the server's account");
    }
    let mut command = match account {
        None => Command::new("sh"),
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={user}"), &format!("--regid={group}")]);
            command.args(["--clear-groups", "sh"]);
            command
        }
    };
    let mut child = command
        .args(["-c", SCRIPT, "sh"])
        .args([&programs, &directory])
        .current_dir(&directory)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Apart from the test's process group, so that it outlives an interrupt and can clean up.
        .process_group(0)
        .spawn()
        .expect(
            "sh and, for root, setpriv (Debian package util-linux) are needed to start PostgreSQL",
        );
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::os::unix::net::UnixStream::connect(directory.join(".s.PGSQL.5432")).is_err() {
        let ended = child.try_wait().is_ok_and(|status| status.is_some());
        if ended || Instant::now() > deadline {
            let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            panic!("PostgreSQL did not start in {}: {log}", directory.display());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (Cluster { sockets: directory }, child)
}

/// `$1` programs, `$2` directory. Reading ends when the test process does.
const SCRIPT: &str = r#"
    set -u
    trap '' INT TERM HUP
    "$1/initdb" -D "$2/data" -U muster --auth=trust -E UTF8 --locale-provider=icu --icu-locale=en --no-sync \
        >"$2/log" 2>&1 ||
    "$1/initdb" -D "$2/data" -U muster --auth=trust -E UTF8 --no-sync >>"$2/log" 2>&1 || exit 1
    setpriv --pdeathsig QUIT "$1/postgres" -D "$2/data" -c listen_addresses= -c unix_socket_directories="$2" \
        -c fsync=on -c max_connections=200 -c shared_buffers=64MB </dev/null >>"$2/log" 2>&1 &
    server=$!
    cat >/dev/null
    kill -QUIT $server
    wait $server
    cd /
    rm -rf "$2"
"#;

/// Where `initdb` and `postgres` are.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places
        .into_iter()
        .find(|place| place.join("initdb").is_file() && place.join("postgres").is_file())
        .expect("PostgreSQL is needed for this test: install the Debian package `postgresql` (initdb was not found)")
}

/// The account to use when we are root, which PostgreSQL refuses.
fn unprivileged() -> Option<(u32, u32)> {
    let own = std::os::unix::fs::MetadataExt::uid(
        &std::fs::metadata("/proc/self").expect("/proc is there"),
    );
    if own != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd is there");
    let find = |wanted: &str| {
        let mut fields = accounts
            .lines()
            .find(|line| line.starts_with(wanted))?
            .split(':')
            .skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(find("postgres:").or_else(|| find("nobody:")).expect(
        "PostgreSQL refuses to run as root, and there is neither an account postgres nor nobody",
    ))
}
