//! `GET /devices/{id}/command-types`

use axum::extract::State;
use domain::{DeviceId, EnrollmentId};
use engine::offers::Offer;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    api::{
        extract::{Json, Of, Params},
        v1::command_types::CommandType,
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// For whom on the device.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForWhom {
    /// For a user on the device: the enrollment of their channel.
    #[param(value_type = Option<Uuid>)]
    enrollment: Option<EnrollmentId>,
}

/// A kind of command, and whether a device can take it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfferedCommandType {
    #[serde(flatten)]
    command_type: CommandType,
    /// Whether the device can take it now.
    fits: bool,
    /// Why not, for people.
    #[schema(example = "this needs a supervised device")]
    reason: Option<String>,
}

impl From<Offer> for OfferedCommandType {
    fn from(offer: Offer) -> Self {
        Self {
            command_type: offer.meta.into(),
            fits: offer.unfit.is_none(),
            reason: offer.unfit,
        }
    }
}

/// Every kind of command, each with whether this device can take it.
#[utoipa::path(
    get, path = "/devices/{id}/command-types", operation_id = "listDeviceCommandTypes", tag = "commands",
    params(("id" = Uuid, Path, description = "The device"), ForWhom),
    responses((status = 200, description = "All kinds of commands", body = Page<OfferedCommandType>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn command_types(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
    Params(whom): Params<ForWhom>,
) -> Result<Json<Page<OfferedCommandType>>, Problem> {
    let offers = app.engine.offers(&by, id, whom.enrollment).await?;
    Ok(Json(Page::whole(offers)))
}
