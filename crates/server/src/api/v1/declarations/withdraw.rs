//! `DELETE /declarations/{identifier}`

use axum::{extract::State, http::StatusCode};

use crate::{App, api::extract::Of, auth::By, problem::Problem};

/// Withdraws a declaration. Devices drop it at their next synchronization.
#[utoipa::path(
    delete, path = "/declarations/{identifier}", operation_id = "withdrawDeclaration", tag = "declarations",
    params(("identifier" = String, Path, description = "Its identifier on the wire")),
    responses((status = 204, description = "It is withdrawn")),
    extensions(("x-required-scope" = json!("declarations:write"))),
)]
pub(crate) async fn withdraw(
    State(app): State<App>,
    By(by): By,
    Of(identifier): Of<String>,
) -> Result<StatusCode, Problem> {
    app.engine.withdraw_declaration(&by, &identifier).await?;
    Ok(StatusCode::NO_CONTENT)
}
