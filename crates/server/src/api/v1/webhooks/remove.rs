//! `DELETE /webhooks/{id}`

use axum::{extract::State, http::StatusCode};
use domain::WebhookId;

use crate::{App, api::extract::Of, auth::By, problem::Problem};

/// Removes a webhook and its log.
#[utoipa::path(
    delete, path = "/webhooks/{id}", operation_id = "removeWebhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")),
    responses((status = 204, description = "It is gone")),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
) -> Result<StatusCode, Problem> {
    app.engine.remove_webhook(&by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
