//! Units of the organisation tree, as the API shows them.

mod create;
mod list;
mod rename;

use domain::{Timestamp, UnitId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, api::wire::Time};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(rename::rename))
}

/// A node of the organisation tree; devices and enrollment tokens belong to one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unit {
    #[schema(value_type = Uuid)]
    id: UnitId,
    /// The unit above; missing for a root.
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<UnitId>,
    #[schema(example = "Field service")]
    name: String,
    #[schema(value_type = Time)]
    created_at: Timestamp,
}

impl From<store::Unit> for Unit {
    fn from(unit: store::Unit) -> Self {
        Self {
            id: unit.id,
            parent_id: unit.parent_id,
            name: unit.name,
            created_at: unit.created_at,
        }
    }
}

/// A unit to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Field service" }))]
pub(crate) struct UnitOrder {
    /// At most 200 characters.
    #[schema(max_length = 200)]
    name: String,
    /// The unit above; a root when missing.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<UnitId>,
}

/// Another name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Field service north" }))]
pub(crate) struct UnitName {
    /// At most 200 characters.
    #[schema(max_length = 200)]
    name: String,
}
