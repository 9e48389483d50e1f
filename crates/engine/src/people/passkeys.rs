//! Passkeys (WebAuthn): how people sign in. User verification is always required.

use std::sync::Arc;

use domain::{AdminId, PasskeyId, Timestamp};
use serde_json::{Value as Json, json};
use store::{Admins as _, ConstraintKind, StoreError, StoredPasskey};
use url::Url;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnBuilder,
};

use super::{
    Browser, NewSession, SessionAuthority, ceremony,
    ceremony::{Ceremony, Purpose},
    name_of, refused,
};
use crate::{Engine, EngineError, Result, journal::About};

/// The most passkeys of one administrator.
const MOST_PASSKEYS: usize = 20;

/// The passkey ceremonies of a console at one address. Cheap to clone.
#[derive(Clone)]
pub struct Passkeys {
    engine: Engine,
    webauthn: Arc<Webauthn>,
}

impl std::fmt::Debug for Passkeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passkeys").finish_non_exhaustive()
    }
}

/// A passkey as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyInfo {
    /// Identity.
    pub id: PasskeyId,
    /// The name its owner gave it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl From<StoredPasskey> for PasskeyInfo {
    fn from(stored: StoredPasskey) -> Self {
        Self {
            id: stored.id,
            name: stored.name,
            created_at: stored.created_at,
            last_used_at: stored.last_used_at,
        }
    }
}

impl Engine {
    /// The passkey ceremonies of a console at this address. Passkeys are bound to its host name.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when browsers would refuse passkeys there: the address is not
    /// `https`, or its host is an IP address (`localhost` is allowed, also without TLS).
    pub fn passkeys(&self, console_url: &str) -> Result<Passkeys> {
        let webauthn = webauthn_at(console_url, &self.settings.organization)?;
        Ok(Passkeys {
            engine: self.clone(),
            webauthn: Arc::new(webauthn),
        })
    }

    /// The passkeys of the person who asks, oldest first.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn passkeys_of(&self, session: &SessionAuthority) -> Result<Vec<PasskeyInfo>> {
        let stored = self.stored_passkeys(session.admin_id).await?;
        Ok(stored.into_iter().map(Into::into).collect())
    }

    /// Removes a passkey of the person who asks.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when it is not one of theirs.
    pub async fn remove_passkey(&self, session: &SessionAuthority, id: PasskeyId) -> Result<()> {
        let engine = self.clone();
        let (admin, actor) = (session.admin_id, session.authority.actor.clone());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.remove_passkey(admin, id).await? {
                        return Err(EngineError::NotFound("passkey"));
                    }
                    engine
                        .record(tx, "passkey.removed", &actor, About::subject(id), json!({}))
                        .await
                })
            })
            .await
    }

    async fn stored_passkeys(&self, admin: AdminId) -> Result<Vec<StoredPasskey>> {
        self.db
            .read(move |tx| Box::pin(async move { tx.passkeys_of(admin).await }))
            .await
            .map_err(EngineError::Store)
    }
}

impl Passkeys {
    /// Begins to add a passkey to the person who is signed in.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] when they have as many as allowed.
    pub async fn start_registration(&self, session: &SessionAuthority) -> Result<Ceremony> {
        let stored = self.engine.stored_passkeys(session.admin_id).await?;
        if stored.len() >= MOST_PASSKEYS {
            return Err(EngineError::Conflict(format!(
                "remove a passkey first: {MOST_PASSKEYS} are allowed"
            )));
        }
        let known = stored
            .into_iter()
            .map(|passkey| passkey.credential_id)
            .collect();
        let (challenge, state) = self
            .webauthn
            .start_passkey_registration(
                session.admin_id.uuid(),
                &session.name,
                &session.name,
                Some(known),
            )
            .map_err(EngineError::keys)?;
        let mut options = json!({"publicKey": challenge.public_key});
        // People sign in without typing a name, so the authenticator has to know whose key it is.
        let selection = &mut options["publicKey"]["authenticatorSelection"];
        selection["residentKey"] = json!("required");
        selection["requireResidentKey"] = json!(true);
        Ok(Ceremony {
            options,
            state: self.engine.seal_ceremony(
                Purpose::Registration,
                Some(session.admin_id),
                &state,
            )?,
        })
    }

    /// Adds the passkey that the browser made.
    ///
    /// # Errors
    /// [`EngineError::SignIn`] when the answer does not belong to a ceremony that this person began
    /// within five minutes; [`EngineError::Conflict`] when the passkey is registered already.
    pub async fn finish_registration(
        &self,
        session: &SessionAuthority,
        state: &str,
        name: &str,
        answer: Json,
    ) -> Result<PasskeyInfo> {
        let name = name_of("a passkey", name)?;
        let ceremony = self
            .engine
            .open_ceremony::<PasskeyRegistration>(Purpose::Registration, state)?;
        if ceremony.admin != Some(session.admin_id) {
            return Err(refused("passkey"));
        }
        let answer: RegisterPublicKeyCredential =
            serde_json::from_value(answer).map_err(|_| refused("passkey"))?;
        let passkey = self
            .webauthn
            .finish_passkey_registration(&answer, &ceremony.state)
            .map_err(|error| reject(&error))?;
        let now = self.engine.now();
        let stored = StoredPasskey {
            id: PasskeyId::new(now, self.engine.random()),
            admin_id: session.admin_id,
            credential_id: passkey.cred_id().to_vec(),
            credential: serde_json::to_value(&passkey).map_err(EngineError::keys)?,
            name,
            created_at: now,
            last_used_at: None,
        };
        let engine = self.engine.clone();
        let actor = session.authority.actor.clone();
        self.engine
            .db
            .write(move |tx| {
                Box::pin(async move {
                    engine.finish_ceremony(tx, &ceremony).await?;
                    tx.insert_passkey(&stored).await?;
                    let data = json!({"name": stored.name});
                    engine
                        .record(tx, "passkey.added", &actor, About::subject(stored.id), data)
                        .await?;
                    Ok(stored.into())
                })
            })
            .await
            .map_err(|error| match error {
                EngineError::Store(StoreError::Constraint {
                    kind: ConstraintKind::Unique,
                    ..
                }) => EngineError::Conflict("this passkey is registered already".into()),
                other => other,
            })
    }

