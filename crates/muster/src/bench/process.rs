//! The server under test, as an operator runs it: its own process, its own configuration file.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use domain::{Ownership, Secret, token::TokenTerms};
use engine::{
    Entropy as _, SystemEntropy,
    enroll::NewEnrollmentToken,
    people::{NewApiToken, administrator_scopes, operator},
};
use simulator::apns::StandIn;
use tokio::process::{Child, Command};

use super::machine::{Usage, usage};
use crate::{cli::installation, config::Config};

/// How long the server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of our own, removed when dropped.
pub(super) struct Place(PathBuf);

impl Place {
    /// Makes one.
    pub(super) fn make(below: &Path) -> anyhow::Result<Self> {
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        let folder = below.join(format!("muster-bench-{}", hex::encode(random)));
        fs::create_dir_all(folder.join("data"))
            .with_context(|| format!("making {}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The server's own files.
    pub(super) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn configuration(&self) -> PathBuf {
        self.0.join("muster.toml")
    }

    fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What clients of the server have to know.
pub(super) struct Prepared {
    /// The server's address.
    pub(super) url: String,
    /// The root of its authority, PEM.
    pub(super) ca_pem: String,
    /// Where devices get their profile.
    pub(super) profile_url: String,
    /// An API token that may do everything.
    pub(super) api_token: Secret<String>,
}

/// Writes a configuration and makes what an administrator makes first: push certificate, enrollment token, API token.
pub(super) async fn prepare(
    place: &Place,
    database: Option<&str>,
    push: &StandIn,
) -> anyhow::Result<Prepared> {
    let root = place.path().join("push-root.pem");
    fs::write(&root, &push.ca_pem)?;
    let address = free_address()?;
    let url = format!("https://localhost:{}", address.port());
    let text = settings(&url, address, &place.data(), database, &push.url, &root);
    fs::write(place.configuration(), text)?;
    let config = Config::load(Some(&place.configuration()), [])?;
    let mut key = [0; 32];
    SystemEntropy.fill(&mut key);
    config.create_key_encryption_key(&Secret::new(key))?;
    let engine = installation::engine(&config).await?;
    let by = operator();
    let expires_at = engine.now().plus(Duration::from_secs(7 * 24 * 3600));
    engine
        .import_push_certificate(
            &by,
            &push.push_certificate_pem,
            Some(Secret::new(push.push_key_pem.clone())),
        )
        .await?;
    let enrollment = NewEnrollmentToken {
        name: "Measurement".into(),
        unit: None,
        terms: TokenTerms {
            ownership: Ownership::Corporate,
            platforms: Default::default(),
            serials: Default::default(),
            max_uses: None,
            expires_at,
        },
    };
    let enrollment = engine.create_enrollment_token(&by, enrollment).await?;
    let api = NewApiToken {
        name: "Measurement".into(),
        scopes: administrator_scopes(),
        expires_at,
    };
    let api = engine.create_api_token(&by, api).await?;
    let ca_pem = engine.authority.load().root.to_pem();
    engine.db.close().await;
    Ok(Prepared {
        url,
        ca_pem,
        profile_url: format!("{}/profile", enrollment.url.expose()),
        api_token: api.secret,
    })
}

fn settings(
    url: &str,
    address: SocketAddr,
    data: &Path,
    database: Option<&str>,
    push_url: &str,
    push_root: &Path,
) -> String {
    let database = database.map_or_else(String::new, |url| {
        format!("\n[database]\nurl = \"{url}\"\n")
    });
    format!(
        "[server]\npublic_url = \"{url}\"\nlisten = \"{address}\"\ndata_dir = \"{}\"\n\
         \n[apple.push]\nbase_url = \"{push_url}\"\nroot_pem = \"{}\"\n\
         \n[logging]\nlevel = \"warn\"\n{database}",
        data.display(),
        push_root.display(),
    )
}

/// An address on loopback that nobody uses at this moment.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A running `muster serve`, killed when dropped.
pub(super) struct Server {
    child: Child,
    url: String,
    configuration: PathBuf,
    log: PathBuf,
    probe: reqwest::Client,
    /// From the start of the process until it answered that it is ready, in milliseconds.
    pub(super) ready_ms: f64,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(place: &Place, prepared: &Prepared) -> anyhow::Result<Self> {
        let root = reqwest::Certificate::from_pem(prepared.ca_pem.as_bytes())?;
        let probe = reqwest::Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        let configuration = place.configuration();
        let mut server = Self {
            child: spawn(&configuration, &place.log())?,
            url: prepared.url.clone(),
            configuration,
            log: place.log(),
            probe,
            ready_ms: 0.0,
        };
        server.until_ready(Instant::now()).await?;
        Ok(server)
    }

    /// Ends it and starts it again.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        self.again().await
    }

    /// The installation, opened in this process while the server is down.
    pub(super) async fn engine(&self) -> anyhow::Result<engine::Engine> {
        let config = Config::load(Some(&self.configuration), [])?;
        Ok(installation::engine(&config).await?)
    }

    /// Starts it after [`Server::stop`].
    pub(super) async fn again(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        self.child = spawn(&self.configuration, &self.log)?;
        self.until_ready(start).await
    }

    /// Asks it to end, and waits for that.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(id) = self.child.id() else {
            return Ok(());
        };
        let told = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        anyhow::ensure!(told.success(), "the server could not be told to end");
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the server does not end")??;
        if !status.success() {
            bail!("the server ended with {status}:\n{}", self.last_words());
        }
        Ok(())
    }

    /// What it used so far.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        let id = self.child.id().context("the server is not running")?;
        usage(&id.to_string())
    }

    async fn until_ready(&mut self, start: Instant) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.url);
        loop {
            let answer = self.probe.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                self.ready_ms = start.elapsed().as_secs_f64() * 1e3;
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", self.last_words());
            }
            if start.elapsed() > PATIENCE {
                bail!("the server is not ready:\n{}", self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(4000);
        log.get(from..).unwrap_or(&log).to_owned()
    }
}

fn spawn(configuration: &Path, log: &Path) -> anyhow::Result<Child> {
    let log = fs::File::options().create(true).append(true).open(log)?;
    let program = std::env::current_exe()?;
    Command::new(&program)
        .arg("serve")
        .arg("--config")
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_reads_back_for_both_databases() {
        let address: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        for database in [None, Some("postgres://muster@%2Frun%2Fpg/postgres")] {
            let text = settings(
                "https://localhost:4000",
                address,
                Path::new("/data"),
                database,
                "https://127.0.0.1:5",
                Path::new("/data/root.pem"),
            );
            let config = Config::parse(Some((Path::new("muster.toml"), &text)), []).unwrap();
            assert_eq!(config.public_url(), "https://localhost:4000");
            assert_eq!(config.database.url.as_deref(), database);
        }
    }

    #[test]
    fn a_place_leaves_nothing() {
        let base = tempfile::tempdir().unwrap();
        let place = Place::make(base.path()).unwrap();
        assert!(place.data().is_dir());
        drop(place);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
