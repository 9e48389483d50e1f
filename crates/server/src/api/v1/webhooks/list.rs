//! `GET /webhooks`

use axum::extract::State;

use super::Webhook;
use crate::{
    App,
    api::{extract::Json, wire::Page},
    auth::By,
    problem::Problem,
};

/// All webhooks, oldest first.
#[utoipa::path(
    get, path = "/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, description = "All of them", body = Page<Webhook>)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
) -> Result<Json<Page<Webhook>>, Problem> {
    Ok(Json(Page::whole(app.engine.webhooks(&by).await?)))
}
