//! Enrollment tokens.

use domain::{EnrollmentTokenId, Timestamp, UnitId, scope::Actor, token::TokenStanding};

use crate::Result;

/// A secret that lets devices enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentToken {
    /// Identity.
    pub id: EnrollmentTokenId,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Name as people see it.
    pub name: String,
    /// The unit its devices join.
    pub unit_id: Option<UnitId>,
    /// What it permits, and its life so far.
    pub standing: TokenStanding,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
}

/// Enrollment tokens.
pub trait EnrollmentTokens {
    /// Adds a token.
    fn insert_enrollment_token(&mut self, token: &EnrollmentToken) -> impl Future<Output = Result<()>> + Send;
    /// One token.
    fn enrollment_token(
        &mut self,
        id: EnrollmentTokenId,
    ) -> impl Future<Output = Result<Option<EnrollmentToken>>> + Send;
    /// By the hash of its secret.
    fn enrollment_token_by_secret(
        &mut self,
        secret_hash: &[u8; 32],
    ) -> impl Future<Output = Result<Option<EnrollmentToken>>> + Send;
    /// All, newest first, at most `limit`, older than the cursor.
    fn enrollment_tokens(
        &mut self,
        before: Option<EnrollmentTokenId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<EnrollmentToken>>> + Send;
    /// Counts one use if the token is neither revoked, expired nor used up at this moment; false otherwise.
    fn consume_enrollment_token(
        &mut self,
        id: EnrollmentTokenId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Revokes; false when unknown or already revoked.
    fn revoke_enrollment_token(
        &mut self,
        id: EnrollmentTokenId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
}
