//! Sessions: a signed-in browser.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    AdminId, Secret, Timestamp,
    scope::{Authority, Scope},
};
use serde_json::json;
use store::{Admin, Session, Sessions as _};

use super::{administrator_scopes, hash_of_secret, person, refused};
use crate::{Engine, EngineError, Result, journal::About};

/// A session ends when it is not used for this long.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after this long in any case.
const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);
/// How exactly use is written down; a page that polls must not write each time.
const PRECISION: Duration = Duration::from_secs(60);
/// The longest name of a browser that is kept, in characters.
const LONGEST_USER_AGENT: usize = 300;

/// Where a sign-in comes from.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// What the browser says it is.
    pub user_agent: Option<String>,
    /// The network address.
    pub address: Option<String>,
    /// The cookie it still has. That session ends with the new sign-in.
    pub cookie: Option<Secret<String>>,
}

impl Browser {
    pub(super) fn previous_session(&self) -> Option<[u8; 32]> {
        hash_of_secret("", self.cookie.as_ref()?.expose())
    }
}

/// A session that just began.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The cookie's value; shown to nobody but the browser.
    pub cookie: Secret<String>,
    /// Who signed in.
    pub admin_id: AdminId,
    /// Their name.
    pub name: String,
    /// When it ends in any case.
    pub ends_at: Timestamp,
}

/// A signed-in person, proved by a cookie.
#[derive(Debug, Clone)]
pub struct SessionAuthority {
    /// Who, and what they may do.
    pub authority: Authority,
    /// Who.
    pub admin_id: AdminId,
    /// Their name.
    pub name: String,
    /// What every form of this session must send back.
    pub csrf: Secret<String>,
    /// When the session began.
    pub began_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// When it ends in any case.
    pub ends_at: Timestamp,
    hash: [u8; 32],
}

impl SessionAuthority {
    /// Whether a form came from this session's own pages. Takes the same time whatever is wrong.
    pub fn csrf_matches(&self, sent: &str) -> bool {
        pki::token::equal(self.csrf.expose().as_bytes(), sent.as_bytes())
    }
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Names it for [`Engine::end_session`]; worthless as a cookie.
    pub id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends in any case.
    pub ends_at: Timestamp,
    /// The browser.
    pub user_agent: Option<String>,
    /// The network address it began from.
    pub address: Option<String>,
}

impl Engine {
    /// Who holds this cookie. Using a session prolongs it, to the minute.
    ///
    /// # Errors
    /// [`EngineError::SignIn`] when the session is unknown or over, or its owner is shut out.
    pub async fn authenticate_session(
        &self,
        cookie: &str,
        address: Option<&str>,
    ) -> Result<SessionAuthority> {
        let hash = hash_of_secret("", cookie).ok_or_else(|| refused("session"))?;
        let now = self.now();
        let (mut session, admin) = self
            .db
            .read(move |tx| Box::pin(async move { tx.session(&hash, now).await }))
            .await
            .map_err(EngineError::Store)?
            .ok_or_else(|| refused("session"))?;
        if now.since(session.last_seen_at) >= PRECISION {
            session.expires_at = now.plus(IDLE).min(session.absolute_expires_at);
            self.prolong(hash, now, session.expires_at).await;
        }
        Ok(SessionAuthority {
            authority: Authority {
                actor: person(admin.id, &admin.name, address),
                scopes: administrator_scopes(),
            },
            admin_id: admin.id,
            name: admin.name,
            csrf: csrf_of(cookie),
            began_at: session.created_at,
            expires_at: session.expires_at,
            ends_at: session.absolute_expires_at,
            hash,
        })
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn sign_out(&self, session: &SessionAuthority) -> Result<()> {
        self.remove_session(session, session.hash).await.map(drop)
    }

    /// The sessions of the person who asks, newest first.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn sessions(&self, session: &SessionAuthority) -> Result<Vec<SessionInfo>> {
        let (admin, now) = (session.admin_id, self.now());
        let rows = self
            .db
            .read(move |tx| Box::pin(async move { tx.sessions_of(admin, now).await }))
            .await
            .map_err(EngineError::Store)?;
        Ok(rows
            .into_iter()
            .map(|row| SessionInfo {
                id: hex::encode(row.hash),
                current: row.hash == session.hash,
                began_at: row.created_at,
                last_used_at: row.last_seen_at,
                ends_at: row.absolute_expires_at,
                user_agent: row.user_agent,
                address: row.address,
            })
            .collect())
    }

    /// Ends a session of the person who asks.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when it is not one of theirs or is over.
    pub async fn end_session(&self, session: &SessionAuthority, id: &str) -> Result<()> {
        let hash = hex::decode(id)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or(EngineError::NotFound("session"))?;
        if self.remove_session(session, hash).await? {
            Ok(())
        } else {
            Err(EngineError::NotFound("session"))
        }
    }

    /// Ends every session of an administrator; gives how many.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `settings:write`.
    pub async fn end_sessions_of(&self, by: &Authority, admin: AdminId) -> Result<u64> {
        by.require(Scope::SettingsWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let ended = tx.remove_sessions_of(admin).await?;
                    if ended > 0 {
                        let data = json!({"sessions": ended});
                        engine
                            .record(tx, "session.ended", &actor, About::subject(admin), data)
                            .await?;
                    }
                    Ok::<_, EngineError>(ended)
                })
            })
            .await
    }

    pub(super) fn new_session(&self, admin: &Admin, browser: &Browser) -> (NewSession, Session) {
        let cookie = self.new_secret("");
        let now = self.now();
        let ends_at = now.plus(ABSOLUTE);
        let row = Session {
            hash: crate::sha256(cookie.expose().as_bytes()),
            admin_id: admin.id,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(IDLE),
            absolute_expires_at: ends_at,
            user_agent: browser
                .user_agent
                .as_deref()
                .map(|text| text.chars().take(LONGEST_USER_AGENT).collect()),
            address: browser.address.clone(),
        };
        let session = NewSession {
            cookie,
            admin_id: admin.id,
            name: admin.name.clone(),
            ends_at,
        };
        (session, row)
    }

    /// A session that cannot be prolonged just now is still a session.
    async fn prolong(&self, hash: [u8; 32], now: Timestamp, expires_at: Timestamp) {
        let written = self
            .db
            .write(move |tx| Box::pin(async move { tx.session_used(&hash, now, expires_at).await }))
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "the use of a session was not written down");
        }
    }

    /// Removes a session if it belongs to the person who asks.
    async fn remove_session(&self, session: &SessionAuthority, hash: [u8; 32]) -> Result<bool> {
        let engine = self.clone();
        let actor = session.authority.actor.clone();
        let admin = session.admin_id;
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let now = engine.now();
                    let theirs = tx
                        .sessions_of(admin, now)
                        .await?
                        .iter()
                        .any(|row| row.hash == hash);
                    if !theirs || !tx.remove_session(&hash).await? {
                        return Ok::<_, EngineError>(false);
                    }
                    let data = json!({"sessions": 1});
                    engine
                        .record(tx, "session.ended", &actor, About::subject(admin), data)
                        .await?;
                    Ok(true)
                })
            })
            .await
    }
}

/// The forms' secret, derived from the cookie, which only the browser and the server know.
fn csrf_of(cookie: &str) -> Secret<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes());
    let tag = hmac::sign(&key, b"muster csrf 1");
    Secret::new(URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_secret_is_stable_and_differs_between_sessions() {
        let one = csrf_of("one");
        assert_eq!(one, csrf_of("one"));
        assert_ne!(one, csrf_of("two"));
        assert!(!one.expose().contains("one"));
    }
}
