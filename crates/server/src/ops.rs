//! What operators and their monitors ask.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::App;

/// `/healthz` and `/readyz`; they say nothing but yes or no.
pub(crate) fn health_routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
}

/// The operators' own listener: health and metrics, without TLS, meant for loopback.
pub fn ops_router(app: App) -> Router {
    health_routes()
        .route("/metrics", get(metrics))
        .with_state(app)
}

/// The process answers.
async fn healthy() -> &'static str {
    "ok\n"
}

/// The process can serve: its database answers.
async fn ready(State(app): State<App>) -> Response {
    match app.engine.db.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
        }
    }
}

async fn metrics(State(app): State<App>) -> Response {
    match &app.metrics {
        Some(handle) => (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
            handle.render(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
