//! `POST /webhooks/{id}/rotate-secret`

use axum::{extract::State, http::header, response::IntoResponse};
use domain::WebhookId;

use super::WithSecret;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// Gives a webhook a new secret. The next delivery is signed with it.
#[utoipa::path(
    post, path = "/webhooks/{id}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")),
    responses((status = 200, description = "The webhook with its new secret", body = WithSecret)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn rotate_secret(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
) -> Result<impl IntoResponse, Problem> {
    let made = app.engine.rotate_webhook_secret(&by, id).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(WithSecret::from(made))))
}
