//! `GET /devices/{id}/secrets`

use axum::extract::State;
use domain::DeviceId;

use crate::{
    App,
    api::{
        extract::{Json, Of},
        v1::secrets::SecretInfo,
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// Which secrets of a device are in escrow, without the secrets.
#[utoipa::path(
    get, path = "/devices/{id}/secrets", operation_id = "listDeviceSecrets", tag = "secrets",
    params(("id" = Uuid, Path, description = "The device")),
    responses((status = 200, description = "Newest first", body = Page<SecretInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn secrets(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
) -> Result<Json<Page<SecretInfo>>, Problem> {
    app.engine.device(&by, id).await?;
    let heads = app.engine.secrets_of(&by, id).await?;
    Ok(Json(Page::whole(heads)))
}
