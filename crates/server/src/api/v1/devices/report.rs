//! `GET /devices/{id}/reports/{report}`

use axum::{extract::State, http::header, response::IntoResponse};
use domain::{DeviceId, ReportId};

use crate::{
    App,
    api::extract::Of,
    auth::By,
    problem::{Code, Problem},
};

/// The bytes of a raw report, as the device sent them.
#[utoipa::path(
    get, path = "/devices/{id}/reports/{report}", operation_id = "getDeviceReport", tag = "devices",
    params(
        ("id" = Uuid, Path, description = "The device"),
        ("report" = Uuid, Path, description = "The report"),
    ),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn report(
    State(app): State<App>,
    By(by): By,
    Of((device, report)): Of<(DeviceId, ReportId)>,
) -> Result<impl IntoResponse, Problem> {
    let report = app.engine.raw_report(&by, report).await?;
    if report.device_id != device {
        return Err(Problem::new(Code::NotFound));
    }
    // Nothing a device sends is ever shown by a browser as a page.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, report.body))
}
