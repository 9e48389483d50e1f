//! Commands, as the API shows them.

mod cancel;
mod get;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{CommandId, DeviceId, EnrollmentId, ReportId, Timestamp, command::CommandState};
use engine::idempotency::Answer;
use serde::Serialize;
use serde_json::Value;
use store::CommandRecord;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::{
        BASE,
        wire::{ActorInfo, AnyObject, CommandStateWord, Time},
    },
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get::get))
        .routes(routes!(cancel::cancel))
}

/// A command and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Command)]
pub(crate) struct CommandInfo {
    #[schema(value_type = Uuid)]
    id: CommandId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    #[schema(value_type = Uuid)]
    enrollment_id: EnrollmentId,
    /// The name of its kind in this API.
    #[serde(rename = "type")]
    #[schema(example = "device_lock")]
    kind: String,
    /// The vendor's name for it.
    #[schema(example = "DeviceLock")]
    request_type: String,
    #[schema(value_type = CommandStateWord)]
    state: CommandState,
    /// Larger goes first.
    priority: i64,
    /// Its parameters, secrets replaced.
    #[schema(value_type = AnyObject)]
    parameters: Value,
    /// Why, in the person's words.
    reason: Option<String>,
    created_by: ActorInfo,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// When it stops being useful.
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
    /// When the device was last pushed for it.
    #[schema(value_type = Option<Time>)]
    pushed_at: Option<Timestamp>,
    /// When it was last handed over.
    #[schema(value_type = Option<Time>)]
    sent_at: Option<Timestamp>,
    /// How often it was handed over.
    sent_count: i64,
    /// When the device last said "not now".
    #[schema(value_type = Option<Time>)]
    deferred_at: Option<Timestamp>,
    /// How often it said so.
    deferred_count: i64,
    #[schema(value_type = Option<Time>)]
    finished_at: Option<Timestamp>,
    /// What the device or the canceller said.
    #[schema(value_type = Option<AnyObject>)]
    error: Option<Value>,
    /// The raw report with the answer.
    #[schema(value_type = Option<Uuid>)]
    report_id: Option<ReportId>,
}

impl From<CommandRecord> for CommandInfo {
    fn from(record: CommandRecord) -> Self {
        let (command, finish) = (record.command, record.finish);
        let mut parameters = command.order.parameters;
        let kind = parameters
            .as_object_mut()
            .and_then(|map| map.remove("type"))
            .and_then(|kind| kind.as_str().map(str::to_owned))
            .unwrap_or_else(|| command.order.kind.clone());
        Self {
            id: command.order.id,
            device_id: command.order.device_id,
            enrollment_id: command.order.enrollment_id,
            kind,
            request_type: command.order.kind,
            state: finish.as_ref().map_or(command.state, |end| end.outcome),
            priority: command.order.priority,
            parameters,
            reason: command.order.reason,
            created_by: command.order.created_by.into(),
            created_at: command.order.created_at,
            expires_at: command.order.expires_at,
            pushed_at: command.pushed_at,
            sent_at: command.sent_at,
            sent_count: command.sent_count,
            deferred_at: command.deferred_at,
            deferred_count: command.deferred_count,
            finished_at: finish.as_ref().map(|end| end.at),
            report_id: finish.as_ref().and_then(|end| end.response_ref),
            error: finish.and_then(|end| end.error),
        }
    }
}

/// A command as the answer that a repeated request gets again.
pub(crate) fn rendered(status: u16, record: CommandRecord) -> Answer {
    Answer {
        status,
        body: serde_json::to_vec(&CommandInfo::from(record)).unwrap_or_default(),
    }
}

/// An answer that was rendered, with the address of its command.
pub(crate) fn accepted(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::ACCEPTED);
    let location = serde_json::from_slice::<Value>(&answer.body)
        .ok()
        .and_then(|json| {
            HeaderValue::try_from(format!("{BASE}/commands/{}", json["id"].as_str()?)).ok()
        });
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        answer.body,
    )
        .into_response();
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
