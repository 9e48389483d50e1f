//! `GET /certificates`

use axum::extract::State;
use domain::DeviceId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::CertificateInfo;
use crate::{
    App,
    api::{
        extract::{Json, Params},
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// Whose certificates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// The device.
    #[param(value_type = Uuid)]
    device: DeviceId,
}

/// The certificates that were issued to a device, newest first.
#[utoipa::path(
    get, path = "/certificates", operation_id = "listCertificates", tag = "certificates",
    params(Whose),
    responses((status = 200, description = "All of them", body = Page<CertificateInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
    Params(whose): Params<Whose>,
) -> Result<Json<Page<CertificateInfo>>, Problem> {
    let rows = app.engine.certificates_of_device(&by, whose.device).await?;
    Ok(Json(Page::whole(rows)))
}
