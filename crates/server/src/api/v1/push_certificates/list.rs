//! `GET /push-certificates`

use axum::extract::State;

use super::PushCertificate;
use crate::{
    App,
    api::{extract::Json, wire::Page},
    auth::By,
    problem::Problem,
};

/// The push certificates in use, the one for new enrollments first.
#[utoipa::path(
    get, path = "/push-certificates", operation_id = "listPushCertificates", tag = "certificates",
    responses((status = 200, description = "All of them", body = Page<PushCertificate>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
) -> Result<Json<Page<PushCertificate>>, Problem> {
    Ok(Json(Page::whole(app.engine.push_certificates(&by).await?)))
}
