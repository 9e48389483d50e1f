//! `PUT /declarations/{identifier}/targets`

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::TargetInfo;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// Whom a declaration is for, from now on. An empty list means nobody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "targets": [{ "channel": "device" }] }))]
pub(crate) struct DeclarationTargets {
    targets: Vec<TargetInfo>,
}

/// Says whom a declaration is for; replaces what was said before.
#[utoipa::path(
    put, path = "/declarations/{identifier}/targets", operation_id = "assignDeclaration", tag = "declarations",
    params(("identifier" = String, Path, description = "Its identifier on the wire")),
    request_body = DeclarationTargets,
    responses((status = 204, description = "It is for these")),
    extensions(("x-required-scope" = json!("declarations:write"))),
)]
pub(crate) async fn assign(
    State(app): State<App>,
    By(by): By,
    Of(identifier): Of<String>,
    Json(wanted): Json<DeclarationTargets>,
) -> Result<StatusCode, Problem> {
    let targets = wanted.targets.into_iter().map(Into::into).collect();
    app.engine
        .assign_declaration(&by, &identifier, targets)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
