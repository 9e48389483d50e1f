//! `POST /secrets/{id}/reveal`

use axum::{extract::State, http::header, response::IntoResponse};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::SecretId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SecretInfo;
use crate::{
    App,
    api::extract::{Json, Of},
    auth::By,
    problem::Problem,
};

/// Why a secret must be seen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "The owner is locked out, ticket 4711" }))]
pub(crate) struct RevealReason {
    /// In the person's words; the journal keeps it.
    #[schema(min_length = 1)]
    reason: String,
}

/// A secret that was revealed: `text` when it is one, `base64` otherwise.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedSecret {
    #[serde(flatten)]
    head: SecretInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Reveals a secret. The journal keeps who, which and why, before it is shown.
#[utoipa::path(
    post, path = "/secrets/{id}/reveal", operation_id = "revealSecret", tag = "secrets",
    params(("id" = Uuid, Path, description = "The secret")),
    request_body = RevealReason,
    responses((status = 200, description = "The secret; not to be cached", body = RevealedSecret)),
    extensions(("x-required-scope" = json!("secrets:reveal"))),
)]
pub(crate) async fn reveal(
    State(app): State<App>,
    By(by): By,
    Of(id): Of<SecretId>,
    Json(why): Json<RevealReason>,
) -> Result<impl IntoResponse, Problem> {
    let revealed = app.engine.reveal_secret(&by, id, &why.reason).await?;
    let bytes = revealed.secret.expose();
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(|c| c.is_control() && c != '\n'))
        .map(str::to_owned);
    let answer = RevealedSecret {
        head: revealed.head.into(),
        base64: text.is_none().then(|| BASE64_STANDARD.encode(bytes)),
        text,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}
