//! `POST /enrollment-tokens/{id}/revoke`

use axum::{extract::State, http::StatusCode};
use domain::EnrollmentTokenId;

use crate::{App, api::extract::Of, auth::By, problem::Problem};

/// Revokes an enrollment token. Devices that enrolled with it stay.
#[utoipa::path(
    post, path = "/enrollment-tokens/{id}/revoke", operation_id = "revokeEnrollmentToken", tag = "enrollment-tokens",
    params(("id" = Uuid, Path, description = "The token")),
    responses((status = 204, description = "It is revoked, now or before")),
    extensions(("x-required-scope" = json!("enrollment:write"))),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<EnrollmentTokenId>,
) -> Result<StatusCode, Problem> {
    app.engine.revoke_enrollment_token(&by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
