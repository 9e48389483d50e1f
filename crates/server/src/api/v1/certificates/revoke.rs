//! `POST /certificates/{sha256}/revoke`

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::{Code, Problem},
};

/// Why a certificate is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "The device was stolen" }))]
pub(crate) struct RevocationReason {
    /// In the person's words; the journal keeps it.
    reason: String,
}

/// Revokes a certificate. Whoever shows it from now on is refused.
#[utoipa::path(
    post, path = "/certificates/{sha256}/revoke", operation_id = "revokeCertificate", tag = "certificates",
    params(("sha256" = String, Path, description = "SHA-256 of the certificate, 64 hexadecimal digits")),
    request_body = RevocationReason,
    responses((status = 204, description = "It is revoked, now or before")),
    extensions(("x-required-scope" = json!("settings:write"))),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    By(by): By,
    Of(sha256): Of<String>,
    Json(why): Json<RevocationReason>,
) -> Result<StatusCode, Problem> {
    let mut fingerprint = [0; 32];
    hex::decode_to_slice(&sha256, &mut fingerprint).map_err(|_| Problem::new(Code::NotFound))?;
    app.engine
        .revoke_certificate(&by, fingerprint, &why.reason)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
