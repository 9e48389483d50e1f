//! API tokens and idempotency keys.

use std::collections::BTreeSet;

use domain::{
    ApiTokenId, Timestamp,
    scope::{Actor, Scope},
};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, Value, values},
};

/// A bearer token of the admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Identity.
    pub id: ApiTokenId,
    /// Name as people see it.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// When last used, to the minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What is stored under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    /// The key is new and now reserved for this request.
    Reserved,
    /// The same request is being worked on, or was broken off.
    InProgress,
    /// The same request was answered so.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        response: Vec<u8>,
    },
    /// The key was used for another request.
    Mismatch,
}

/// API tokens.
pub trait ApiTokens {
    /// Adds a token.
    fn insert_api_token(&mut self, token: &ApiToken) -> impl Future<Output = Result<()>> + Send;
    /// One token.
    fn api_token(
        &mut self,
        id: ApiTokenId,
    ) -> impl Future<Output = Result<Option<ApiToken>>> + Send;
    /// By the token's hash, if it is neither revoked nor expired.
    fn api_token_by_hash(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<ApiToken>>> + Send;
    /// All, newest first.
    fn api_tokens(&mut self) -> impl Future<Output = Result<Vec<ApiToken>>> + Send;
    /// It was used.
    fn api_token_used(
        &mut self,
        id: ApiTokenId,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Revokes; false when unknown or already revoked.
    fn revoke_api_token(
        &mut self,
        id: ApiTokenId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Idempotency keys, each belonging to one actor (see [`super::actor_key`]).
pub trait IdempotencyKeys {
    /// Reserves a key for a request, or tells what became of it. Reserve, act and
    /// [`IdempotencyKeys::answer_idempotency_key`] in one transaction, and a repeated request acts once.
    fn reserve_idempotency_key(
        &mut self,
        actor: &str,
        key: &str,
        request_hash: &[u8; 32],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<Idempotency>> + Send;
    /// Stores the answer.
    fn answer_idempotency_key(
        &mut self,
        actor: &str,
        key: &str,
        status: u16,
        response: &[u8],
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes keys that expired before the time; gives how many.
    fn purge_idempotency_keys(
        &mut self,
        before: Timestamp,
    ) -> impl Future<Output = Result<u64>> + Send;
}

macro_rules! api_token_columns {
    () => {
        "id, name, hash, scopes, created_at, created_by, expires_at, last_used_at, revoked_at"
    };
}

statements! {
    API_TOKEN_INSERT = "INSERT INTO api_tokens (", api_token_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    API_TOKEN_GET = "SELECT ", api_token_columns!(), " FROM api_tokens WHERE id = $1";
    API_TOKEN_BY_HASH = "SELECT ", api_token_columns!(), " FROM api_tokens
        WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    API_TOKEN_LIST = "SELECT ", api_token_columns!(), " FROM api_tokens ORDER BY created_at DESC, id DESC";
    API_TOKEN_USED = "UPDATE api_tokens SET last_used_at = $2 WHERE id = $1";
    API_TOKEN_REVOKE = "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    IDEMPOTENCY_RESERVE = "INSERT INTO idempotency_keys (actor, key, request_hash, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (actor, key) DO UPDATE SET request_hash = excluded.request_hash, status = NULL, response = NULL,
            created_at = excluded.created_at, expires_at = excluded.expires_at
        WHERE idempotency_keys.expires_at <= $4";
    IDEMPOTENCY_GET = "SELECT request_hash, status, response FROM idempotency_keys WHERE actor = $1 AND key = $2";
    IDEMPOTENCY_ANSWER = "UPDATE idempotency_keys SET status = $3, response = $4 WHERE actor = $1 AND key = $2";
    IDEMPOTENCY_PURGE = "DELETE FROM idempotency_keys WHERE expires_at < $1";
}

fn read_api_token(row: &mut Row) -> Result<ApiToken> {
    Ok(ApiToken {
        id: row.take()?,
        name: row.take()?,
        hash: row.take()?,
        scopes: row.json()?,
        created_at: row.take()?,
        created_by: row.json()?,
        expires_at: row.take()?,
        last_used_at: row.take()?,
        revoked_at: row.take()?,
    })
}

impl ApiTokens for Tx {
    async fn insert_api_token(&mut self, token: &ApiToken) -> Result<()> {
        let values = values![
            token.id,
            &token.name,
            &token.hash,
            Value::json(&token.scopes)?,
            token.created_at,
            Value::json(&token.created_by)?,
            token.expires_at,
            token.last_used_at,
            token.revoked_at,
        ];
        self.execute(&API_TOKEN_INSERT, &values).await?;
        Ok(())
    }

    async fn api_token(&mut self, id: ApiTokenId) -> Result<Option<ApiToken>> {
        self.find(&API_TOKEN_GET, &values![id], read_api_token)
            .await
    }

    async fn api_token_by_hash(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<ApiToken>> {
        self.find(&API_TOKEN_BY_HASH, &values![hash, now], read_api_token)
            .await
    }

    async fn api_tokens(&mut self) -> Result<Vec<ApiToken>> {
        self.all(&API_TOKEN_LIST, &[], read_api_token).await
    }

    async fn api_token_used(&mut self, id: ApiTokenId, at: Timestamp) -> Result<()> {
        self.execute(&API_TOKEN_USED, &values![id, at]).await?;
        Ok(())
    }

    async fn revoke_api_token(&mut self, id: ApiTokenId, at: Timestamp) -> Result<bool> {
        self.changes(&API_TOKEN_REVOKE, &values![id, at]).await
    }
}

impl IdempotencyKeys for Tx {
    async fn reserve_idempotency_key(
        &mut self,
        actor: &str,
        key: &str,
        request_hash: &[u8; 32],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Idempotency> {
        let values = values![actor, key, request_hash, now, expires_at];
        if self.changes(&IDEMPOTENCY_RESERVE, &values).await? {
            return Ok(Idempotency::Reserved);
        }
        let known = self
            .find(&IDEMPOTENCY_GET, &values![actor, key], |row| {
                Ok((
                    row.take::<[u8; 32]>()?,
                    row.take::<Option<u16>>()?,
                    row.take::<Option<Vec<u8>>>()?,
                ))
            })
            .await?;
        Ok(match known {
            Some((hash, _, _)) if hash != *request_hash => Idempotency::Mismatch,
            Some((_, Some(status), response)) => Idempotency::Answered {
                status,
                response: response.unwrap_or_default(),
            },
            _ => Idempotency::InProgress,
        })
    }

    async fn answer_idempotency_key(
        &mut self,
        actor: &str,
        key: &str,
        status: u16,
        response: &[u8],
    ) -> Result<()> {
        self.execute(&IDEMPOTENCY_ANSWER, &values![actor, key, status, response])
            .await?;
        Ok(())
    }

    async fn purge_idempotency_keys(&mut self, before: Timestamp) -> Result<u64> {
        self.execute(&IDEMPOTENCY_PURGE, &values![before]).await
    }
}
