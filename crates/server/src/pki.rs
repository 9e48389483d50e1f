//! Public facts of the CA: its certificates, revocation list and OCSP responder.

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{App, device::read_body};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/pki/ca.pem", get(ca))
        .route("/pki/crl/{file}", get(crl))
        .route("/pki/ocsp", axum::routing::post(ocsp))
        .route("/pki/ocsp/{*request}", get(ocsp_get))
}

async fn ca(State(app): State<App>) -> Response {
    let authority = app.engine.authority.load();
    let [issuing, root] = authority.chain();
    typed(
        format!("{}{}", issuing.to_pem(), root.to_pem()).into_bytes(),
        "application/x-pem-file",
        300,
    )
}

async fn crl(State(app): State<App>, Path(file): Path<String>) -> Response {
    if file != format!("{}.crl", engine::certificates::ISSUER) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match app.engine.revocation_list().await {
        Ok(list) => typed(list.as_ref().clone(), "application/pkix-crl", 60),
        Err(error) => unavailable(&error),
    }
}

async fn ocsp(State(app): State<App>, request: Request) -> Response {
    match read_body(request.into_body(), ::pki::ocsp::MAX_REQUEST_BYTES).await {
        Ok(body) => respond(&app, ::pki::ocsp::OcspRequest::from_der(&body)).await,
        Err(status) => status.into_response(),
    }
}

async fn ocsp_get(State(app): State<App>, Path(request): Path<String>) -> Response {
    respond(&app, ::pki::ocsp::OcspRequest::from_path(&request)).await
}

async fn respond(
    app: &App,
    request: Result<::pki::ocsp::OcspRequest, ::pki::ocsp::OcspError>,
) -> Response {
    match app.engine.ocsp(request).await {
        Ok(answer) => typed(answer, ::pki::ocsp::RESPONSE_TYPE, 0),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &engine::EngineError) -> Response {
    tracing::warn!(%error, "the revocation state could not be given");
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, "30")],
    )
        .into_response()
}

fn typed(body: Vec<u8>, content_type: &'static str, max_age: u32) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if max_age > 0
        && let Ok(value) = HeaderValue::from_str(&format!("public, max-age={max_age}"))
    {
        headers.insert(header::CACHE_CONTROL, value);
    }
    response
}
