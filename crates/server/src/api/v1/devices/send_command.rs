//! `POST /devices/{id}/commands`

use axum::{extract::State, response::Response};
use domain::{DeviceId, EnrollmentId};
use engine::{orders::command_from_json, queue::Order};
use serde_json::{Map, Value};

use crate::{
    App,
    api::{
        command_schema::CommandOrder,
        extract::{Of, OnceOnly},
        v1::commands::{CommandInfo, accepted, rendered},
    },
    auth::By,
    problem::{Code, Problem},
};

/// Sends a command to a device. Which scope it needs depends on what it can destroy: a harmless
/// one needs `devices:write`, locking `devices:lock`, erasing `devices:wipe`, a raw command
/// `devices:raw`.
#[utoipa::path(
    post, path = "/devices/{id}/commands", operation_id = "sendCommand", tag = "commands",
    params(
        ("id" = Uuid, Path, description = "The device"),
        ("Idempotency-Key" = String, Header, description = "Chosen by the caller, 1 to 200 printable characters; the same key with the same body acts once and is answered alike for 24 hours"),
    ),
    request_body = CommandOrder,
    responses((
        status = 202, description = "The command waits for the device", body = CommandInfo,
        headers(("Location" = String, description = "Where to see what became of it")),
    )),
    extensions(("x-required-scope" = json!("devices:write"))),
)]
pub(crate) async fn send_command(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
    request: OnceOnly,
) -> Result<Response, Problem> {
    let key = request.key(&by.actor)?;
    let (enrollment, order) = read(request.body)?;
    let answer = app
        .engine
        .send_command_once(&by, key, id, enrollment, order, |record| {
            Ok(rendered(202, record))
        })
        .await?;
    Ok(accepted(answer))
}

/// The command, and what stands beside its parameters.
fn read(body: Value) -> Result<(Option<EnrollmentId>, Order), Problem> {
    let Value::Object(mut map) = body else {
        return Err(Problem::new(Code::Invalid).because("the body must be an object"));
    };
    let reason = text(&mut map, "reason")?;
    let enrollment = text(&mut map, "enrollment")?
        .map(|text| text.parse::<EnrollmentId>())
        .transpose()
        .map_err(|error| {
            Problem::new(Code::Invalid)
                .because(error.to_string())
                .at("enrollment")
        })?;
    let order = Order {
        command: command_from_json(Value::Object(map))?,
        reason,
        lifetime: None,
    };
    Ok((enrollment, order))
}

fn text(map: &mut Map<String, Value>, field: &str) -> Result<Option<String>, Problem> {
    match map.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::new(Code::Invalid)
            .because("it must be a text")
            .at(field)),
    }
}
