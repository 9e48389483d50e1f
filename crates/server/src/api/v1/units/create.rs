//! `POST /units`

use axum::{extract::State, http::StatusCode, response::IntoResponse};

use super::{Unit, UnitOrder};
use crate::{App, api::extract::Json, auth::By, problem::Problem};

/// Adds a unit.
#[utoipa::path(
    post, path = "/units", operation_id = "createUnit", tag = "units",
    request_body = UnitOrder,
    responses((status = 201, description = "The unit", body = Unit)),
    extensions(("x-required-scope" = json!("settings:write"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    By(by): By,
    Json(order): Json<UnitOrder>,
) -> Result<impl IntoResponse, Problem> {
    let unit = app
        .engine
        .add_unit(&by, &order.name, order.parent_id)
        .await?;
    Ok((StatusCode::CREATED, Json(Unit::from(unit))))
}
