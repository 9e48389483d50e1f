//! `POST /webhooks/{id}/replay`

use axum::extract::State;
use domain::WebhookId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Webhook;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// From where to deliver again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "cursor": 0 }))]
pub(crate) struct ReplayFrom {
    /// The `seq` of the last event that is not wanted again; 0 for the whole journal.
    cursor: u64,
}

/// Delivers again everything after an event.
#[utoipa::path(
    post, path = "/webhooks/{id}/replay", operation_id = "replayWebhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")),
    request_body = ReplayFrom,
    responses((status = 200, description = "The webhook as it is now", body = Webhook)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn replay(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
    Json(from): Json<ReplayFrom>,
) -> Result<Json<Webhook>, Problem> {
    let webhook = app.engine.replay_webhook(&by, id, from.cursor).await?;
    Ok(Json(webhook.into()))
}
