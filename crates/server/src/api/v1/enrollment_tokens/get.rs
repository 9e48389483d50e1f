//! `GET /enrollment-tokens/{id}`

use axum::extract::State;
use domain::EnrollmentTokenId;

use super::EnrollmentTokenInfo;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// One enrollment token, without its secret.
#[utoipa::path(
    get, path = "/enrollment-tokens/{id}", operation_id = "getEnrollmentToken", tag = "enrollment-tokens",
    params(("id" = Uuid, Path, description = "The token")),
    responses((status = 200, description = "The token", body = EnrollmentTokenInfo)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<EnrollmentTokenId>,
) -> Result<Json<EnrollmentTokenInfo>, Problem> {
    let token = app.engine.enrollment_token(&by, id).await?;
    Ok(Json(token.into()))
}
