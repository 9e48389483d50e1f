//! Enrollment tokens, as the API shows them.

mod create;
mod get;
mod list;
mod revoke;

use std::collections::BTreeSet;

use domain::{EnrollmentTokenId, Ownership, Platform, Timestamp, UnitId};
use serde::Serialize;
use store::EnrollmentToken;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::wire::{ActorInfo, OwnershipWord, PlatformWord, Time},
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get))
        .routes(routes!(revoke::revoke))
}

/// What lets devices enrol. Its secret is shown once, when it is made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrollmentToken)]
pub(crate) struct EnrollmentTokenInfo {
    #[schema(value_type = Uuid)]
    pub(crate) id: EnrollmentTokenId,
    #[schema(example = "Head office iPads")]
    name: String,
    /// The unit its devices join.
    #[schema(value_type = Option<Uuid>)]
    unit_id: Option<UnitId>,
    /// Who owns devices that enrol with it.
    #[schema(value_type = OwnershipWord)]
    ownership: Ownership,
    /// The platforms that may use it; empty admits all.
    #[schema(value_type = Vec<PlatformWord>)]
    platforms: BTreeSet<Platform>,
    /// The serial numbers that may use it; empty admits all.
    #[schema(value_type = Vec<String>, example = json!(["ZZTEST000001"]))]
    serials: BTreeSet<String>,
    /// How many devices may use it; missing when unlimited.
    max_uses: Option<u32>,
    /// How many did.
    uses: u32,
    #[schema(value_type = Time)]
    expires_at: Timestamp,
    #[schema(value_type = Option<Time>)]
    revoked_at: Option<Timestamp>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    created_by: ActorInfo,
}

impl From<EnrollmentToken> for EnrollmentTokenInfo {
    fn from(token: EnrollmentToken) -> Self {
        let terms = token.standing.terms;
        Self {
            id: token.id,
            name: token.name,
            unit_id: token.unit_id,
            ownership: terms.ownership,
            platforms: terms.platforms,
            serials: terms.serials,
            max_uses: terms.max_uses,
            uses: token.standing.uses,
            expires_at: terms.expires_at,
            revoked_at: token.standing.revoked_at,
            created_at: token.created_at,
            created_by: token.created_by.into(),
        }
    }
}
