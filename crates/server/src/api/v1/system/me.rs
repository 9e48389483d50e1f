//! `GET /me`

use std::collections::BTreeSet;

use domain::scope::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        extract::Json,
        wire::{ActorInfo, ScopeWord},
    },
    auth::By,
};

/// Who calls, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    actor: ActorInfo,
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: BTreeSet<Scope>,
}

/// Whom the token belongs to, and what it may do. Needs no scope.
#[utoipa::path(
    get, path = "/me", operation_id = "whoAmI", tag = "system",
    responses((status = 200, description = "The caller", body = Me)),
)]
pub(crate) async fn me(By(by): By) -> Json<Me> {
    Json(Me {
        actor: by.actor.into(),
        scopes: by.scopes,
    })
}
