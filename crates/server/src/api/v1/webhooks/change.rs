//! `PATCH /webhooks/{id}`

use axum::extract::State;
use domain::WebhookId;
use engine::webhooks;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Webhook;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// What shall be different about a webhook; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "enabled": false }))]
pub(crate) struct WebhookChange {
    url: Option<String>,
    kinds: Option<Vec<String>>,
    /// Enabling clears the failures, so that it is tried at once.
    enabled: Option<bool>,
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/webhooks/{id}", operation_id = "changeWebhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")),
    request_body = WebhookChange,
    responses((status = 200, description = "The webhook as it is now", body = Webhook)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn change(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
    Json(change): Json<WebhookChange>,
) -> Result<Json<Webhook>, Problem> {
    let change = webhooks::WebhookChange {
        url: change.url,
        kinds: change.kinds,
        enabled: change.enabled,
    };
    Ok(Json(
        app.engine.change_webhook(&by, id, change).await?.into(),
    ))
}
