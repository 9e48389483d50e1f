//! The listening stand-in.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::{
    Push, PushCertificate, Switchboard,
    certificate::Authority,
    rules::{self, MAX_PAYLOAD, Refused},
};
use crate::{
    Error, Random, Result, clock,
    random::secret,
    x509::{Certificate, attribute},
};

/// Pushes and refusals kept for tests.
const KEPT: usize = 200_000;

/// How the stand-in listens.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Plain HTTP/1.1 without certificates, as a base-URL override allows.
    pub plain: bool,
    /// Refuses tokens nobody registered with the switchboard, as `BadDeviceToken`.
    pub known_tokens_only: bool,
    /// The topic; made up when absent.
    pub topic: Option<String>,
}

/// A failure to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 429 TooManyRequests.
    TooManyRequests,
    /// 500 InternalServerError.
    InternalServerError,
    /// 503 ServiceUnavailable.
    ServiceUnavailable,
    /// 503 Shutdown, then GOAWAY.
    Shutdown,
    /// 403 BadCertificate.
    BadCertificate,
    /// Closes the connection without a reply.
    Close,
    /// Accepts the push, then announces the end of the connection (GOAWAY).
    GoAway,
}

/// A running stand-in. Stops when dropped.
#[derive(Debug)]
pub struct StandIn {
    /// Base URL, without a slash at the end.
    pub url: String,
    /// CA that signed the server's certificate, PEM; empty in plain mode.
    pub ca_pem: String,
    /// A valid push certificate, PEM.
    pub push_certificate_pem: String,
    /// Its key, PKCS#8 PEM.
    pub push_key_pem: String,
    /// Its topic.
    pub topic: String,
    authority: Authority,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    switchboard: Switchboard,
    known_tokens_only: bool,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    pushes: VecDeque<Push>,
    /// How many of the pushes so far `next_push` has returned or dropped.
    taken: u64,
    accepted: u64,
    refused: VecDeque<Refused>,
    faults: VecDeque<Fault>,
    unregistered: HashMap<Vec<u8>, u64>,
    connections: u64,
    disallowed: HashSet<String>,
}

/// What a handler asks of its connection.
#[derive(Debug)]
enum Control {
    Close,
    GoAway,
}

