//! Devices, as the API shows them.

mod command_types;
mod commands;
mod declarations;
mod export;
mod facts;
mod filter;
mod get;
mod label;
mod list;
mod refresh;
mod report;
mod reports;
mod secrets;
mod send_command;

use domain::{
    Channel, DeviceId, DeviceState, EnrollmentId, EnrollmentKind, EnrollmentTokenId, Ownership,
    Platform, Timestamp, UnitId, enrollment::EnrollmentState,
};
use engine::devices::DeviceDetail;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::wire::{
        ChannelWord, DeviceStateWord, EnrollmentKindWord, EnrollmentStateWord, OwnershipWord,
        PlatformWord, Time,
    },
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(export::export))
        .routes(routes!(get::get, label::label))
        .routes(routes!(facts::facts))
        .routes(routes!(commands::commands, send_command::send_command))
        .routes(routes!(command_types::command_types))
        .routes(routes!(refresh::refresh))
        .routes(routes!(reports::reports))
        .routes(routes!(report::report))
        .routes(routes!(secrets::secrets))
        .routes(routes!(declarations::declarations))
}

/// A device. Text that is not known is empty.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub(crate) struct DeviceInfo {
    #[schema(value_type = Uuid)]
    pub(crate) id: DeviceId,
    /// The unit it belongs to.
    #[schema(value_type = Option<Uuid>)]
    unit_id: Option<UnitId>,
    #[schema(value_type = PlatformWord)]
    pub(crate) platform: Platform,
    #[schema(value_type = OwnershipWord)]
    pub(crate) ownership: Ownership,
    #[schema(value_type = DeviceStateWord)]
    pub(crate) state: DeviceState,
    /// Serial number; empty where the ownership forbids it.
    #[schema(example = "ZZTEST000001")]
    pub(crate) serial: String,
    /// The vendor's device identifier.
    #[schema(example = "00000000-0000000000000001")]
    pub(crate) udid: String,
    /// Name as the device reports it.
    #[schema(example = "Front desk iPad")]
    pub(crate) name: String,
    /// Model identifier.
    #[schema(example = "iPad14,3")]
    pub(crate) model: String,
    /// Model as people call it.
    #[schema(example = "iPad Pro")]
    pub(crate) model_name: String,
    #[schema(example = "26.1")]
    pub(crate) os_version: String,
    #[schema(example = "23B85")]
    pub(crate) build: String,
    /// The person it is assigned to, as text.
    #[schema(example = "Sam Example")]
    pub(crate) user_label: String,
    pub(crate) supervised: bool,
    /// Whether Managed Lost Mode is on.
    pub(crate) lost_mode: bool,
    /// Last connection.
    #[schema(value_type = Option<Time>)]
    pub(crate) last_seen_at: Option<Timestamp>,
    /// When the present enrollment became active.
    #[schema(value_type = Option<Time>)]
    pub(crate) enrolled_at: Option<Timestamp>,
    /// When it was first seen.
    #[schema(value_type = Time)]
    created_at: Timestamp,
    #[schema(value_type = Time)]
    updated_at: Timestamp,
    /// Counts changes; also the `ETag` of the device.
    version: i64,
}

impl From<store::Device> for DeviceInfo {
    fn from(row: store::Device) -> Self {
        Self {
            id: row.id,
            unit_id: row.unit_id,
            platform: row.platform,
            ownership: row.ownership,
            state: row.state,
            serial: row.serial,
            udid: row.udid,
            name: row.name,
            model: row.model,
            model_name: row.model_name,
            os_version: row.os_version.as_str().to_owned(),
            build: row.build,
            user_label: row.user_label,
            supervised: row.supervised,
            lost_mode: row.lost_mode,
            last_seen_at: row.last_seen_at,
            enrolled_at: row.enrolled_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// One period of management of a device on one channel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Enrollment)]
pub(crate) struct EnrollmentInfo {
    #[schema(value_type = Uuid)]
    id: EnrollmentId,
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// On the user channel, the device's enrollment.
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<EnrollmentId>,
    #[schema(value_type = EnrollmentKindWord)]
    kind: EnrollmentKind,
    #[schema(value_type = EnrollmentStateWord)]
    state: EnrollmentState,
    /// The user's short name on the user channel.
    user_short_name: Option<String>,
    /// Push topic.
    #[schema(example = "com.apple.mgmt.External.00000000-0000-0000-0000-000000000000")]
    topic: Option<String>,
    /// The enrollment token it came in with.
    #[schema(value_type = Option<Uuid>)]
    token_id: Option<EnrollmentTokenId>,
    /// Whether Setup Assistant waits for the first configuration.
    awaiting_configuration: bool,
    /// Whether declarative management is on.
    declarative: bool,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// When it became able to take commands.
    #[schema(value_type = Option<Time>)]
    activated_at: Option<Timestamp>,
    #[schema(value_type = Option<Time>)]
    ended_at: Option<Timestamp>,
    /// Why it ended.
    #[schema(example = "checked_out")]
    end_reason: Option<String>,
    #[schema(value_type = Option<Time>)]
    last_seen_at: Option<Timestamp>,
}

impl From<store::Enrollment> for EnrollmentInfo {
    fn from(row: store::Enrollment) -> Self {
        Self {
            id: row.id,
            channel: row.channel,
            parent_id: row.parent_id,
            kind: row.kind,
            state: row.state,
            user_short_name: row.user_short_name,
            topic: row.topic,
            token_id: row.token_id,
            awaiting_configuration: row.awaiting_configuration,
            declarative: row.ddm_enabled,
            created_at: row.created_at,
            activated_at: row.activated_at,
            ended_at: row.ended_at,
            end_reason: row.end_reason.map(|reason| reason.to_string()),
            last_seen_at: row.last_seen_at,
        }
    }
}

/// A device with its enrollments, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceWithEnrollments {
    #[serde(flatten)]
    device: DeviceInfo,
    enrollments: Vec<EnrollmentInfo>,
}

impl From<DeviceDetail> for DeviceWithEnrollments {
    fn from(detail: DeviceDetail) -> Self {
        Self {
            device: detail.device.into(),
            enrollments: detail.enrollments.into_iter().map(Into::into).collect(),
        }
    }
}
