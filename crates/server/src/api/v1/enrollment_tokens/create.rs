//! `POST /enrollment-tokens`

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::{Ownership, Platform, Timestamp, UnitId, token::TokenTerms};
use engine::enroll::NewEnrollmentToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EnrollmentTokenInfo;
use crate::{
    App,
    api::{
        BASE,
        extract::Json,
        wire::{OwnershipWord, PlatformWord, Time},
    },
    auth::By,
    problem::Problem,
};

/// An enrollment token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Head office iPads", "ownership": "corporate", "platforms": ["ipados"],
    "max_uses": 20, "expires_at": "2099-01-01T00:00:00Z",
}))]
pub(crate) struct EnrollmentTokenOrder {
    /// Name as people see it; at most 200 characters.
    #[schema(max_length = 200)]
    name: String,
    /// The unit its devices join.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    unit_id: Option<UnitId>,
    #[schema(value_type = OwnershipWord)]
    ownership: Ownership,
    /// The platforms that may use it; empty admits all.
    #[serde(default)]
    #[schema(value_type = Vec<PlatformWord>, required = false)]
    platforms: BTreeSet<Platform>,
    /// The serial numbers that may use it; empty admits all.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    serials: BTreeSet<String>,
    /// How many devices may use it; unlimited when missing.
    #[serde(default)]
    #[schema(minimum = 1)]
    max_uses: Option<u32>,
    #[schema(value_type = Time)]
    expires_at: Timestamp,
}

/// A token that was just made. Its secret is never shown again.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedEnrollmentToken)]
pub(crate) struct Created {
    #[serde(flatten)]
    token: EnrollmentTokenInfo,
    /// The secret.
    #[schema(example = "enroll_EXAMPLE")]
    secret: String,
    /// The address that a person opens on the device.
    #[schema(example = "https://mdm.example.org/enroll/enroll_EXAMPLE")]
    url: String,
}

/// Makes an enrollment token.
#[utoipa::path(
    post, path = "/enrollment-tokens", operation_id = "createEnrollmentToken", tag = "enrollment-tokens",
    request_body = EnrollmentTokenOrder,
    responses((
        status = 201, description = "The token with its secret", body = Created,
        headers(("Location" = String, description = "Where the token is")),
    )),
    extensions(("x-required-scope" = json!("enrollment:write"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    By(by): By,
    Json(order): Json<EnrollmentTokenOrder>,
) -> Result<impl IntoResponse, Problem> {
    let new = NewEnrollmentToken {
        name: order.name,
        unit: order.unit_id,
        terms: TokenTerms {
            ownership: order.ownership,
            platforms: order.platforms,
            serials: order.serials,
            max_uses: order.max_uses,
            expires_at: order.expires_at,
        },
    };
    let made = app.engine.create_enrollment_token(&by, new).await?;
    let location = format!("{BASE}/enrollment-tokens/{}", made.token.id);
    let answer = Created {
        token: made.token.into(),
        secret: made.secret.expose().clone(),
        url: made.url.expose().clone(),
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::CREATED, headers, Json(answer)))
}
