//! `GET /enrollment-tokens`

use axum::extract::State;
use domain::EnrollmentTokenId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::EnrollmentTokenInfo;
use crate::{
    App,
    api::{
        cursor,
        extract::{Json, Params, page_limit},
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// The name of this list in cursors.
const LIST: &str = "enrollment-tokens";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 500; 100 when missing.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Enrollment tokens, newest first.
#[utoipa::path(
    get, path = "/enrollment-tokens", operation_id = "listEnrollmentTokens", tag = "enrollment-tokens",
    params(Paging),
    responses((status = 200, description = "One page", body = Page<EnrollmentTokenInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<EnrollmentTokenInfo>>, Problem> {
    let limit = page_limit(paging.limit)?;
    let before: Option<EnrollmentTokenId> = cursor::decode(LIST, paging.cursor.as_deref())?;
    let mut tokens = app.engine.enrollment_tokens(&by, before, limit + 1).await?;
    let more = tokens.len() > limit as usize;
    tokens.truncate(limit as usize);
    let next = tokens
        .last()
        .filter(|_| more)
        .and_then(|last| cursor::encode(LIST, &last.id));
    let items = tokens.into_iter().map(Into::into).collect();
    Ok(Json(Page::new(items, next)))
}
