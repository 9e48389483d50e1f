//! `GET /devices/{id}/commands`

use axum::extract::State;
use domain::DeviceId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    api::{
        cursor,
        extract::{Json, Of, Params, page_limit},
        v1::commands::CommandInfo,
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// The name of this list in cursors.
const LIST: &str = "commands";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 500; 100 when missing.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Commands of a device, finished or not, newest first.
#[utoipa::path(
    get, path = "/devices/{id}/commands", operation_id = "listDeviceCommands", tag = "commands",
    params(("id" = Uuid, Path, description = "The device"), Paging),
    responses((status = 200, description = "One page", body = Page<CommandInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn commands(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<DeviceId>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<CommandInfo>>, Problem> {
    let limit = page_limit(paging.limit)?;
    let before: Option<i64> = cursor::decode(LIST, paging.cursor.as_deref())?;
    app.engine.device(&by, id).await?;
    let mut records = app.engine.commands_of(&by, id, before, limit + 1).await?;
    let more = records.len() > limit as usize;
    records.truncate(limit as usize);
    let next = records
        .last()
        .filter(|_| more)
        .and_then(|last| cursor::encode(LIST, &last.command.seq));
    let items = records.into_iter().map(Into::into).collect();
    Ok(Json(Page::new(items, next)))
}