    /// Begins a sign-in. Nobody is named: the authenticator says whose passkey it holds.
    ///
    /// # Errors
    /// When the ceremony cannot be sealed.
    pub fn start_sign_in(&self) -> Result<Ceremony> {
        let (challenge, state) = self
            .webauthn
            .start_discoverable_authentication()
            .map_err(EngineError::keys)?;
        Ok(Ceremony {
            options: json!({"publicKey": challenge.public_key}),
            state: self.engine.seal_ceremony(Purpose::SignIn, None, &state)?,
        })
    }

    /// Signs in with the answer of the browser.
    ///
    /// # Errors
    /// [`EngineError::SignIn`], whatever was wrong.
    pub async fn finish_sign_in(
        &self,
        state: &str,
        answer: Json,
        browser: Browser,
    ) -> Result<NewSession> {
        let ceremony = self
            .engine
            .open_ceremony::<DiscoverableAuthentication>(Purpose::SignIn, state)?;
        let answer: PublicKeyCredential =
            serde_json::from_value(answer).map_err(|_| refused("passkey"))?;
        let (user, credential) = self
            .webauthn
            .identify_discoverable_authentication(&answer)
            .map_err(|error| reject(&error))?;
        let stored = self
            .stored_by_credential(credential.to_vec())
            .await?
            .filter(|stored| stored.admin_id.uuid() == user)
            .ok_or_else(|| refused("passkey"))?;
        let mut passkey: Passkey =
            serde_json::from_value(stored.credential).map_err(EngineError::keys)?;
        let key = DiscoverableKey::from(&passkey);
        let result = self
            .webauthn
            .finish_discoverable_authentication_v2(&answer, ceremony.state.clone(), &key)
            .map_err(|error| reject(&error))?;
        passkey.update_credential(&result);
        let credential = serde_json::to_value(&passkey).map_err(EngineError::keys)?;
        let engine = self.engine.clone();
        let (admin, id) = (stored.admin_id, stored.id);
        self.engine
            .db
            .write(move |tx| {
                Box::pin(async move {
                    engine.finish_ceremony(tx, &ceremony).await?;
                    tx.passkey_used(id, &credential, engine.now()).await?;
                    let admin = tx.admin(admin).await?.ok_or_else(|| refused("passkey"))?;
                    engine.begin_session(tx, admin, browser, "passkey").await
                })
            })
            .await
    }

    async fn stored_by_credential(&self, credential: Vec<u8>) -> Result<Option<StoredPasskey>> {
        self.engine
            .db
            .read(move |tx| Box::pin(async move { tx.passkey_by_credential(&credential).await }))
            .await
            .map_err(EngineError::Store)
    }
}

fn webauthn_at(console_url: &str, organization: &str) -> Result<Webauthn> {
    let unfit = |why: &str| {
        EngineError::invalid(format!(
            "passkeys do not work at {console_url}: {why}; set the console's address to https and a host name"
        ))
    };
    let origin = Url::parse(console_url).map_err(|error| unfit(&error.to_string()))?;
    let Some(url::Host::Domain(host)) = origin.host() else {
        return Err(unfit("its host is not a name"));
    };
    if origin.scheme() != "https" && host != "localhost" {
        return Err(unfit("it is not https"));
    }
    WebauthnBuilder::new(host, &origin)
        .and_then(|builder| {
            builder
                .rp_name(organization)
                .timeout(ceremony::LIFETIME)
                .build()
        })
        .map_err(|error| unfit(&error.to_string()))
}

/// What was wrong is for the log of the operator, not for the browser.
fn reject(error: &webauthn_rs::prelude::WebauthnError) -> EngineError {
    tracing::info!(%error, "a passkey was refused");
    refused("passkey")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_where_browsers_refuse_passkeys_are_refused_at_the_start() {
        for fit in [
            "https://mdm.example.org",
            "https://mdm.example.org:8443/",
            "http://localhost:8080",
        ] {
            assert!(webauthn_at(fit, "Example").is_ok(), "{fit}");
        }
        for unfit in [
            "http://mdm.example.org",
            "https://192.0.2.1",
            "https://[::1]:1",
            "mdm",
            "file:///x",
        ] {
            assert!(webauthn_at(unfit, "Example").is_err(), "{unfit}");
        }
    }
}
