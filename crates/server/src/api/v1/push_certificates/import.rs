//! `POST /push-certificates/import`

use axum::extract::State;
use domain::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::PushCertificate;
use crate::{App, api::extract::Json, auth::By, problem::Problem};

/// A push certificate.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "certificate_pem": "-----BEGIN CERTIFICATE-----\n..." }))]
pub(crate) struct PushCertificateImport {
    /// The certificate, PEM.
    certificate_pem: String,
    /// Its key, PEM, when it was not requested here.
    #[schema(write_only)]
    key_pem: Option<String>,
}

/// Takes in a push certificate. One with another topic than enrolled devices listen to is refused:
/// they could never be reached again.
#[utoipa::path(
    post, path = "/push-certificates/import", operation_id = "importPushCertificate", tag = "certificates",
    request_body = PushCertificateImport,
    responses(
        (status = 200, description = "It is in use", body = PushCertificate),
        (status = 409, description = "Its topic is another", body = Problem, content_type = "application/problem+json"),
    ),
    extensions(("x-required-scope" = json!("settings:write"))),
)]
pub(crate) async fn import(
    State(app): State<App>,
    By(by): By,
    Json(given): Json<PushCertificateImport>,
) -> Result<Json<PushCertificate>, Problem> {
    let imported = app
        .engine
        .import_push_certificate(&by, &given.certificate_pem, given.key_pem.map(Secret::new))
        .await?;
    Ok(Json(imported.into()))
}
