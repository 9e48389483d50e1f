//! API tokens, as the API shows them.

mod create;
mod list;
mod revoke;

use std::collections::BTreeSet;

use domain::{ApiTokenId, Timestamp, scope::Scope};
use serde::Serialize;
use store::ApiToken;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::wire::{ActorInfo, ScopeWord, Time},
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(revoke::revoke))
}

/// A token of this API. The token itself is shown once, when it is made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(crate) struct ApiTokenInfo {
    #[schema(value_type = Uuid)]
    id: ApiTokenId,
    #[schema(example = "Inventory export")]
    name: String,
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: BTreeSet<Scope>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    created_by: ActorInfo,
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
    /// When last used, to the minute or so.
    #[schema(value_type = Option<Time>)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<Time>)]
    revoked_at: Option<Timestamp>,
}

impl From<ApiToken> for ApiTokenInfo {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            created_at: token.created_at,
            created_by: token.created_by.into(),
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}
