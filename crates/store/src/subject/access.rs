//! API tokens and idempotency keys.

use std::collections::BTreeSet;

use domain::{
    ApiTokenId, Timestamp,
    scope::{Actor, Scope},
};

use crate::Result;

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
    fn api_token(&mut self, id: ApiTokenId) -> impl Future<Output = Result<Option<ApiToken>>> + Send;
    /// By the token's hash, if it is neither revoked nor expired.
    fn api_token_by_hash(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<ApiToken>>> + Send;
    /// All, newest first.
    fn api_tokens(&mut self) -> impl Future<Output = Result<Vec<ApiToken>>> + Send;
    /// It was used.
    fn api_token_used(&mut self, id: ApiTokenId, at: Timestamp) -> impl Future<Output = Result<()>> + Send;
    /// Revokes; false when unknown or already revoked.
    fn revoke_api_token(&mut self, id: ApiTokenId, at: Timestamp) -> impl Future<Output = Result<bool>> + Send;
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
    fn purge_idempotency_keys(&mut self, before: Timestamp) -> impl Future<Output = Result<u64>> + Send;
}
