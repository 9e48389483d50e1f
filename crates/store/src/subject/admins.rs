//! Administrators, their passkeys, sessions and sign-in links.

use domain::{AdminId, PasskeyId, Timestamp};
use serde_json::Value as Json;

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

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
    fn insert_passkey(
        &mut self,
        passkey: &StoredPasskey,
    ) -> impl Future<Output = Result<()>> + Send;
    /// By the credential's own identifier.
    fn passkey_by_credential(
        &mut self,
        credential_id: &[u8],
    ) -> impl Future<Output = Result<Option<StoredPasskey>>> + Send;
    /// All of an administrator, oldest first.
    fn passkeys_of(
        &mut self,
        admin: AdminId,
    ) -> impl Future<Output = Result<Vec<StoredPasskey>>> + Send;
    /// Writes the credential after use (its counter) and when.
    fn passkey_used(
        &mut self,
        id: PasskeyId,
        credential: &Json,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes a passkey of an administrator; false when there is none.
    fn remove_passkey(
        &mut self,
        admin: AdminId,
        id: PasskeyId,
    ) -> impl Future<Output = Result<bool>> + Send;
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
    fn sessions_of(
        &mut self,
        admin: AdminId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Session>>> + Send;
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

macro_rules! passkey_columns {
    () => {
        "id, admin_id, credential_id, credential, name, created_at, last_used_at"
    };
}
macro_rules! session_columns {
    () => {
        "s.hash, s.admin_id, s.created_at, s.last_seen_at, s.expires_at, s.absolute_expires_at, s.user_agent, s.address"
    };
}

statements! {
    ADMIN_INSERT = "INSERT INTO admins (id, name, created_at, disabled_at) VALUES ($1, $2, $3, $4)";
    ADMIN_GET = "SELECT id, name, created_at, disabled_at FROM admins WHERE id = $1";
    ADMIN_BY_NAME = "SELECT id, name, created_at, disabled_at FROM admins WHERE name = $1";
    ADMIN_LIST = "SELECT id, name, created_at, disabled_at FROM admins ORDER BY name";
    ADMIN_DISABLE = "UPDATE admins SET disabled_at = $2 WHERE id = $1";
    PASSKEY_INSERT = "INSERT INTO passkeys (", passkey_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)";
    PASSKEY_BY_CREDENTIAL = "SELECT ", passkey_columns!(), " FROM passkeys WHERE credential_id = $1";
    PASSKEY_OF_ADMIN = "SELECT ", passkey_columns!(), " FROM passkeys WHERE admin_id = $1 ORDER BY created_at, id";
    PASSKEY_USED = "UPDATE passkeys SET credential = $2, last_used_at = $3 WHERE id = $1";
    PASSKEY_REMOVE = "DELETE FROM passkeys WHERE admin_id = $1 AND id = $2";
    SESSION_INSERT = "INSERT INTO sessions (hash, admin_id, created_at, last_seen_at, expires_at,
            absolute_expires_at, user_agent, address)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SESSION_GET = "SELECT ", session_columns!(), ", a.id, a.name, a.created_at, a.disabled_at
        FROM sessions s JOIN admins a ON a.id = s.admin_id
        WHERE s.hash = $1 AND s.expires_at > $2 AND s.absolute_expires_at > $2 AND a.disabled_at IS NULL";
    SESSION_USED = "UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE hash = $1";
    SESSION_OF_ADMIN = "SELECT ", session_columns!(), " FROM sessions s
        WHERE s.admin_id = $1 AND s.expires_at > $2 AND s.absolute_expires_at > $2 ORDER BY s.created_at DESC, s.hash";
    SESSION_REMOVE = "DELETE FROM sessions WHERE hash = $1";
    SESSION_REMOVE_OF_ADMIN = "DELETE FROM sessions WHERE admin_id = $1";
    SESSION_PURGE = "DELETE FROM sessions WHERE expires_at < $1 OR absolute_expires_at < $1";
    LINK_INSERT = "INSERT INTO sign_in_links (hash, admin_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    LINK_GET = "SELECT admin_id FROM sign_in_links WHERE hash = $1 AND used_at IS NULL AND expires_at > $2";
    LINK_USE = "UPDATE sign_in_links SET used_at = $2
        WHERE hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING admin_id";
    LINK_PURGE = "DELETE FROM sign_in_links WHERE expires_at < $1";
}

fn read_admin(row: &mut Row) -> Result<Admin> {
    Ok(Admin {
        id: row.take()?,
        name: row.take()?,
        created_at: row.take()?,
        disabled_at: row.take()?,
    })
}

fn read_passkey(row: &mut Row) -> Result<StoredPasskey> {
    Ok(StoredPasskey {
        id: row.take()?,
        admin_id: row.take()?,
        credential_id: row.take()?,
        credential: row.json()?,
        name: row.take()?,
        created_at: row.take()?,
        last_used_at: row.take()?,
    })
}

