//! `GET /devices/{id}/facts`

use std::collections::BTreeMap;

use axum::extract::State;
use domain::{
    DeviceId, Timestamp,
    facts::{Assurance, Category, Fact},
};
use serde::Serialize;
use serde_json::Value;
use store::FactSheet;
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        extract::{Json, Of},
        wire::{AnyValue, AssuranceWord, CategoryWord, Page, Time},
    },
    auth::By,
    problem::Problem,
};

/// One thing known of a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fact)]
pub(crate) struct FactInfo {
    /// Normalised: units as the key says, dates as RFC 3339.
    #[schema(value_type = AnyValue)]
    value: Value,
    /// When the device reported this value, or last confirmed it.
    #[schema(value_type = Time)]
    observed_at: Timestamp,
    /// Which report it came with.
    #[schema(example = "DeviceInformation")]
    origin: String,
    #[schema(value_type = AssuranceWord)]
    assurance: Assurance,
}

impl From<Fact> for FactInfo {
    fn from(fact: Fact) -> Self {
        Self {
            value: fact.value,
            observed_at: fact.observed_at,
            origin: fact.origin,
            assurance: fact.assurance,
        }
    }
}

/// What is known of one category.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FactSheet)]
pub(crate) struct FactSheetInfo {
    #[schema(value_type = CategoryWord)]
    category: Category,
    /// The newest report in it.
    #[schema(value_type = Time)]
    observed_at: Timestamp,
    /// The facts by key.
    facts: BTreeMap<String, FactInfo>,
}

impl From<FactSheet> for FactSheetInfo {
    fn from(sheet: FactSheet) -> Self {
        let facts = sheet.document.into_iter();
        Self {
            category: sheet.category,
            observed_at: sheet.observed_at,
            facts: facts.map(|(key, fact)| (key, fact.into())).collect(),
        }
    }
}

/// Everything that is known of a device, by category.
#[utoipa::path(
    get, path = "/devices/{id}/facts", operation_id = "getDeviceFacts", tag = "devices",
    params(("id" = Uuid, Path, description = "The device")),
    responses((status = 200, description = "The facts", body = Page<FactSheetInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn facts(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
) -> Result<Json<Page<FactSheetInfo>>, Problem> {
    app.engine.device(&by, id).await?;
    let sheets = app.engine.facts_of(&by, id).await?;
    Ok(Json(Page::whole(sheets)))
}
