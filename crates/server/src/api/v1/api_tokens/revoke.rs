//! `POST /api-tokens/{id}/revoke`

use axum::{extract::State, http::StatusCode};
use domain::ApiTokenId;

use crate::{App, api::extract::Of, auth::By, problem::Problem};

/// Revokes an API token. From now on it is refused everywhere.
#[utoipa::path(
    post, path = "/api-tokens/{id}/revoke", operation_id = "revokeApiToken", tag = "api-tokens",
    params(("id" = Uuid, Path, description = "The token")),
    responses((status = 204, description = "It is revoked")),
    extensions(("x-required-scope" = json!("tokens:write"))),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<ApiTokenId>,
) -> Result<StatusCode, Problem> {
    app.engine.revoke_api_token(&by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
