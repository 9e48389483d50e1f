//! `GET /webhooks/{id}/deliveries`

use axum::extract::State;
use domain::WebhookId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Delivery;
use crate::{
    App,
    api::{
        extract::{Json, Of, Params, page_limit},
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Most {
    /// How many items, 1 to 500; 100 when missing. At most 200 are kept.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The newest attempts of a webhook.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries", operation_id = "listWebhookDeliveries", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook"), Most),
    responses((status = 200, description = "Newest first", body = Page<Delivery>)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn deliveries(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<WebhookId>,
    Params(most): Params<Most>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let limit = page_limit(most.limit)?;
    let attempts = app.engine.webhook_deliveries(&by, id, limit).await?;
    Ok(Json(Page::whole(attempts)))
}
