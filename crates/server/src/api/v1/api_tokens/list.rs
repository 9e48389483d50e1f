//! `GET /api-tokens`

use axum::extract::State;

use super::ApiTokenInfo;
use crate::{
    App,
    api::{extract::Json, wire::Page},
    auth::By,
    problem::Problem,
};

/// All API tokens, newest first.
#[utoipa::path(
    get, path = "/api-tokens", operation_id = "listApiTokens", tag = "api-tokens",
    responses((status = 200, description = "All of them", body = Page<ApiTokenInfo>)),
    extensions(("x-required-scope" = json!("tokens:write"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
) -> Result<Json<Page<ApiTokenInfo>>, Problem> {
    Ok(Json(Page::whole(app.engine.api_tokens(&by).await?)))
}
