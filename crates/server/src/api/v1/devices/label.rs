//! `PATCH /devices/{id}`

use axum::{extract::State, response::IntoResponse};
use domain::DeviceId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::DeviceInfo;
use crate::{
    App,
    api::extract::{IfMatch, Json, Of, etag},
    auth::By,
    problem::Problem,
};

/// What may be changed about a device without a command.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "user_label": "Sam Example" }))]
pub(crate) struct DeviceChange {
    /// The person it is assigned to, as text; at most 200 characters.
    #[schema(max_length = 200)]
    user_label: String,
}

/// Says whose device it is.
#[utoipa::path(
    patch, path = "/devices/{id}", operation_id = "changeDevice", tag = "devices",
    params(
        ("id" = Uuid, Path, description = "The device"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it changed since"),
    ),
    request_body = DeviceChange,
    responses((
        status = 200, description = "The device as it is now", body = DeviceInfo,
        headers(("ETag" = String, description = "The new version")),
    )),
    extensions(("x-required-scope" = json!("devices:write"))),
)]
pub(crate) async fn label(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
    IfMatch(version): IfMatch,
    Json(change): Json<DeviceChange>,
) -> Result<impl IntoResponse, Problem> {
    let device = app
        .engine
        .label_device(&by, id, version, change.user_label)
        .await?;
    Ok((etag(device.version), Json(DeviceInfo::from(device))))
}
