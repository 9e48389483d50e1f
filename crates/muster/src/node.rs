//! A running node: database, engine, listeners and background work put together.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use domain::Secret;
use engine::{
    Clock, Engine, Entropy as _, Parts, Settings, SystemEntropy,
    push::{Apns, ApnsOptions},
};
use metrics_exporter_prometheus::PrometheusHandle;
use server::{
    App, Options,
    listener::{self, Limits},
    tls::{self, ServerCertificate},
};
use store::{Db, DbConfig};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{cli::installation, config::KeyEncryptionKeys};

/// Where the server's TLS certificate comes from.
#[derive(Debug, Clone)]
pub enum TlsSource {
    /// No TLS: a proxy on the same machine speaks it.
    Off,
    /// A certificate of our own CA.
    Own,
    /// Files of the operator, read again when they change.
    Files {
        /// Certificate with its chain, PEM.
        chain: PathBuf,
        /// Private key, PEM.
        key: PathBuf,
    },
}

/// Everything a node is made of.
pub struct Setup {
    /// The use cases, opened. Its settings say by `own_tls` whether devices must be told to trust our CA.
    pub engine: Engine,
    /// The server's options.
    pub options: Options,
    /// Where to serve, bound already.
    pub listeners: Vec<TcpListener>,
    /// Where to serve without TLS, bound already: loopback only.
    pub plain_listeners: Vec<TcpListener>,
    /// TLS.
    pub tls: TlsSource,
    /// Whether clients are asked for a certificate.
    pub client_certificates: bool,
    /// Where to serve health and metrics for operators.
    pub ops: Option<TcpListener>,
    /// Limits on connections.
    pub limits: Limits,
    /// Renders the metrics, if they are collected.
    pub metrics: Option<PrometheusHandle>,
}

impl Setup {
    /// A setup with our own TLS certificate; the caller adds listeners.
    pub fn new(engine: Engine, options: Options) -> Self {
        Self {
            engine,
            options,
            listeners: Vec::new(),
            plain_listeners: Vec::new(),
            tls: TlsSource::Own,
            client_certificates: true,
            ops: None,
            limits: Limits::default(),
            metrics: None,
        }
    }
}

/// A running node. Call [`Node::stop`]; dropping it ends its tasks at once.
pub struct Node {
    /// The use cases, for whoever runs in this process.
    pub engine: Engine,
    shutdown: watch::Sender<bool>,
    tasks: JoinSet<()>,
    background: JoinSet<()>,
}

impl Node {
    /// Serves, and starts all background work.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn start(setup: Setup) -> anyhow::Result<Self> {
        let engine = setup.engine;
        let (shutdown, stop) = watch::channel(false);
        let app = App::new(engine.clone(), setup.options, setup.metrics).ending_with(stop.clone());
        let mut tasks = JoinSet::new();
        let tls_config = tls_for(
            &setup.tls,
            &engine,
            setup.client_certificates,
            &stop,
            &mut tasks,
        )?;
        let router = server::router(app.clone());
        let secured = setup
            .listeners
            .into_iter()
            .map(|socket| (socket, tls_config.clone()));
        let plain = setup
            .plain_listeners
            .into_iter()
            .map(|socket| (socket, None));
        for (socket, tls) in secured.chain(plain) {
            tasks.spawn(listener::serve(
                socket,
                tls,
                router.clone(),
                setup.limits,
                stop.clone(),
            ));
        }
        if let Some(socket) = setup.ops {
            tasks.spawn(listener::serve(
                socket,
                None,
                server::ops_router(app),
                setup.limits,
                stop.clone(),
            ));
        }
        let background = engine.start(&stop);
        Ok(Self {
            engine,
            shutdown,
            tasks,
            background,
        })
    }

    /// Lets requests under way finish, writes down what is in memory, and closes the database.
    pub async fn stop(mut self) {
        // Listeners first, so that nothing new comes while background work ends.
        self.shutdown.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        while self.background.join_next().await.is_some() {}
        if let Err(error) = self.engine.flush_last_seen().await {
            tracing::warn!(%error, "last-seen times were not written");
        }
        self.engine.db.close().await;
    }
}

