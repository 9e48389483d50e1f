//! The accept loop: connections in, requests to the router, with limits on time and number.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::Peer;

/// Names of what is counted here.
const REFUSED: &str = "muster_connections_refused_total";
const OPEN: &str = "muster_connections_open";

/// Limits on connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections at a time.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the head of a request may take.
    pub head: Duration,
    /// How long the end waits for requests that are under way.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(20),
            drain: Duration::from_secs(20),
        }
    }
}

/// The longest head of an HTTP/1.1 request: SCEP by GET puts a whole message into the request line.
const HEAD_BYTES: usize = 160 * 1024;

/// Serves until `shutdown` turns true, then lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    limits: Limits,
    mut shutdown: watch::Receiver<bool>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    while !*shutdown.borrow() {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or the client went away: neither ends the server.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            _ = shutdown.changed() => break,
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            metrics::counter!(REFUSED, "reason" => "too_many").increment(1);
            continue;
        };
        let acceptor = acceptor.clone();
        let router = router.clone();
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            metrics::gauge!(OPEN).increment(1.0);
            connection(stream, address, acceptor, router, limits, watcher).await;
            metrics::gauge!(OPEN).decrement(1.0);
            drop(slot);
        });
    }
    drop(listener);
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way when the time to end was up");
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    watcher: Watcher,
) {
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        let peer = Peer {
            address,
            certificate: None,
        };
        return requests(stream, peer, router, limits, watcher).await;
    };
    match timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(|leaf| Arc::new(leaf.to_vec()));
            let peer = Peer {
                address,
                certificate,
            };
            requests(stream, peer, router, limits, watcher).await;
        }
        Ok(Err(error)) => {
            metrics::counter!(REFUSED, "reason" => "handshake").increment(1);
            tracing::debug!(%error, %address, "TLS handshake failed");
        }
        Err(_) => {
            metrics::counter!(REFUSED, "reason" => "handshake_timeout").increment(1);
        }
    }
}

async fn requests<S>(stream: S, peer: Peer, router: Router, limits: Limits, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = tower::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        let mut router = router.clone();
        // A router is always ready.
        async move { router.call(request).await }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(128 * 1024)
        .max_concurrent_streams(64)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
