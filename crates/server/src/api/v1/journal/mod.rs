//! The journal, as the API shows it.

mod checkpoints;
mod events;
mod export;

use domain::{DeviceId, EventId, Timestamp, UnitId, journal};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::wire::{ActorInfo, AnyObject, Time},
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(events::events))
        .routes(routes!(export::export))
        .routes(routes!(checkpoints::checkpoints))
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventInfo {
    /// Its place; the first is 1, there are no gaps.
    seq: u64,
    #[schema(value_type = Uuid)]
    id: EventId,
    #[schema(value_type = Time)]
    at: Timestamp,
    /// What happened.
    #[schema(example = "device.enrolled")]
    kind: String,
    actor: ActorInfo,
    /// The device it concerns.
    #[schema(value_type = Option<Uuid>)]
    device: Option<DeviceId>,
    /// The identifier of whatever else it concerns.
    subject: Option<String>,
    /// The unit it belongs to.
    #[schema(value_type = Option<Uuid>)]
    unit: Option<UnitId>,
    /// Details.
    #[schema(value_type = AnyObject)]
    data: Value,
    /// The hash of the event before it.
    #[schema(value_type = String, example = "0000000000000000000000000000000000000000000000000000000000000000")]
    prev: journal::Hash,
    /// The hash of this event.
    #[schema(value_type = String)]
    hash: journal::Hash,
}

impl From<journal::Event> for EventInfo {
    fn from(event: journal::Event) -> Self {
        Self {
            seq: event.seq,
            id: event.draft.id,
            at: event.draft.at,
            kind: event.draft.kind,
            actor: event.draft.actor.into(),
            device: event.draft.device,
            subject: event.draft.subject,
            unit: event.draft.unit,
            data: event.draft.data,
            prev: event.prev,
            hash: event.hash,
        }
    }
}

/// A signed statement of where the journal stood.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub(crate) struct CheckpointInfo {
    /// The place of the last event it covers.
    seq: u64,
    /// That event's hash.
    #[schema(value_type = String)]
    hash: journal::Hash,
    #[schema(value_type = Time)]
    at: Timestamp,
    /// Which key signed: hexadecimal SHA-256 of its public key.
    key_id: String,
    /// ECDSA P-256 with SHA-256, ASN.1 form, hexadecimal.
    signature: String,
}

impl From<journal::Checkpoint> for CheckpointInfo {
    fn from(checkpoint: journal::Checkpoint) -> Self {
        Self {
            seq: checkpoint.seq,
            hash: checkpoint.hash,
            at: checkpoint.at,
            key_id: checkpoint.key_id,
            signature: checkpoint.signature,
        }
    }
}
