//! Kinds of commands, as the API shows them.

mod list;

use apple::commands::Meta;
use domain::{Platform, command::Hazard};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::wire::{AnyObject, HazardWord, PlatformWord},
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list))
}

/// A kind of command.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommandType {
    /// Its name in this API.
    #[schema(example = "device_lock")]
    name: &'static str,
    /// The vendor's name for it.
    #[schema(example = "DeviceLock")]
    request_type: &'static str,
    #[schema(example = "Lock")]
    title: &'static str,
    /// What it does.
    description: &'static str,
    /// What it can destroy; anything but `none` needs a reason.
    #[schema(value_type = HazardWord)]
    hazard: Hazard,
    /// The platforms that have it.
    #[schema(value_type = Vec<PlatformWord>)]
    platforms: Vec<Platform>,
    /// JSON Schema of the order, without `reason` and `enrollment`.
    #[schema(value_type = AnyObject)]
    parameters: Value,
}

impl From<&'static Meta> for CommandType {
    fn from(meta: &'static Meta) -> Self {
        let entry = meta.entry();
        Self {
            name: entry.name,
            request_type: entry.request_type,
            title: entry.title,
            description: entry.description,
            hazard: entry.hazard,
            platforms: entry.platforms,
            parameters: entry.parameters,
        }
    }
}
