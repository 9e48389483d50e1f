//! The gate before every endpoint: who calls, whether the query is one the document knows, and
//! the body, complete and within limits, before anything is done with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request, State},
    http::{Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use engine::EngineError;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use utoipa::openapi::{OpenApi, RefOr, path::ParameterIn};

use crate::{
    App, ClientAddress, Peer,
    auth::{By, Throttle, bearer},
    problem::{Code, Problem},
};

/// The longest body.
const LIMIT: usize = 1024 * 1024;
/// The longest body of a command: a profile of 4 MiB in base64, and what stands around it.
const COMMAND_LIMIT: usize = 6 * 1024 * 1024;
/// How much of a body is still read when the answer is known already. An answer that comes while
/// the client still sends is lost on some HTTP/2 clients (hyperium/h2 issue 856).
const DRAIN: usize = 256 * 1024;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a refused body may take.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// What the gate knows.
#[derive(Clone)]
pub(crate) struct Gate {
    app: App,
    throttle: Arc<Throttle>,
    queries: Arc<BTreeMap<String, BTreeSet<String>>>,
}

impl Gate {
    /// A gate before the endpoints of this document.
    pub(crate) fn new(app: App, document: &OpenApi) -> Self {
        Self {
            app,
            throttle: Arc::default(),
            queries: Arc::new(queries(document)),
        }
    }

    async fn admit(&self, parts: &mut Parts) -> Result<(), Problem> {
        let address =
            ClientAddress::of(&self.app, &parts.headers, parts.extensions.get::<Peer>()).0;
        let by = self.authenticate(parts, &address).await?;
        self.check_query(parts)?;
        parts.extensions.insert(by);
        Ok(())
    }

    async fn authenticate(&self, parts: &Parts, address: &str) -> Result<By, Problem> {
        let token = bearer(&parts.headers).ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let now = self.app.engine.now();
        self.throttle
            .admit(address, now)
            .map_err(|wait| Problem::new(Code::TooManyAttempts).after(wait))?;
        match self
            .app
            .engine
            .authenticate_bearer(token, Some(address))
            .await
        {
            Ok(authority) => Ok(By(authority)),
            Err(error) => {
                if matches!(error, EngineError::SignIn) {
                    self.throttle.failed(address, now);
                }
                Err(error.into())
            }
        }
    }

    /// A misspelt filter must not silently select everything.
    fn check_query(&self, parts: &Parts) -> Result<(), Problem> {
        let Some(query) = parts.uri.query() else {
            return Ok(());
        };
        let known = parts
            .extensions
            .get::<MatchedPath>()
            .and_then(|path| self.queries.get(&key(&parts.method, path.as_str())));
        let mut seen = BTreeSet::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.is_some_and(|known| known.contains(name.as_ref())) {
                return Err(Problem::bad_request("there is no such query parameter").at(name));
            }
            if value.contains('\0') {
                return Err(Problem::bad_request("the value holds a null character").at(name));
            }
            if !seen.insert(name.clone().into_owned()) {
                return Err(Problem::bad_request("the query parameter stands twice").at(name));
            }
        }
        Ok(())
    }
}

/// Lets a request in, or says why not.
pub(crate) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(problem) = gate.admit(&mut parts).await {
        drain(body).await;
        return problem.into_response();
    }
    let commands = parts
        .extensions
        .get::<MatchedPath>()
        .is_some_and(|path| path.as_str().ends_with("/commands"));
    match read(body, if commands { COMMAND_LIMIT } else { LIMIT }).await {
        Ok(bytes) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let length = axum::body::HttpBody::size_hint(&body).exact();
    if length.is_some_and(|length| length > limit as u64) {
        drain(body).await;
        return Err(Problem::new(Code::TooLarge));
    }
    match tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(Code::TooLarge)),
        Ok(Err(_)) => Err(Problem::bad_request("the body broke off")),
        Err(_) => Err(Problem::new(Code::TooSlow)),
    }
}

async fn drain(mut body: Body) {
    let reading = async {
        let mut left = DRAIN;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it ended, was too long or too slow: the answer goes out now.
    let _ = tokio::time::timeout(DRAIN_PATIENCE, reading).await;
}

fn key(method: &Method, path: &str) -> String {
    // A HEAD is answered by the GET endpoint.
    let method = if *method == Method::HEAD {
        Method::GET
    } else {
        method.clone()
    };
    format!("{method} {path}")
}

/// The query parameters of each operation, by [`key`].
fn queries(document: &OpenApi) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::DELETE, &item.delete),
            (Method::PATCH, &item.patch),
        ] {
            let Some(operation) = operation else { continue };
            let names = operation
                .parameters
                .iter()
                .flatten()
                .filter_map(|parameter| match parameter {
                    RefOr::T(parameter) => Some(parameter),
                    RefOr::Ref(_) => None,
                })
                .filter(|parameter| parameter.parameter_in == ParameterIn::Query)
                .map(|parameter| parameter.name.clone())
                .collect();
            all.insert(key(&method, path), names);
        }
    }
    all
}
