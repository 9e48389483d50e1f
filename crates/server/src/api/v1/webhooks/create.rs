//! `POST /webhooks`

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use engine::webhooks::NewWebhook;
use serde::Deserialize;
use utoipa::ToSchema;

use super::WithSecret;
use crate::{App, api::extract::Json, auth::By, problem::Problem};

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "url": "https://hooks.example.org/muster", "kinds": ["device."] }))]
pub(crate) struct WebhookOrder {
    /// Where to deliver, `https` or `http`.
    url: String,
    /// Prefixes of the kinds of events wanted; empty wants all.
    #[serde(default)]
    #[schema(required = false)]
    kinds: Vec<String>,
}

/// Makes a webhook. It delivers what happens from now on.
#[utoipa::path(
    post, path = "/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = WebhookOrder,
    responses((status = 201, description = "The webhook with its secret", body = WithSecret)),
    extensions(("x-required-scope" = json!("webhooks:write"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    By(by): By,
    Json(order): Json<WebhookOrder>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = NewWebhook {
        url: order.url,
        kinds: order.kinds,
    };
    let made = app.engine.create_webhook(&by, wanted).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(WithSecret::from(made))))
}