impl StandIn {
    /// Listens on a free loopback port with TLS, HTTP/2 and required client certificates.
    ///
    /// # Errors
    /// When no port is free or no certificate can be made.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Listens as `options` say.
    ///
    /// # Errors
    /// When no port is free or no certificate can be made.
    pub async fn start_with(options: Options) -> Result<Self> {
        let now = clock::unix();
        let topic = options.topic.unwrap_or_else(|| {
            let uuid = Random::new(u64::from_be_bytes(secret()))
                .uuid()
                .to_ascii_lowercase();
            format!("com.apple.mgmt.External.{uuid}")
        });
        let authority = Authority::make(now)?;
        let push = authority.push(&topic, now - 3600, now + 365 * 86_400)?;
        let acceptor = if options.plain {
            None
        } else {
            Some(acceptor(&authority, now)?)
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            switchboard: Switchboard::new(),
            known_tokens_only: options.known_tokens_only,
            state: Mutex::default(),
            arrived: Notify::new(),
        });
        Ok(Self {
            url: format!(
                "{}://127.0.0.1:{port}",
                if options.plain { "http" } else { "https" }
            ),
            ca_pem: if options.plain {
                String::new()
            } else {
                authority.certificate.to_pem()
            },
            push_certificate_pem: push.certificate_pem(),
            push_key_pem: push.key_pem(),
            topic,
            authority,
            listener: tokio::spawn(accept(listener, acceptor, shared.clone())),
            shared,
        })
    }

    /// The table that delivers pushes to devices.
    #[must_use]
    pub fn switchboard(&self) -> Switchboard {
        self.shared.switchboard.clone()
    }

    /// Another push certificate of the same CA, for renewals and changed topics.
    ///
    /// # Errors
    /// When `topic` is no push topic.
    pub fn issue(&self, topic: &str, not_before: i64, not_after: i64) -> Result<PushCertificate> {
        self.authority.push(topic, not_before, not_after)
    }

    /// Answers the next `times` requests with `fault`.
    pub fn inject(&self, fault: Fault, times: usize) {
        self.shared
            .lock()
            .faults
            .extend(std::iter::repeat_n(fault, times));
    }

    /// Declares a token unregistered: 410 from now on.
    pub fn unregister(&self, token: &[u8]) {
        let millis = clock::unix().unsigned_abs() * 1000;
        self.shared
            .lock()
            .unregistered
            .insert(token.to_vec(), millis);
    }

    /// Declares a token registered again.
    pub fn register(&self, token: &[u8]) {
        self.shared.lock().unregistered.remove(token);
    }

    /// Refuses a topic with 400 TopicDisallowed, whatever the certificate says.
    pub fn disallow_topic(&self, topic: &str) {
        self.shared.lock().disallowed.insert(topic.to_owned());
    }

    /// The accepted pushes, oldest first (the last 200,000).
    #[must_use]
    pub fn pushes(&self) -> Vec<Push> {
        self.shared.lock().pushes.iter().cloned().collect()
    }

    /// How many pushes were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.lock().accepted
    }

    /// The refusals, oldest first (the last 200,000).
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        self.shared.lock().refused.iter().copied().collect()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// The next push that no earlier call returned; waits up to `timeout`.
    pub async fn next_push(&self, timeout: Duration) -> Option<Push> {
        let wait = async {
            loop {
                let arrived = self.shared.arrived.notified();
                if let Some(push) = self.shared.take() {
                    return push;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(timeout, wait).await.ok()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Push> {
        let mut state = self.lock();
        let first = state.accepted - state.pushes.len() as u64;
        let index = state.taken.max(first) - first;
        let push = state.pushes.get(index as usize).cloned()?;
        state.taken = first + index + 1;
        Some(push)
    }

    fn refuse(&self, refused: Refused) -> Response<Full<Bytes>> {
        let mut state = self.lock();
        if state.refused.len() == KEPT {
            state.refused.pop_front();
        }
        state.refused.push_back(refused);
        let body = match refused.reason {
            "Unregistered" => {
                serde_json::json!({ "reason": refused.reason, "timestamp": clock::unix() * 1000 })
            }
            reason => serde_json::json!({ "reason": reason }),
        };
        reply(refused.code(), None, body.to_string())
    }

    /// Takes the next fault and says what it answers and does to the connection.
    fn fault(&self) -> Option<(Option<Refused>, Option<Control>)> {
        let fault = self.lock().faults.pop_front()?;
        Some(match fault {
            Fault::TooManyRequests => (Some(Refused::new(429, "TooManyRequests")), None),
            Fault::InternalServerError => (Some(Refused::new(500, "InternalServerError")), None),
            Fault::ServiceUnavailable => (Some(Refused::new(503, "ServiceUnavailable")), None),
            Fault::Shutdown => (Some(Refused::new(503, "Shutdown")), Some(Control::GoAway)),
            Fault::BadCertificate => (Some(Refused::new(403, "BadCertificate")), None),
            Fault::Close => (None, Some(Control::Close)),
            Fault::GoAway => (None, Some(Control::GoAway)),
        })
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        certificate: Option<&Option<String>>,
        control: &mpsc::UnboundedSender<Control>,
    ) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        // The whole body is read before any reply: an HTTP/2 stream answered early is reset, and
        // after many resets the whole connection is closed.
        let body = match Limited::new(body, MAX_PAYLOAD * 16).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return self.refuse(Refused::new(413, "PayloadTooLarge"));
            }
            Err(_) => return self.refuse(Refused::new(400, "PayloadEmpty")),
        };
        match self.fault() {
            Some((_, Some(Control::Close))) => {
                let _ = control.send(Control::Close);
                // The connection ends before this reply could go out.
                return std::future::pending().await;
            }
            Some((Some(refused), then)) => {
                if let Some(then) = then {
                    let _ = control.send(then);
                }
                return self.refuse(refused);
            }
            Some((None, Some(then))) => {
                let _ = control.send(then);
            }
            Some((None, None)) | None => {}
        }
        let topic = match certificate {
            None => None,
            Some(Some(topic)) => Some(topic.as_str()),
            Some(None) => return self.refuse(Refused::new(403, "BadCertificate")),
        };
        match rules::check(
            &parts.method,
            parts.uri.path(),
            &parts.headers,
            &body,
            topic,
        ) {
            Ok(accepted) => self.accept(accepted),
            Err(refused) => self.refuse(refused),
        }
    }

    fn accept(&self, accepted: rules::Accepted) -> Response<Full<Bytes>> {
        let refused = {
            let state = self.lock();
            if state.disallowed.contains(&accepted.topic) {
                Some(Refused::new(400, "TopicDisallowed"))
            } else if state.unregistered.contains_key(&accepted.token) {
                Some(Refused::new(410, "Unregistered"))
            } else if self.known_tokens_only && !self.switchboard.knows(&accepted.token) {
                Some(Refused::new(400, "BadDeviceToken"))
            } else {
                None
            }
        };
        if let Some(refused) = refused {
            return self.refuse(refused);
        }
        let id = accepted
            .id
            .unwrap_or_else(|| Random::new(u64::from_be_bytes(secret())).uuid());
        let push = Push {
            id: id.clone(),
            token: accepted.token,
            topic: accepted.topic,
            magic: accepted.magic,
            expiration: accepted.expiration,
            priority: accepted.priority,
            at: clock::instant(),
        };
        {
            let mut state = self.lock();
            if state.pushes.len() == KEPT {
                state.pushes.pop_front();
            }
            state.pushes.push_back(push.clone());
            state.accepted += 1;
        }
        self.switchboard.deliver(push);
        self.arrived.notify_waiters();
        reply(http::StatusCode::OK, Some(&id), String::new())
    }
}

