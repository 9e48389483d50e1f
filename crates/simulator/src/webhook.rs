//! A receiver of webhooks on loopback: records what arrives, answers as told.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

use crate::Result;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most 8 MiB.
    pub body: Bytes,
    /// The status it was answered with.
    pub answered: u16,
}

/// A running receiver. Stops when dropped.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    taken: usize,
    answers: VecDeque<u16>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr()?.port());
        let shared = Arc::new(Shared::default());
        Ok(Self {
            url,
            listener: tokio::spawn(accept(listener, shared.clone())),
            shared,
        })
    }

    /// Where to send.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next `times` requests with `status` instead of 200.
    pub fn answer_with(&self, status: u16, times: usize) {
        self.shared
            .lock()
            .answers
            .extend(std::iter::repeat_n(status, times));
    }

    /// Everything received so far, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.clone()
    }

    /// The next request that no earlier call returned; waits up to `timeout`.
    pub async fn next(&self, timeout: Duration) -> Option<Received> {
        let wait = async {
            loop {
                let arrived = self.shared.arrived.notified();
                {
                    let mut state = self.shared.lock();
                    if let Some(next) = state.received.get(state.taken).cloned() {
                        state.taken += 1;
                        return next;
                    }
                }
                arrived.await;
            }
        };
        tokio::time::timeout(timeout, wait).await.ok()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| record(request, shared.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "webhook connection ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn record(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, 8 << 20)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let answered = {
        let mut state = shared.lock();
        let answered = state.answers.pop_front().unwrap_or(200);
        state.received.push(Received {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            headers: parts.headers,
            body,
            answered,
        });
        answered
    };
    shared.arrived.notify_waiters();
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() =
        StatusCode::from_u16(answered).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response)
}
