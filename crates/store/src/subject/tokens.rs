//! Enrollment tokens.

use domain::{
    EnrollmentTokenId, Timestamp, UnitId,
    scope::Actor,
    token::{TokenStanding, TokenTerms},
};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, Value, values},
};

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
    fn insert_enrollment_token(
        &mut self,
        token: &EnrollmentToken,
    ) -> impl Future<Output = Result<()>> + Send;
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

macro_rules! token_columns {
    () => {
        "id, secret_hash, name, unit_id, ownership, platforms, serials, max_uses, expires_at, uses, revoked_at, \
         created_at, created_by"
    };
}

statements! {
    TOKEN_INSERT = "INSERT INTO enrollment_tokens (", token_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    TOKEN_GET = "SELECT ", token_columns!(), " FROM enrollment_tokens WHERE id = $1";
    TOKEN_BY_SECRET = "SELECT ", token_columns!(), " FROM enrollment_tokens WHERE secret_hash = $1";
    TOKEN_LIST = "SELECT ", token_columns!(), " FROM enrollment_tokens ORDER BY id DESC LIMIT $1";
    TOKEN_LIST_BEFORE = "SELECT ", token_columns!(), " FROM enrollment_tokens
        WHERE id < $2 ORDER BY id DESC LIMIT $1";
    TOKEN_CONSUME = "UPDATE enrollment_tokens SET uses = uses + 1
        WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 AND (max_uses IS NULL OR uses < max_uses)";
    TOKEN_REVOKE = "UPDATE enrollment_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
}

fn read_token(row: &mut Row) -> Result<EnrollmentToken> {
    Ok(EnrollmentToken {
        id: row.take()?,
        secret_hash: row.take()?,
        name: row.take()?,
        unit_id: row.take()?,
        standing: TokenStanding {
            terms: TokenTerms {
                ownership: row.take()?,
                platforms: row.json()?,
                serials: row.json()?,
                max_uses: row.take()?,
                expires_at: row.take()?,
            },
            uses: row.take()?,
            revoked_at: row.take()?,
        },
        created_at: row.take()?,
        created_by: row.json()?,
    })
}

impl EnrollmentTokens for Tx {
    async fn insert_enrollment_token(&mut self, token: &EnrollmentToken) -> Result<()> {
        let terms = &token.standing.terms;
        let values = values![
            token.id,
            &token.secret_hash,
            &token.name,
            token.unit_id,
            terms.ownership,
            Value::json(&terms.platforms)?,
            Value::json(&terms.serials)?,
            terms.max_uses,
            terms.expires_at,
            token.standing.uses,
            token.standing.revoked_at,
            token.created_at,
            Value::json(&token.created_by)?,
        ];
        self.execute(&TOKEN_INSERT, &values).await?;
        Ok(())
    }

    async fn enrollment_token(&mut self, id: EnrollmentTokenId) -> Result<Option<EnrollmentToken>> {
        self.find(&TOKEN_GET, &values![id], read_token).await
    }

    async fn enrollment_token_by_secret(
        &mut self,
        secret_hash: &[u8; 32],
    ) -> Result<Option<EnrollmentToken>> {
        self.find(&TOKEN_BY_SECRET, &values![secret_hash], read_token)
            .await
    }

    async fn enrollment_tokens(
        &mut self,
        before: Option<EnrollmentTokenId>,
        limit: u32,
    ) -> Result<Vec<EnrollmentToken>> {
        match before {
            None => self.all(&TOKEN_LIST, &values![limit], read_token).await,
            Some(before) => {
                self.all(&TOKEN_LIST_BEFORE, &values![limit, before], read_token)
                    .await
            }
        }
    }

    async fn consume_enrollment_token(
        &mut self,
        id: EnrollmentTokenId,
        now: Timestamp,
    ) -> Result<bool> {
        self.changes(&TOKEN_CONSUME, &values![id, now]).await
    }

    async fn revoke_enrollment_token(
        &mut self,
        id: EnrollmentTokenId,
        at: Timestamp,
    ) -> Result<bool> {
        self.changes(&TOKEN_REVOKE, &values![id, at]).await
    }
}
