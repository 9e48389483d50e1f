//! `POST /webhooks/{id}/test`

use axum::extract::State;
use domain::WebhookId;

use super::Delivery;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// Sends a delivery without events, also when the webhook is disabled, and tells how it went.
#[utoipa::path(
    post, path = "/webhooks/{id}/test", operation_id = "testWebhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")),
    responses((status = 200, description = "The attempt; a receiver that refuses is no problem of ours", body = Delivery)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn test(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
) -> Result<Json<Delivery>, Problem> {
    Ok(Json(app.engine.test_webhook(&by, id).await?.into()))
}