fn reply(status: http::StatusCode, id: Option<&str>, body: String) -> Response<Full<Bytes>> {
    let made;
    let id = if let Some(id) = id {
        id
    } else {
        made = Random::new(u64::from_be_bytes(secret())).uuid();
        &made
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("apns-id", id);
    }
    response
}

fn acceptor(authority: &Authority, now: i64) -> Result<TlsAcceptor> {
    let failed = |error: &dyn std::fmt::Display| Error::Certificate(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.certificate.der.clone()))
        .map_err(|error| failed(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| failed(&error))?;
    let (certificate, key) = authority.server(now)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from(certificate.der)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec())),
        )
        .map_err(|error| failed(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Dropped with this task: every connection ends with the stand-in.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        shared.lock().connections += 1;
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        connections.spawn(async move {
            match acceptor {
                Some(acceptor) => serve_tls(stream, &acceptor, &shared).await,
                None => serve_plain(stream, &shared).await,
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_tls(stream: TcpStream, acceptor: &TlsAcceptor, shared: &Arc<Shared>) {
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "push connection refused"),
    };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return tracing::debug!("push connection without h2");
    }
    let topic: Option<String> = stream.get_ref().1.peer_certificates().and_then(|chain| {
        Certificate::parse(chain.first()?)
            .ok()?
            .subject_attribute(attribute::UID)
    });
    let (control, mut orders) = mpsc::unbounded_channel();
    let service = service_fn(|request| {
        let (shared, topic, control) = (shared.clone(), topic.clone(), control.clone());
        async move { Ok::<_, Infallible>(shared.answer(request, Some(&topic), &control).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(1000)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "push connection ended");
                }
                return;
            }
            Some(order) = orders.recv() => match order {
                Control::Close => return,
                Control::GoAway => connection.as_mut().graceful_shutdown(),
            },
        }
    }
}

async fn serve_plain(stream: TcpStream, shared: &Arc<Shared>) {
    let (control, mut orders) = mpsc::unbounded_channel();
    let service = service_fn(|request| {
        let (shared, control) = (shared.clone(), control.clone());
        async move { Ok::<_, Infallible>(shared.answer(request, None, &control).await) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            Some(order) = orders.recv() => match order {
                Control::Close => return,
                Control::GoAway => connection.as_mut().graceful_shutdown(),
            },
        }
    }
}
