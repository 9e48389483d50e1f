//! `GET /declarations`

use axum::extract::State;

use super::DeclarationInfo;
use crate::{
    App,
    api::{extract::Json, wire::Page},
    auth::By,
    problem::Problem,
};

/// All declarations that are in force, by identifier.
#[utoipa::path(
    get, path = "/declarations", operation_id = "listDeclarations", tag = "declarations",
    responses((status = 200, description = "All of them", body = Page<DeclarationInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
) -> Result<Json<Page<DeclarationInfo>>, Problem> {
    Ok(Json(Page::whole(app.engine.declarations(&by).await?)))
}
