//! The program as an operator runs it: its own process, configuration file, data and database.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Ownership, Secret, token::TokenTerms};
use engine::{
    Entropy as _, SystemEntropy,
    enroll::NewEnrollmentToken,
    people::{NewApiToken, administrator_scopes, operator},
};
use muster::{cli::installation, config::Config};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use simulator::{
    apns::StandIn,
    apple::{Device, Kind},
    keys::{Algorithm, Key, Pool},
};
use socket2::{Domain, Socket, Type};
use store::DbConfig;
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

/// How long the program may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// An installation: configuration, keys, an enrollment token and an API token, made before the first start.
pub struct Place {
    pub folder: TempDir,
    pub url: String,
    /// Where devices download their profile.
    pub profile_url: String,
    pub api_token: String,
    pub ca_pem: String,
    /// `[server]` and `[metrics]` listen here.
    pub port: Port,
    pub ops: Port,
    transport: Key,
}

impl Place {
    pub async fn make(apns: &StandIn, database: Option<&str>) -> Self {
        Self::make_with(apns, database, "").await
    }

    /// With more lines of configuration.
    pub async fn make_with(apns: &StandIn, database: Option<&str>, more: &str) -> Self {
        let port = Port::reserve();
        let url = format!("https://localhost:{}", port.number());
        Self::make_behind(apns, database, more, port, url).await
    }

    /// Reached by devices at `url`, which may be another machine's.
    pub async fn make_behind(
        apns: &StandIn,
        database: Option<&str>,
        more: &str,
        port: Port,
        url: String,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ops = Port::reserve();
        std::fs::write(folder.path().join("push-root.pem"), &apns.ca_pem).unwrap();
        let mut key = [0; 32];
        SystemEntropy.fill(&mut key);
        let mut place = Self {
            url,
            profile_url: String::new(),
            api_token: String::new(),
            ca_pem: String::new(),
            port,
            ops,
            transport: Key::generate(Algorithm::Rsa2048).unwrap(),
            folder,
        };
        place.configure(apns, database, more);
        let config = place.load();
        config.create_key_encryption_key(&Secret::new(key)).unwrap();
        let engine = installation::engine(&config).await.unwrap();
        let by = operator();
        let expires_at = engine.now().plus(Duration::from_secs(24 * 3600));
        let key = Secret::new(apns.push_key_pem.clone());
        engine
            .import_push_certificate(&by, &apns.push_certificate_pem, Some(key))
            .await
            .unwrap();
        let terms = TokenTerms {
            ownership: Ownership::Corporate,
            platforms: Default::default(),
            serials: Default::default(),
            max_uses: None,
            expires_at,
        };
        let new = NewEnrollmentToken {
            name: "test".into(),
            unit: None,
            terms,
        };
        let created = engine.create_enrollment_token(&by, new).await.unwrap();
        place.profile_url = format!("{}/profile", created.url.expose());
        let new = NewApiToken {
            name: "test".into(),
            scopes: administrator_scopes(),
            expires_at,
        };
        let created = engine.create_api_token(&by, new).await.unwrap();
        place.api_token = created.secret.expose().clone();
        place.ca_pem = engine.authority.load().root.to_pem();
        engine.db.close().await;
        place
    }

    /// A second node of the same installation: same database and keys, own ports.
    pub fn second_node(&self, apns: &StandIn, database: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("push-root.pem"), &apns.ca_pem).unwrap();
        let place = Self {
            url: self.url.clone(),
            profile_url: self.profile_url.clone(),
            api_token: self.api_token.clone(),
            ca_pem: self.ca_pem.clone(),
            port: Port::reserve(),
            ops: Port::reserve(),
            transport: self.transport.clone(),
            folder,
        };
        place.configure(apns, Some(database), "");
        for entry in std::fs::read_dir(self.data()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), place.data().join(entry.file_name())).unwrap();
        }
        place
    }

    /// Writes the configuration file.
    pub fn configure(&self, apns: &StandIn, database: Option<&str>, more: &str) {
        std::fs::create_dir_all(self.data()).unwrap();
        let database =
            database.map_or_else(String::new, |url| format!("[database]\nurl = \"{url}\"\n"));
        let text = format!(
            "[server]\npublic_url = \"{}\"\nlisten = \"{}\"\ndata_dir = \"{}\"\n\
             [apple.push]\nbase_url = \"{}\"\nroot_pem = \"{}\"\n\
             [metrics]\nlisten = \"{}\"\n{database}{more}",
            self.url,
            self.port.address,
            self.data().display(),
            apns.url,
            self.folder.path().join("push-root.pem").display(),
            self.ops.address,
        );
        std::fs::write(self.config(), text).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("muster.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn load(&self) -> Config {
        Config::load(Some(&self.config()), []).unwrap()
    }

    /// The file when the database is SQLite.
    pub fn database_file(&self) -> PathBuf {
        match self.load().database().unwrap() {
            DbConfig::Sqlite { path, .. } => path,
            DbConfig::Postgres { .. } => panic!("not a file"),
        }
    }

    pub async fn start(&self) -> Server {
        Server::start(self).await
    }

    pub fn api(&self) -> Api {
        let root = reqwest::Certificate::from_pem(self.ca_pem.as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Api {
            client,
            base: format!("https://localhost:{}", self.port.number()),
            token: self.api_token.clone(),
        }
    }

    /// A device whose keys cost little.
    pub fn device(&self, kind: Kind, seed: u64) -> Device {
        Device::new(kind, seed)
            .trusting(&self.ca_pem)
            .unwrap()
            .with_keys(Pool::fresh(Algorithm::P256))
            .with_transport_key(self.transport.clone())
    }

    /// Runs `muster` with this installation.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let config = self.config();
        let mut all = vec!["--config", config.to_str().unwrap()];
        all.extend(arguments);
        run(&all).await
    }
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }
}

