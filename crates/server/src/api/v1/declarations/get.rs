//! `GET /declarations/{identifier}`

use axum::{extract::State, http::header, response::IntoResponse};

use super::DeclarationWithTargets;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// One declaration with its targets.
#[utoipa::path(
    get, path = "/declarations/{identifier}", operation_id = "getDeclaration", tag = "declarations",
    params(("identifier" = String, Path, description = "Its identifier on the wire")),
    responses((
        status = 200, description = "The declaration", body = DeclarationWithTargets,
        headers(("ETag" = String, description = "The server token")),
    )),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    By(by): By,
    Of(identifier): Of<String>,
) -> Result<impl IntoResponse, Problem> {
    let (declaration, targets) = app
        .engine
        .declaration_with_targets(&by, &identifier)
        .await?;
    let tag = [(header::ETAG, format!("\"{}\"", declaration.server_token))];
    let answer = DeclarationWithTargets {
        declaration: declaration.into(),
        targets: targets.into_iter().map(Into::into).collect(),
    };
    Ok((tag, Json(answer)))
}
