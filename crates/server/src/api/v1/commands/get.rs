//! `GET /commands/{id}`

use axum::extract::State;
use domain::CommandId;

use super::CommandInfo;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// One command and what became of it.
#[utoipa::path(
    get, path = "/commands/{id}", operation_id = "getCommand", tag = "commands",
    params(("id" = Uuid, Path, description = "The command")),
    responses((status = 200, description = "The command", body = CommandInfo)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<CommandId>,
) -> Result<Json<CommandInfo>, Problem> {
    let record = app.engine.command(&by, id).await?;
    Ok(Json(record.into()))
}
