//! The enrollment profile, for whoever has the secret of an enrollment token.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use engine::EngineError;

use crate::{App, ClientAddress};

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/enroll/{token}/profile", get(profile))
}

async fn profile(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Path(token): Path<String>,
) -> Response {
    match app
        .engine
        .issue_enrollment_profile(&token, &address, None)
        .await
    {
        Ok(issued) => {
            let mut response = Response::new(issued.signed.into());
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-apple-aspen-config"),
            );
            headers.insert(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=\"enrollment.mobileconfig\""),
            );
            response
        }
        Err(error) => explain(&error),
    }
}

/// A device, or the person who holds it, reads this; no page is around it.
fn explain(error: &EngineError) -> Response {
    let status = match error {
        EngineError::NotFound(_) => StatusCode::NOT_FOUND,
        EngineError::Refused(_) => StatusCode::GONE,
        EngineError::Conflict(_) | EngineError::Invalid(_) => StatusCode::CONFLICT,
        _ => {
            tracing::warn!(%error, "an enrollment profile could not be made");
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::RETRY_AFTER, "30")],
                "Please try again in a moment.\n",
            )
                .into_response();
        }
    };
    (status, format!("{error}\n")).into_response()
}
