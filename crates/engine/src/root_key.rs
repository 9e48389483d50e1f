//! Taking the root's private key offline, and bringing it back.
//!
//! The root signs the issuing CA and nothing else. Once its key is on paper or
//! in a safe, whoever breaks into this machine cannot make another issuing CA.

use domain::{
    Secret,
    scope::{Authority as Permission, Scope},
};
use pki::{Certificate, KeyPair, Signer as _};
use serde_json::json;
use store::Keys as _;

use crate::{
    Engine, EngineError, Result,
    authority::{Authority, ROOT, place},
    journal::About,
};

impl Engine {
    /// The root's private key, PKCS#8 PEM, to be written somewhere safe.
    ///
    /// # Errors
    /// [`EngineError::Denied`], and [`EngineError::Conflict`] when it is offline already.
    pub async fn root_key(&self, by: &Permission) -> Result<Secret<String>> {
        by.require(Scope::SettingsWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let stored = tx
                        .key(ROOT)
                        .await?
                        .filter(|stored| !stored.sealed.is_empty())
                        .ok_or_else(offline)?;
                    let pkcs8 = engine
                        .sealer
                        .open(&place(ROOT), &stored.sealed)
                        .map_err(EngineError::keys)?;
                    engine
                        .record(tx, "root_key.exported", &actor, About::NOTHING, json!({}))
                        .await?;
                    Ok(Secret::new(pki::pem::encode("PRIVATE KEY", pkcs8.expose())))
                })
            })
            .await
    }

    /// Removes the root's private key from the database; its certificate stays.
    ///
    /// Call this when [`Self::root_key`] is safely kept: nothing here brings it back.
    ///
    /// # Errors
    /// [`EngineError::Denied`], and [`EngineError::Conflict`] when it is offline already.
    pub async fn forget_root_key(&self, by: &Permission) -> Result<()> {
        by.require(Scope::SettingsWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let mut stored = tx
                        .key(ROOT)
                        .await?
                        .filter(|stored| !stored.sealed.is_empty())
                        .ok_or_else(offline)?;
                    stored.sealed.clear();
                    tx.put_key(&stored).await?;
                    engine
                        .record(
                            tx,
                            "root_key.taken_offline",
                            &actor,
                            About::NOTHING,
                            json!({}),
                        )
                        .await
                })
            })
            .await?;
        self.reload_authority().await
    }

    /// Brings the root's private key back, to make a new issuing CA.
    ///
    /// # Errors
    /// [`EngineError::Denied`], and [`EngineError::Invalid`] when it is not the root's key.
    pub async fn restore_root_key(&self, by: &Permission, pem: &Secret<String>) -> Result<()> {
        by.require(Scope::SettingsWrite)?;
        let key = KeyPair::from_pem(pem.expose())
            .map_err(|error| EngineError::invalid(format!("the key: {error}")))?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let mut stored = tx.key(ROOT).await?.ok_or(EngineError::NotFound("root"))?;
                    let certificate =
                        Certificate::from_der(&stored.public).map_err(EngineError::keys)?;
                    if certificate.spki() != key.spki() {
                        return Err(EngineError::invalid("this is not the root's key"));
                    }
                    stored.sealed = engine
                        .sealer
                        .seal(&place(ROOT), key.to_pkcs8().expose())
                        .map_err(EngineError::keys)?;
                    tx.put_key(&stored).await?;
                    engine
                        .record(
                            tx,
                            "root_key.brought_back",
                            &actor,
                            About::NOTHING,
                            json!({}),
                        )
                        .await
                })
            })
            .await?;
        self.reload_authority().await
    }

    async fn reload_authority(&self) -> Result<()> {
        let authority = Authority::reload(self).await?;
        self.authority.store(std::sync::Arc::new(authority));
        Ok(())
    }
}

fn offline() -> EngineError {
    EngineError::Conflict("the root's private key is offline already".into())
}