/// Runs `muster` without anything of the surroundings.
pub async fn run(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output)
        .await
        .unwrap()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A port on loopback that stays ours over restarts: bound but not listening, so that the server
/// can bind it as well and nobody is given it by chance.
pub struct Port {
    pub address: SocketAddr,
    _socket: Socket,
}

impl Port {
    pub fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket
            .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        Self {
            address: socket.local_addr().unwrap().as_socket().unwrap(),
            _socket: socket,
        }
    }

    pub fn number(&self) -> u16 {
        self.address.port()
    }
}

/// A running `muster serve`, killed when dropped.
pub struct Server {
    child: Child,
    /// Everything it wrote, on both streams.
    pub said: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    async fn start(place: &Place) -> Self {
        // A write beyond a limit on file sizes shall be an error, as on a full disk, not the end.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_muster"))
            .arg("serve")
            .arg("--config")
            .arg(place.config())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().unwrap(), &said);
        collect(child.stderr.take().unwrap(), &said);
        let mut server = Self { child, said };
        server.until_ready(place).await;
        server
    }

    async fn until_ready(&mut self, place: &Place) {
        let probe = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/readyz", place.ops.address);
        let ready = async {
            while !matches!(probe.get(&url).send().await, Ok(answer) if answer.status().is_success())
            {
                let ended = self.child.try_wait().unwrap();
                assert!(ended.is_none(), "{ended:?}: {}", self.text());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, ready).await;
        assert!(waited.is_ok(), "not ready: {}", self.text());
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// SIGKILL: no last words.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM.
    pub async fn ask_to_end(&self) {
        signal("TERM", self.id()).await;
    }

    pub async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap_or_else(|_| panic!("it does not end: {}", self.text()))
            .unwrap()
    }

    /// Ends it gracefully.
    pub async fn stop(mut self) {
        self.ask_to_end().await;
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.text());
    }
}

/// Sends a signal to a process that we started.
pub async fn signal(name: &str, id: u32) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), id.to_string()])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
}

fn collect(
    mut from: impl tokio::io::AsyncRead + Unpin + Send + 'static,
    into: &Arc<Mutex<Vec<u8>>>,
) {
    let into = Arc::clone(into);
    tokio::spawn(async move {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            into.lock().unwrap().extend_from_slice(&chunk[..read]);
        }
    });
}

/// A program that uses the admin API.
#[derive(Clone)]
pub struct Api {
    pub client: reqwest::Client,
    pub base: String,
    pub token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub media_type: String,
    pub retry_after: Option<String>,
    pub body: Json,
}

impl Api {
    /// # Errors
    /// When there was no whole answer.
    pub async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        let url = format!("{}/api/v1/{path}", self.base);
        answer(self.client.get(url).bearer_auth(&self.token)).await
    }

    /// # Errors
    /// When there was no whole answer.
    pub async fn post(&self, path: &str, key: &str, body: &Json) -> reqwest::Result<Answer> {
        let url = format!("{}/api/v1/{path}", self.base);
        let request = self.client.post(url).bearer_auth(&self.token);
        answer(request.header("idempotency-key", key).json(body)).await
    }

    /// Something that must be there.
    pub async fn read(&self, path: &str) -> Json {
        let answer = self.get(path).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.body
    }

    /// All pages of a list.
    pub async fn list(&self, path: &str) -> Vec<Json> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.read(&format!("{path}?limit=500{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The identifier of the device with a serial number.
    ///
    /// # Errors
    /// When there was no whole answer.
    pub async fn device_id(&self, serial: &str) -> reqwest::Result<Option<String>> {
        let page = self.get(&format!("devices?q={serial}")).await?.body;
        Ok(page["items"][0]["id"].as_str().map(str::to_owned))
    }

    /// Orders a harmless command; gives its identifier.
    pub async fn order(&self, device: &str, kind: &str, key: &str) -> String {
        let answer = self
            .post(
                &format!("devices/{device}/commands"),
                key,
                &order(kind, key),
            )
            .await
            .unwrap();
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }
}

/// The body of an order; its reason tells one order from another.
pub fn order(kind: &str, reason: &str) -> Json {
    json!({ "type": kind, "reason": reason })
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send().await?;
    let header = |name: &str| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (status, media_type, retry_after) = (
        answer.status(),
        header("content-type").unwrap_or_default(),
        header("retry-after"),
    );
    let bytes = answer.bytes().await?;
    Ok(Answer {
        status,
        media_type,
        retry_after,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    })
}

/// Connects until the server has nothing more for the device.
pub async fn until_idle(device: &mut Device) {
    for _ in 0..20 {
        let session = device.connect().await.unwrap();
        if session.commands.is_empty() && !session.synchronized {
            return;
        }
    }
    panic!("there is always another command");
}

/// The address of a test database, as `muster.toml` writes it.
pub fn address_of(config: &DbConfig) -> String {
    let DbConfig::Postgres { url, .. } = config else {
        panic!("not PostgreSQL");
    };
    let part = |name: &str| {
        url.split(' ')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .unwrap()
    };
    let sockets = part("host").replace('/', "%2F");
    format!("postgres://{}@{sockets}/{}", part("user"), part("dbname"))
}

/// A new PostgreSQL database on the server of this process.
pub async fn postgres() -> String {
    let test = store::testing::empty_postgres().await;
    let address = address_of(&test.config);
    test.db.close().await;
    address
}

/// The events of an exported journal.
pub fn events_in(file: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .filter_map(|line| {
            serde_json::from_str::<Json>(line)
                .unwrap()
                .get("event")
                .cloned()
        })
        .collect()
}
