//! `GET /command-types`

use apple::commands::ALL;
use domain::scope::Scope;

use super::CommandType;
use crate::{
    api::{extract::Json, wire::Page},
    auth::By,
    problem::Problem,
};

/// Every kind of command there is.
#[utoipa::path(
    get, path = "/command-types", operation_id = "listCommandTypes", tag = "commands",
    responses((status = 200, description = "All kinds of commands", body = Page<CommandType>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(By(by): By) -> Result<Json<Page<CommandType>>, Problem> {
    by.require(Scope::DevicesRead)
        .map_err(engine::EngineError::from)?;
    Ok(Json(Page::whole(ALL.iter().copied())))
}