fn read_session(row: &mut Row) -> Result<Session> {
    Ok(Session {
        hash: row.take()?,
        admin_id: row.take()?,
        created_at: row.take()?,
        last_seen_at: row.take()?,
        expires_at: row.take()?,
        absolute_expires_at: row.take()?,
        user_agent: row.take()?,
        address: row.take()?,
    })
}

impl Admins for Tx {
    async fn insert_admin(&mut self, admin: &Admin) -> Result<()> {
        self.execute(
            &ADMIN_INSERT,
            &values![admin.id, &admin.name, admin.created_at, admin.disabled_at],
        )
        .await?;
        Ok(())
    }

    async fn admin(&mut self, id: AdminId) -> Result<Option<Admin>> {
        self.find(&ADMIN_GET, &values![id], read_admin).await
    }

    async fn admin_by_name(&mut self, name: &str) -> Result<Option<Admin>> {
        self.find(&ADMIN_BY_NAME, &values![name], read_admin).await
    }

    async fn admins(&mut self) -> Result<Vec<Admin>> {
        self.all(&ADMIN_LIST, &[], read_admin).await
    }

    async fn set_admin_disabled(&mut self, id: AdminId, at: Option<Timestamp>) -> Result<bool> {
        if at.is_some() {
            self.remove_sessions_of(id).await?;
        }
        self.changes(&ADMIN_DISABLE, &values![id, at]).await
    }

    async fn insert_passkey(&mut self, passkey: &StoredPasskey) -> Result<()> {
        let values = values![
            passkey.id,
            passkey.admin_id,
            &passkey.credential_id,
            &passkey.credential,
            &passkey.name,
            passkey.created_at,
            passkey.last_used_at,
        ];
        self.execute(&PASSKEY_INSERT, &values).await?;
        Ok(())
    }

    async fn passkey_by_credential(
        &mut self,
        credential_id: &[u8],
    ) -> Result<Option<StoredPasskey>> {
        self.find(
            &PASSKEY_BY_CREDENTIAL,
            &values![credential_id],
            read_passkey,
        )
        .await
    }

    async fn passkeys_of(&mut self, admin: AdminId) -> Result<Vec<StoredPasskey>> {
        self.all(&PASSKEY_OF_ADMIN, &values![admin], read_passkey)
            .await
    }

    async fn passkey_used(
        &mut self,
        id: PasskeyId,
        credential: &Json,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(&PASSKEY_USED, &values![id, credential, at])
            .await?;
        Ok(())
    }

    async fn remove_passkey(&mut self, admin: AdminId, id: PasskeyId) -> Result<bool> {
        self.changes(&PASSKEY_REMOVE, &values![admin, id]).await
    }
}

impl Sessions for Tx {
    async fn insert_session(&mut self, session: &Session) -> Result<()> {
        let s = session;
        let values = values![
            &s.hash,
            s.admin_id,
            s.created_at,
            s.last_seen_at,
            s.expires_at,
            s.absolute_expires_at,
            s.user_agent.as_deref(),
            s.address.as_deref(),
        ];
        self.execute(&SESSION_INSERT, &values).await?;
        Ok(())
    }

    async fn session(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(Session, Admin)>> {
        self.find(&SESSION_GET, &values![hash, now], |row| {
            Ok((read_session(row)?, read_admin(row)?))
        })
        .await
    }

    async fn session_used(
        &mut self,
        hash: &[u8; 32],
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.execute(&SESSION_USED, &values![hash, at, expires_at])
            .await?;
        Ok(())
    }

    async fn sessions_of(&mut self, admin: AdminId, now: Timestamp) -> Result<Vec<Session>> {
        self.all(&SESSION_OF_ADMIN, &values![admin, now], read_session)
            .await
    }

    async fn remove_session(&mut self, hash: &[u8; 32]) -> Result<bool> {
        self.changes(&SESSION_REMOVE, &values![hash]).await
    }

    async fn remove_sessions_of(&mut self, admin: AdminId) -> Result<u64> {
        self.execute(&SESSION_REMOVE_OF_ADMIN, &values![admin])
            .await
    }

    async fn insert_sign_in_link(
        &mut self,
        hash: &[u8; 32],
        admin: AdminId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.execute(&LINK_INSERT, &values![hash, admin, now, expires_at])
            .await?;
        Ok(())
    }

    async fn sign_in_link(&mut self, hash: &[u8; 32], now: Timestamp) -> Result<Option<AdminId>> {
        self.find(&LINK_GET, &values![hash, now], Row::take).await
    }

    async fn use_sign_in_link(
        &mut self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<AdminId>> {
        self.find(&LINK_USE, &values![hash, now], Row::take).await
    }

    async fn purge_sessions(&mut self, before: Timestamp) -> Result<u64> {
        let sessions = self.execute(&SESSION_PURGE, &values![before]).await?;
        let links = self.execute(&LINK_PURGE, &values![before]).await?;
        Ok(sessions + links)
    }
}
