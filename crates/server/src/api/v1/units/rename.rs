//! `PATCH /units/{id}`

use axum::extract::State;
use domain::UnitId;

use super::{Unit, UnitName};
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// Gives a unit another name.
#[utoipa::path(
    patch, path = "/units/{id}", operation_id = "renameUnit", tag = "units",
    params(("id" = Uuid, Path, description = "The unit")),
    request_body = UnitName,
    responses((status = 200, description = "The unit as it is now", body = Unit)),
    extensions(("x-required-scope" = json!("settings:write"))),
)]
pub(crate) async fn rename(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<UnitId>,
    Json(change): Json<UnitName>,
) -> Result<Json<Unit>, Problem> {
    Ok(Json(
        app.engine.rename_unit(&by, id, &change.name).await?.into(),
    ))
}
