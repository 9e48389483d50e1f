//! `POST /devices/{id}/refresh`

use axum::{extract::State, http::StatusCode};
use domain::DeviceId;

use crate::{App, api::extract::Of, auth::By, problem::Problem};

/// Asks a device for everything again. Asking twice before it answers asks once.
#[utoipa::path(
    post, path = "/devices/{id}/refresh", operation_id = "refreshDevice", tag = "devices",
    params(("id" = Uuid, Path, description = "The device")),
    responses((status = 202, description = "The questions wait for the device")),
    extensions(("x-required-scope" = json!("devices:write"))),
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
) -> Result<StatusCode, Problem> {
    app.engine.refresh_device(&by, id).await?;
    Ok(StatusCode::ACCEPTED)
}
