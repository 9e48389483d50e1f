//! What handlers share, and who is at the other end of a connection.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};
use engine::Engine;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

/// Which of the endpoints a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Everything.
    #[default]
    All,
    /// Device endpoints only, for a perimeter network; cannot create commands.
    Gateway,
    /// Administration only.
    Core,
}

impl Role {
    /// Whether devices are served.
    pub const fn serves_devices(self) -> bool {
        matches!(self, Self::All | Self::Gateway)
    }

    /// Whether administrators are served.
    pub const fn serves_people(self) -> bool {
        matches!(self, Self::All | Self::Core)
    }
}

/// What an operator can choose about serving.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which endpoints.
    pub role: Role,
    /// The address of the console, without a trailing slash; passkeys belong to its host.
    pub console_url: String,
    /// Proxies whose word about client addresses and certificates counts.
    pub trusted_proxies: Vec<IpAddr>,
    /// The header in which a trusted proxy gives the client certificate.
    pub client_certificate_header: Option<HeaderName>,
    /// The longest device message, in bytes.
    pub device_body_limit: usize,
    /// How long the body of a device message may take.
    pub device_body_time: std::time::Duration,
    /// Further paths for device messages, for sites that moved here.
    pub device_path_aliases: Vec<String>,
    /// Whether to say on every page that this is a demonstration.
    pub demo: bool,
}

impl Options {
    /// Defaults for a console at this address.
    pub fn new(console_url: impl Into<String>) -> Self {
        Self {
            role: Role::All,
            console_url: console_url.into().trim_end_matches('/').to_owned(),
            trusted_proxies: Vec::new(),
            client_certificate_header: None,
            device_body_limit: 8 * 1024 * 1024,
            device_body_time: crate::device::BODY_TIME,
            device_path_aliases: Vec::new(),
            demo: false,
        }
    }
}

/// What every handler can reach; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The use cases.
    pub engine: Engine,
    /// What the operator chose.
    pub options: Arc<Options>,
    /// Renders the metrics.
    pub metrics: Option<PrometheusHandle>,
    /// Turns true when the process is to end, for answers that would go on for ever.
    pub stopping: Option<watch::Receiver<bool>>,
}

impl App {
    /// Puts the parts together.
    pub fn new(engine: Engine, options: Options, metrics: Option<PrometheusHandle>) -> Self {
        Self {
            engine,
            options: Arc::new(options),
            metrics,
            stopping: None,
        }
    }

    /// The same, told when the process is to end.
    #[must_use]
    pub fn ending_with(mut self, stopping: watch::Receiver<bool>) -> Self {
        self.stopping = Some(stopping);
        self
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The other end of a connection, put into every request by the listener.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its network address.
    pub address: SocketAddr,
    /// The certificate it showed in the TLS handshake, DER; it has the key, its issuer is unchecked.
    pub certificate: Option<Arc<Vec<u8>>>,
}

/// The network address of the client: the connection's, or what a trusted proxy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(pub String);

impl ClientAddress {
    /// The address behind a request.
    pub fn of(app: &App, headers: &HeaderMap, peer: Option<&Peer>) -> Self {
        let Some(peer) = peer else {
            return Self("unknown".into());
        };
        let direct = peer.address.ip().to_canonical();
        if !app.options.trusted_proxies.contains(&direct) {
            return Self(direct.to_string());
        }
        // Each proxy appends what it saw: the last entry that is no proxy of ours is the client.
        let forwarded: Vec<IpAddr> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|part| part.trim().parse::<IpAddr>().ok())
            .map(|address| address.to_canonical())
            .collect();
        let client = forwarded
            .into_iter()
            .rev()
            .find(|address| !app.options.trusted_proxies.contains(address))
            .unwrap_or(direct);
        Self(client.to_string())
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::of(
            app,
            &parts.headers,
            parts.extensions.get::<Peer>(),
        ))
    }
}

/// Headers that every answer carries; a handler that set one keeps its own.
pub(crate) async fn common_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
