//! `GET /devices/{id}`

use axum::{extract::State, response::IntoResponse};
use domain::DeviceId;

use super::DeviceWithEnrollments;
use crate::{
    App,
    api::extract::{Json, Of, etag},
    auth::By,
    problem::Problem,
};

/// One device with its enrollments.
#[utoipa::path(
    get, path = "/devices/{id}", operation_id = "getDevice", tag = "devices",
    params(("id" = Uuid, Path, description = "The device")),
    responses((
        status = 200, description = "The device", body = DeviceWithEnrollments,
        headers(("ETag" = String, description = "The version, for `If-Match`")),
    )),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
) -> Result<impl IntoResponse, Problem> {
    let detail = app.engine.device(&by, id).await?;
    let tag = etag(detail.device.version);
    Ok((tag, Json(DeviceWithEnrollments::from(detail))))
}
