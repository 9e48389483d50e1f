//! `GET /devices/{id}/declarations`

use axum::extract::State;
use domain::{DeviceId, Timestamp, facts::Category};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        extract::{Json, Of},
        wire::{AnyValue, Page, Time},
    },
    auth::By,
    problem::Problem,
};

/// What a device says of one declaration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeclarationStatus {
    #[schema(example = "org.example.passcode")]
    identifier: String,
    /// The device's words: whether it is active and valid, its server token, and reasons.
    #[schema(value_type = AnyValue)]
    status: Value,
    #[schema(value_type = Time)]
    observed_at: Timestamp,
}

/// How a device stands with its declarations.
#[utoipa::path(
    get, path = "/devices/{id}/declarations", operation_id = "getDeviceDeclarations", tag = "devices",
    params(("id" = Uuid, Path, description = "The device")),
    responses((status = 200, description = "By identifier", body = Page<DeclarationStatus>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn declarations(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
) -> Result<Json<Page<DeclarationStatus>>, Problem> {
    app.engine.device(&by, id).await?;
    let sheets = app.engine.facts_of(&by, id).await?;
    let found = sheets
        .into_iter()
        .filter(|sheet| sheet.category == Category::Declarations)
        .flat_map(|sheet| sheet.document)
        .map(|(identifier, fact)| DeclarationStatus {
            identifier,
            status: fact.value,
            observed_at: fact.observed_at,
        });
    Ok(Json(Page::whole(found)))
}
