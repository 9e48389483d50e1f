//! `POST /commands/{id}/cancel`

use axum::{extract::State, response::Response};
use domain::CommandId;

use super::{CommandInfo, accepted, rendered};
use crate::{
    App,
    api::extract::{Of, OnceOnly},
    auth::By,
    problem::Problem,
};

/// Takes back a command that the device does not have yet.
#[utoipa::path(
    post, path = "/commands/{id}/cancel", operation_id = "cancelCommand", tag = "commands",
    params(
        ("id" = Uuid, Path, description = "The command"),
        ("Idempotency-Key" = String, Header, description = "Chosen by the caller, 1 to 200 printable characters"),
    ),
    responses(
        (status = 200, description = "It is cancelled", body = CommandInfo),
        (status = 409, description = "The device has it already, or it is finished", body = Problem, content_type = "application/problem+json"),
    ),
    extensions(("x-required-scope" = json!("devices:write"))),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<CommandId>,
    request: OnceOnly,
) -> Result<Response, Problem> {
    let key = request.key(&by.actor)?;
    let answer = app
        .engine
        .cancel_command_once(&by, key, id, |record| Ok(rendered(200, record)))
        .await?;
    Ok(accepted(answer))
}
