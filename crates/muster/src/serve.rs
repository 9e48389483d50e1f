//! `muster serve`: from the configuration to a running node, until a signal ends it.

use std::net::SocketAddr;

use anyhow::Context as _;
use engine::Engine;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use server::{Options, listener::Limits};
use socket2::{Domain, Socket, Type};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    cli::{installation, output::Output},
    config::{Config, DeviceCertificates},
    node::{Node, Setup, TlsSource},
};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When something that the configuration names cannot be used.
pub async fn serve(config: &Config) -> anyhow::Result<()> {
    // From the first moment: a signal that comes while the node starts must not cut it off.
    let mut end = End::listen()?;
    let setup = setup(config).await?;
    let addresses: Vec<String> = setup
        .listeners
        .iter()
        .filter_map(|socket| socket.local_addr().ok())
        .map(|address| address.to_string())
        .collect();
    let node = Node::start(setup)?;
    tracing::info!(listen = %addresses.join(", "), database = %node.engine.db.dialect().as_str(), "Muster is ready");
    announce_first_link(&node.engine, &config.console_url()).await?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    end.asked_for().await;
    tracing::info!("Muster is ending");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    node.stop().await;
    Ok(())
}

/// Resolves when the process is asked to end.
///
/// # Errors
/// When signals cannot be listened to.
pub async fn ended() -> anyhow::Result<()> {
    End::listen()?.asked_for().await;
    Ok(())
}

/// The signals that ask the process to end. While one of these lives they do not kill it.
struct End {
    terminate: Signal,
    interrupt: Signal,
    // Without a listener a SIGHUP, meant to reload certificates, would end the process.
    hangup: Signal,
}

impl End {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn asked_for(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
        }
    }
}

async fn setup(config: &Config) -> anyhow::Result<Setup> {
    let mut options = Options::new(config.console_url());
    options
        .trusted_proxies
        .clone_from(&config.server.trusted_proxies.0);
    options.device_body_limit = config.limits.device_body;
    let tls = match (&config.server.tls.certificate, &config.server.tls.key) {
        _ if !config.server.tls.enabled => TlsSource::Off,
        (Some(chain), Some(key)) => TlsSource::Files {
            chain: chain.clone(),
            key: key.clone(),
        },
        _ => TlsSource::Own,
    };
    let mut listeners = Vec::new();
    for address in &config.server.listen.0 {
        listeners.push(listen(*address).with_context(|| format!("listening on {address}"))?);
    }
    let ops = match config.metrics.listen {
        Some(address) => Some(listen(address).with_context(|| format!("listening on {address}"))?),
        None => None,
    };
    Ok(Setup {
        engine: installation::engine(config).await?,
        options,
        listeners,
        plain_listeners: Vec::new(),
        tls,
        client_certificates: config.server.tls.device_certificates == DeviceCertificates::Request,
        ops,
        limits: Limits {
            connections: config.limits.connections,
            ..Limits::default()
        },
        metrics: Some(recorder()?),
    })
}

/// A socket. `[::]` takes IPv6 only, so that it can stand beside `0.0.0.0`.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    TcpListener::from_std(socket.into())
}

fn recorder() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .install_recorder()
        .context("collecting metrics")
}

/// Says how the first administrator signs in, while nobody can.
async fn announce_first_link(engine: &Engine, console_url: &str) -> anyhow::Result<()> {
    if let Some(link) = engine.first_sign_in_link().await? {
        let mut out = Output::stdout(false);
        out.line("Nobody can sign in yet. Open this once, within 24 hours:")?;
        out.line(&format!("{console_url}{}", link.path().expose()))?;
    }
    Ok(())
}
