//! API tokens: how programs prove who they are.

use std::{collections::BTreeSet, time::Duration};

use domain::{
    ApiTokenId, Secret, Timestamp,
    scope::{Actor, ActorKind, Authority, Denied, Scope},
};
use serde_json::json;
use store::{ApiToken, ApiTokens as _};

use super::{hash_of_secret, name_of, refused};
use crate::{Engine, EngineError, Result, journal::About};

/// What every API token begins with, so that secret scanners find a leaked one.
pub const API_TOKEN_PREFIX: &str = "muster_";
/// The longest life of a token.
const LONGEST_LIFE: Duration = Duration::from_secs(3 * 366 * 24 * 3600);
/// How exactly the last use is written down.
const PRECISION: Duration = Duration::from_secs(60);

/// A token that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiToken {
    /// Name as people see it.
    pub name: String,
    /// What it shall be able to do.
    pub scopes: BTreeSet<Scope>,
    /// Until when it works; at most three years from now.
    pub expires_at: Timestamp,
}

/// A token that was just made.
#[derive(Debug, Clone)]
pub struct CreatedApiToken {
    /// What is kept of it.
    pub token: ApiToken,
    /// The token itself; this is the only time anybody sees it.
    pub secret: Secret<String>,
}

impl Engine {
    /// Makes an API token.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `tokens:write`, or with the first scope that the new token
    /// would have and its maker lacks; [`EngineError::Invalid`] for an unfit name, no scope at all,
    /// or an expiry that has passed or is too far away.
    pub async fn create_api_token(
        &self,
        by: &Authority,
        wanted: NewApiToken,
    ) -> Result<CreatedApiToken> {
        by.require(Scope::TokensWrite)?;
        if let Some(missing) = wanted.scopes.difference(&by.scopes).next() {
            return Err(Denied(*missing).into());
        }
        let now = self.now();
        if wanted.scopes.is_empty() {
            return Err(EngineError::invalid("a token needs at least one scope"));
        }
        if wanted.expires_at <= now || wanted.expires_at > now.plus(LONGEST_LIFE) {
            return Err(EngineError::invalid(
                "a token expires in the future, within three years",
            ));
        }
        let secret = self.new_secret(API_TOKEN_PREFIX);
        let token = ApiToken {
            id: ApiTokenId::new(now, self.random()),
            name: name_of("a token", &wanted.name)?,
            hash: crate::sha256(secret.expose().as_bytes()),
            scopes: wanted.scopes,
            created_at: now,
            created_by: by.actor.clone(),
            expires_at: Some(wanted.expires_at),
            last_used_at: None,
            revoked_at: None,
        };
        let engine = self.clone();
        let actor = by.actor.clone();
        let token = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_api_token(&token).await?;
                    let data = json!({
                        "name": token.name,
                        "scopes": token.scopes,
                        "expires_at": token.expires_at,
                    });
                    engine
                        .record(
                            tx,
                            "api_token.created",
                            &actor,
                            About::subject(token.id),
                            data,
                        )
                        .await?;
                    Ok::<_, EngineError>(token)
                })
            })
            .await?;
        Ok(CreatedApiToken { token, secret })
    }

    /// All API tokens, newest first.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `tokens:write`.
    pub async fn api_tokens(&self, by: &Authority) -> Result<Vec<ApiToken>> {
        by.require(Scope::TokensWrite)?;
        self.db
            .read(|tx| Box::pin(async move { tx.api_tokens().await }))
            .await
            .map_err(EngineError::Store)
    }

    /// Revokes an API token; from now on it is refused everywhere.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `tokens:write`, [`EngineError::NotFound`] when there is no
    /// such token or it is revoked already.
    pub async fn revoke_api_token(&self, by: &Authority, id: ApiTokenId) -> Result<()> {
        by.require(Scope::TokensWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.revoke_api_token(id, engine.now()).await? {
                        return Err(EngineError::NotFound("API token"));
                    }
                    engine
                        .record(
                            tx,
                            "api_token.revoked",
                            &actor,
                            About::subject(id),
                            json!({}),
                        )
                        .await
                })
            })
            .await
    }

    /// Who holds this bearer token. A revoked token is refused at once, on every node: nothing is
    /// remembered of it. The last use is written down to the minute.
    ///
    /// # Errors
    /// [`EngineError::SignIn`] when it is unknown, revoked or expired.
    pub async fn authenticate_bearer(
        &self,
        token: &str,
        address: Option<&str>,
    ) -> Result<Authority> {
        let hash = hash_of_secret(API_TOKEN_PREFIX, token).ok_or_else(|| refused("token"))?;
        let now = self.now();
        let token = self
            .db
            .read(move |tx| Box::pin(async move { tx.api_token_by_hash(&hash, now).await }))
            .await
            .map_err(EngineError::Store)?
            .ok_or_else(|| refused("token"))?;
        let due = token
            .last_used_at
            .is_none_or(|last| now.since(last) >= PRECISION);
        if due {
            self.note_use(token.id, now).await;
        }
        Ok(Authority {
            actor: Actor::new(ActorKind::Token, token.id, token.name)
                .at(address.unwrap_or_default()),
            scopes: token.scopes,
        })
    }

    /// A use that cannot be written down just now is still allowed.
    async fn note_use(&self, id: ApiTokenId, now: Timestamp) {
        let written = self
            .db
            .write(move |tx| Box::pin(async move { tx.api_token_used(id, now).await }))
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "the use of an API token was not written down");
        }
    }
}
