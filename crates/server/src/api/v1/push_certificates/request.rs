//! `POST /push-certificates/request`

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, api::extract::Json, auth::By, problem::Problem};

/// A certificate request for the vendor's signature and Apple's portal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushCertificateRequest {
    /// PKCS#10, PEM.
    #[schema(example = "-----BEGIN CERTIFICATE REQUEST-----\n...")]
    csr_pem: String,
}

/// Makes a key and a certificate request. An earlier request without an answer is replaced.
#[utoipa::path(
    post, path = "/push-certificates/request", operation_id = "requestPushCertificate", tag = "certificates",
    responses((status = 201, description = "The request", body = PushCertificateRequest)),
    extensions(("x-required-scope" = json!("settings:write"))),
)]
pub(crate) async fn request(
    State(app): State<App>,
    By(by): By,
) -> Result<(StatusCode, Json<PushCertificateRequest>), Problem> {
    let csr_pem = app.engine.push_certificate_request(&by).await?;
    Ok((
        StatusCode::CREATED,
        Json(PushCertificateRequest { csr_pem }),
    ))
}
