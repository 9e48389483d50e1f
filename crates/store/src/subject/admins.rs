//! Administrators, their passkeys, sessions and sign-in links.

use domain::{AdminId, PasskeyId, Timestamp};
use serde_json::Value as Json;

use crate::Result;

/// An administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Identity.
    pub id: AdminId,
    /// Name; unique.
    pub name: String,
    /// When added.
    pub created_at: Timestamp,
    /// When shut out.
    pub disabled_at: Option<Timestamp>,
}

/// A passkey.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPasskey {
    /// Identity.
    pub id: PasskeyId,
    /// Whose.
    pub admin_id: AdminId,
    /// The credential's own identifier; unique.
    pub credential_id: Vec<u8>,
    /// The credential as the WebAuthn library keeps it.
    pub credential: Json,
    /// Name as its owner sees it.
    pub name: String,
    /// When added.
    pub created_at: Timestamp,
    /// When last used.
    pub last_used_at: Option<Timestamp>,
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub hash: [u8; 32],
    /// Whose.
    pub admin_id: AdminId,
    /// When it began.
    pub created_at: Timestamp,
    /// When last used.
    pub last_seen_at: Timestamp,
    /// When it ends unless used.
    pub expires_at: Timestamp,
    /// When it ends in any case.
    pub absolute_expires_at: Timestamp,
    /// The browser.
    pub user_agent: Option<String>,
    /// The network address.
    pub address: Option<String>,
}

/// Administrators and passkeys.
pub trait Admins {
    /// Adds an administrator.
    ///
    /// # Errors
    /// [`crate::StoreError::Constraint`] when the name is taken.
    fn insert_admin(&mut self, admin: &Admin) -> impl Future<Output = Result<()>> + Send;
    /// One administrator.
    fn admin(&mut self, id: AdminId) -> impl Future<Output = Result<Option<Admin>>> + Send;
    /// By name.
    fn admin_by_name(&mut self, name: &str) -> impl Future<Output = Result<Option<Admin>>> + Send;
    /// All, by name.
    fn admins(&mut self) -> impl Future<Output = Result<Vec<Admin>>> + Send;
    /// Shuts out (and ends all sessions), or lets in again with `None`; false when unknown.
    fn set_admin_disabled(
        &mut self,
        id: AdminId,
        at: Option<Timestamp>,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Adds a passkey.
    fn insert_passkey(&mut self, passkey: &StoredPasskey) -> impl Future<Output = Result<()>> + Send;
    /// By the credential's own identifier.
    fn passkey_by_credential(
        &mut self,
        credential_id: &[u8],
    ) -> impl Future<Output = Result<Option<StoredPasskey>>> + Send;
    /// All of an administrator, oldest first.
    fn passkeys_of(&mut self, admin: AdminId) -> impl Future<Output = Result<Vec<StoredPasskey>>> + Send;
    /// Writes the credential after use (its counter) and when.
    fn passkey_used(
        &mut self,
        id: PasskeyId,
        credential: &Json,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes a passkey of an administrator; false when there is none.
    fn remove_passkey(&mut self, admin: AdminId, id: PasskeyId) -> impl Future<Output = Result<bool>> + Send;
}

/// Sessions and sign-in links.
pub trait Sessions {
    /// Begins a session.
    fn insert_session(&mut self, session: &Session) -> impl Future<Output = Result<()>> + Send;
    /// A session that has not ended, with its administrator unless disabled.
    fn session(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<(Session, Admin)>>> + Send;
    /// It was used: it now ends at `expires_at` unless used again.
    fn session_used(
        &mut self,
        hash: &[u8; 32],
        at: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// All sessions of an administrator that have not ended, newest first.
    fn sessions_of(&mut self, admin: AdminId, now: Timestamp)
    -> impl Future<Output = Result<Vec<Session>>> + Send;
    /// Ends a session; false when there was none.
    fn remove_session(&mut self, hash: &[u8; 32]) -> impl Future<Output = Result<bool>> + Send;
    /// Ends all sessions of an administrator; gives how many.
    fn remove_sessions_of(&mut self, admin: AdminId) -> impl Future<Output = Result<u64>> + Send;
    /// Keeps a sign-in link by the SHA-256 of its secret.
    fn insert_sign_in_link(
        &mut self,
        hash: &[u8; 32],
        admin: AdminId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Whose link it is, if it is unused and in time; does not use it.
    fn sign_in_link(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<AdminId>>> + Send;
    /// Uses a link if it is unused and in time; gives its administrator to exactly one caller.
    fn use_sign_in_link(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<AdminId>>> + Send;
    /// Removes sessions and links that ended before the time; gives how many.
    fn purge_sessions(&mut self, before: Timestamp) -> impl Future<Output = Result<u64>> + Send;
}
