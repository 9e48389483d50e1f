//! `GET /units`

use axum::extract::State;

use super::Unit;
use crate::{
    App,
    api::{extract::Json, wire::Page},
    auth::By,
    problem::Problem,
};

/// All units, by name.
#[utoipa::path(
    get, path = "/units", operation_id = "listUnits", tag = "units",
    responses((status = 200, description = "All of them", body = Page<Unit>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(State(app): State<App>, By(by): By) -> Result<Json<Page<Unit>>, Problem> {
    Ok(Json(Page::whole(app.engine.units(&by).await?)))
}
