//! `GET /devices/{id}/reports`

use axum::extract::State;
use domain::{DeviceId, EnrollmentId, ReportId, Timestamp};
use serde::{Deserialize, Serialize};
use store::RawReportHead;
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    api::{
        extract::{Json, Of, Params, page_limit},
        wire::{Page, Time},
    },
    auth::By,
    problem::Problem,
};

/// A message of a device as it sent it, without its bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Report {
    #[schema(value_type = Uuid)]
    id: ReportId,
    #[schema(value_type = Uuid)]
    enrollment_id: EnrollmentId,
    /// Which message.
    #[schema(example = "DeviceInformation")]
    kind: String,
    #[schema(value_type = Time)]
    received_at: Timestamp,
    /// In bytes.
    length: i64,
    /// Whether the bytes were cut off.
    truncated: bool,
}

impl From<RawReportHead> for Report {
    fn from(head: RawReportHead) -> Self {
        Self {
            id: head.id,
            enrollment_id: head.enrollment_id,
            kind: head.kind,
            received_at: head.received_at,
            length: head.length,
            truncated: head.truncated,
        }
    }
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Most {
    /// How many items, 1 to 500; 100 when missing.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The newest raw reports of a device; few of each kind are kept.
#[utoipa::path(
    get, path = "/devices/{id}/reports", operation_id = "listDeviceReports", tag = "devices",
    params(("id" = Uuid, Path, description = "The device"), Most),
    responses((status = 200, description = "Newest first", body = Page<Report>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn reports(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
    Params(most): Params<Most>,
) -> Result<Json<Page<Report>>, Problem> {
    let limit = page_limit(most.limit)?;
    app.engine.device(&by, id).await?;
    let heads = app.engine.raw_reports_of(&by, id, limit).await?;
    Ok(Json(Page::whole(heads)))
}
