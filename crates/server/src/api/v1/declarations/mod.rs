//! Declarations, as the API shows them.

mod assign;
mod get;
mod list;
mod put;
mod withdraw;

use domain::{Channel, DeclarationId, DeviceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Declaration, DeclarationTarget};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::wire::{AnyObject, ChannelWord, Time},
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(get::get, put::put, withdraw::withdraw))
        .routes(routes!(assign::assign))
}

/// A declaration as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Declaration)]
pub(crate) struct DeclarationInfo {
    #[schema(value_type = Uuid)]
    id: DeclarationId,
    /// Its identifier on the wire.
    #[schema(example = "org.example.passcode")]
    identifier: String,
    /// `configuration`, `activation`, `asset` or `management`.
    #[schema(example = "configuration")]
    kind: String,
    /// Its type on the wire.
    #[serde(rename = "type")]
    #[schema(example = "com.apple.configuration.passcode.settings")]
    declaration_type: String,
    #[schema(value_type = AnyObject)]
    payload: Value,
    /// Changes with its content.
    server_token: String,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    #[schema(value_type = Time)]
    updated_at: Timestamp,
}

impl From<Declaration> for DeclarationInfo {
    fn from(row: Declaration) -> Self {
        Self {
            id: row.id,
            identifier: row.identifier,
            kind: row.kind,
            declaration_type: row.declaration_type,
            payload: row.payload,
            server_token: row.server_token,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Whom a declaration is for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeclarationTarget)]
pub(crate) struct TargetInfo {
    /// One device; all devices when missing.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    device_id: Option<DeviceId>,
    /// On which channel; `device` when missing.
    #[serde(default = "device_channel")]
    #[schema(value_type = ChannelWord, required = false)]
    channel: Channel,
}

const fn device_channel() -> Channel {
    Channel::Device
}

impl From<DeclarationTarget> for TargetInfo {
    fn from(target: DeclarationTarget) -> Self {
        Self {
            device_id: target.device_id,
            channel: target.channel,
        }
    }
}

impl From<TargetInfo> for DeclarationTarget {
    fn from(target: TargetInfo) -> Self {
        Self {
            device_id: target.device_id,
            channel: target.channel,
        }
    }
}

/// A declaration with its targets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeclarationWithTargets {
    #[serde(flatten)]
    declaration: DeclarationInfo,
    targets: Vec<TargetInfo>,
}
