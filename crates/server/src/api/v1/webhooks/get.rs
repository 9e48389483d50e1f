//! `GET /webhooks/{id}`

use axum::extract::State;
use domain::WebhookId;

use super::Webhook;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// One webhook.
#[utoipa::path(
    get, path = "/webhooks/{id}", operation_id = "getWebhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")),
    responses((status = 200, description = "The webhook", body = Webhook)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(app.engine.webhook(&by, id).await?.into()))
}
