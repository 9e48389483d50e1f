//! `GET /journal/checkpoints`

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::CheckpointInfo;
use crate::{
    App,
    api::{
        extract::{Json, Params, page_limit},
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// Which checkpoints.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Selection {
    /// The `seq` of the last checkpoint that is known; 0 when missing.
    after: Option<u64>,
    /// How many items, 1 to 500; 100 when missing.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Signed statements of where the journal stood, oldest first. `next` is the value for `after`
/// that goes on.
#[utoipa::path(
    get, path = "/journal/checkpoints", operation_id = "listCheckpoints", tag = "journal",
    params(Selection),
    responses((status = 200, description = "One page", body = Page<CheckpointInfo>)),
    extensions(("x-required-scope" = json!("journal:read"))),
)]
pub(crate) async fn checkpoints(
    State(app): State<App>,
    By(by): By,
    Params(selection): Params<Selection>,
) -> Result<Json<Page<CheckpointInfo>>, Problem> {
    let limit = page_limit(selection.limit)?;
    let after = selection.after.unwrap_or(0).min(i64::MAX.unsigned_abs());
    let found = app.engine.checkpoints_after(&by, after, limit).await?;
    let full = found.len() == limit as usize;
    let next = found
        .last()
        .filter(|_| full)
        .map(|last| last.seq.to_string());
    let items = found.into_iter().map(Into::into).collect();
    Ok(Json(Page::new(items, next)))
}
