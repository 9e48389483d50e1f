//! `POST /api-tokens`

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::{Timestamp, scope::Scope};
use engine::people::NewApiToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiTokenInfo;
use crate::{
    App,
    api::{
        extract::Json,
        wire::{ScopeWord, Time},
    },
    auth::By,
    problem::Problem,
};

/// An API token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Inventory export", "scopes": ["devices:read"], "expires_at": "2027-06-30T00:00:00Z",
}))]
pub(crate) struct ApiTokenOrder {
    /// Name as people see it; at most 100 characters.
    #[schema(max_length = 100)]
    name: String,
    /// What it shall be able to do; no more than the caller.
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: BTreeSet<Scope>,
    /// At most three years from now.
    #[schema(value_type = Time)]
    expires_at: Timestamp,
}

/// A token that was just made. It is never shown again.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiToken)]
pub(crate) struct Created {
    #[serde(flatten)]
    token: ApiTokenInfo,
    /// The token itself, for `Authorization: Bearer`.
    #[schema(example = "muster_EXAMPLE")]
    secret: String,
}

/// Makes an API token, which can do no more than the caller.
#[utoipa::path(
    post, path = "/api-tokens", operation_id = "createApiToken", tag = "api-tokens",
    request_body = ApiTokenOrder,
    responses((status = 201, description = "The token", body = Created)),
    extensions(("x-required-scope" = json!("tokens:write"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    By(by): By,
    Json(order): Json<ApiTokenOrder>,
) -> Result<impl IntoResponse, Problem> {
    let wanted = NewApiToken {
        name: order.name,
        scopes: order.scopes,
        expires_at: order.expires_at,
    };
    let made = app.engine.create_api_token(&by, wanted).await?;
    let answer = Created {
        token: made.token.into(),
        secret: made.secret.expose().clone(),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(answer)))
}
