//! The SCEP endpoint (RFC 8894 section 4.1).

use axum::{
    Router,
    extract::{RawQuery, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use engine::scep::Answer;

use crate::{App, ClientAddress, device::read_body};

pub(crate) fn routes() -> Router<App> {
    // Some clients append the name of a program that once served this.
    Router::new()
        .route("/scep", get(by_get).post(by_post))
        .route("/scep/pkiclient.exe", get(by_get).post(by_post))
}

async fn by_get(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    match parameter(&query, "operation").as_deref() {
        Some("GetCACaps") => answer(app.engine.scep_capabilities()),
        Some("GetCACert") => answer(app.engine.scep_certificates()),
        Some("PKIOperation") => {
            let text = parameter(&query, "message").unwrap_or_default();
            match ::pki::scep::decode_get_message(&text) {
                Ok(message) => operation(&app, &message, &address).await,
                Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
            }
        }
        _ => (StatusCode::BAD_REQUEST, "unknown operation\n").into_response(),
    }
}

async fn by_post(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let body = match read_body(request.into_body(), ::pki::scep::MAX_MESSAGE_BYTES).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    // The operation may be missing, and a message in the query repeats the body: ignored.
    match parameter(&query.unwrap_or_default(), "operation").as_deref() {
        None | Some("PKIOperation") => operation(&app, &body, &address).await,
        Some("GetCACaps") => answer(app.engine.scep_capabilities()),
        Some("GetCACert") => answer(app.engine.scep_certificates()),
        Some(_) => (StatusCode::BAD_REQUEST, "unknown operation\n").into_response(),
    }
}

async fn operation(app: &App, message: &[u8], address: &str) -> Response {
    match app.engine.scep_operation(message, address).await {
        Ok(Answer::CertRep(reply)) => answer(reply),
        Ok(Answer::Unreadable(error)) => {
            (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, address, "SCEP could not be served");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::RETRY_AFTER, "30")],
            )
                .into_response()
        }
    }
}

fn answer(reply: ::pki::scep::Reply) -> Response {
    let mut response = Response::new(reply.body.into());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(reply.content_type),
    );
    response
}

/// One parameter of a query; `+` becomes a space, which the message decoder knows.
fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