/// What an engine is opened with.
pub struct Opening {
    /// Where everything is kept.
    pub database: DbConfig,
    /// The engine's settings.
    pub settings: Settings,
    /// The push service.
    pub apns: ApnsOptions,
    /// Seals secrets: the current key, then earlier ones.
    pub keys: KeyEncryptionKeys,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Opens the database, brings it up to date, and loads or makes keys and certificates.
///
/// # Errors
/// When the database does not open or the keys do not fit.
pub async fn open(opening: Opening) -> anyhow::Result<Engine> {
    let db = Db::open(&opening.database)
        .await
        .context("opening the database")?;
    db.migrate(opening.clock.now())
        .await
        .context("bringing the database up to date")?;
    let engine = Engine::open(Parts {
        db,
        clock: opening.clock,
        entropy: Arc::new(SystemEntropy),
        sealer: Arc::new(installation::sealer(&opening.keys)),
        settings: opening.settings,
        apns: Apns::new(opening.apns),
        node: installation::node_name(),
    })
    .await?;
    Ok(engine)
}

/// A key-encryption key that lives as long as this process: for demonstrations and tests.
pub fn passing_key() -> KeyEncryptionKeys {
    let mut key = [0; 32];
    SystemEntropy.fill(&mut key);
    KeyEncryptionKeys {
        current: Secret::new(key),
        old: Vec::new(),
    }
}

fn tls_for(
    source: &TlsSource,
    engine: &Engine,
    client_certificates: bool,
    stop: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let certificate = match source {
        TlsSource::Off => return Ok(None),
        TlsSource::Own => {
            let authority = engine.authority.load();
            let certificate = ServerCertificate::from_der(
                vec![
                    authority.tls.certificate.der().to_vec(),
                    authority.issuing.certificate().der().to_vec(),
                ],
                authority.tls.key.to_pkcs8().expose(),
            )?;
            tasks.spawn(follow_own(
                Arc::clone(&certificate),
                engine.clone(),
                stop.clone(),
            ));
            certificate
        }
        TlsSource::Files { chain, key } => {
            let certificate = ServerCertificate::from_files(chain, key)?;
            tasks.spawn(follow_files(
                Arc::clone(&certificate),
                chain.clone(),
                key.clone(),
                stop.clone(),
            ));
            certificate
        }
    };
    let hints = client_certificates.then(|| {
        vec![
            engine
                .authority
                .load()
                .issuing
                .certificate()
                .subject()
                .der()
                .to_vec(),
        ]
    });
    Ok(Some(tls::server_config(certificate, hints)?))
}

/// How often certificates are looked at for change.
const LOOK: Duration = Duration::from_secs(30);

/// Serves our own certificate anew when it was replaced.
async fn follow_own(
    served: Arc<ServerCertificate>,
    engine: Engine,
    mut stop: watch::Receiver<bool>,
) {
    let mut known = engine.authority.load().tls.certificate.fingerprint();
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => return,
        }
        let authority = engine.authority.load_full();
        let fingerprint = authority.tls.certificate.fingerprint();
        if fingerprint == known {
            continue;
        }
        let chain = vec![
            authority.tls.certificate.der().to_vec(),
            authority.issuing.certificate().der().to_vec(),
        ];
        match served.replace_der(chain, authority.tls.key.to_pkcs8().expose()) {
            Ok(()) => known = fingerprint,
            Err(error) => tracing::warn!(%error, "the new TLS certificate is not used"),
        }
    }
}

/// Serves the operator's certificate anew when its files change, and on SIGHUP.
async fn follow_files(
    served: Arc<ServerCertificate>,
    chain: PathBuf,
    key: PathBuf,
    mut stop: watch::Receiver<bool>,
) {
    let changed = || {
        let stamp = |path: &PathBuf| {
            std::fs::metadata(path)
                .and_then(|meta| meta.modified())
                .ok()
        };
        (stamp(&chain), stamp(&key))
    };
    let mut known = changed();
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok();
    while !*stop.borrow() {
        let forced = tokio::select! {
            () = tokio::time::sleep(LOOK) => false,
            () = hung_up(&mut hangup) => true,
            _ = stop.changed() => return,
        };
        let now = changed();
        if now == known && !forced {
            continue;
        }
        known = now;
        match served.reload(&chain, &key) {
            Ok(()) => tracing::info!("the TLS certificate was read anew"),
            Err(error) => tracing::warn!(%error, "the TLS certificate stays as it was"),
        }
    }
}

async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
