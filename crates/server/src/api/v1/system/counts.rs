//! `GET /fleet/counts`

use axum::extract::State;
use domain::{DeviceState, Ownership, Platform};
use engine::devices::FleetCounts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        extract::Json,
        wire::{DeviceStateWord, OwnershipWord, PlatformWord},
    },
    auth::By,
    problem::Problem,
};

/// Numbers for an overview.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FleetCounts)]
pub(crate) struct Counts {
    /// By platform, state and ownership.
    devices: Vec<DeviceCount>,
    /// Enrolled devices by version, most frequent first.
    versions: Vec<VersionCount>,
    /// Enrolled devices that were not seen for a week.
    silent: i64,
}

/// How many devices share platform, state and ownership.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceCount {
    #[schema(value_type = PlatformWord)]
    platform: Platform,
    #[schema(value_type = DeviceStateWord)]
    state: DeviceState,
    #[schema(value_type = OwnershipWord)]
    ownership: Ownership,
    count: i64,
}

/// How many enrolled devices run a version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionCount {
    #[schema(value_type = PlatformWord)]
    platform: Platform,
    #[schema(example = "26.1")]
    os_version: String,
    count: i64,
}

impl From<FleetCounts> for Counts {
    fn from(counts: FleetCounts) -> Self {
        let devices = counts.devices.into_iter().map(|row| DeviceCount {
            platform: row.platform,
            state: row.state,
            ownership: row.ownership,
            count: row.count,
        });
        let versions = counts.versions.into_iter().map(|row| VersionCount {
            platform: row.platform,
            os_version: row.os_version.as_str().to_owned(),
            count: row.count,
        });
        Self {
            devices: devices.collect(),
            versions: versions.collect(),
            silent: counts.silent,
        }
    }
}

/// How many devices there are, of which kinds.
#[utoipa::path(
    get, path = "/fleet/counts", operation_id = "getFleetCounts", tag = "system",
    responses((status = 200, description = "The numbers", body = Counts)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn counts(State(app): State<App>, By(by): By) -> Result<Json<Counts>, Problem> {
    Ok(Json(app.engine.fleet_counts(&by).await?.into()))
}
