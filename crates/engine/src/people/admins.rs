//! Administrators.

use domain::{
    AdminId,
    scope::{Authority, Scope},
};
use serde_json::json;
use store::{Admin, Admins as _, ConstraintKind, StoreError};

use super::name_of;
use crate::{Engine, EngineError, Result, journal::About};

impl Engine {
    /// All administrators, by name.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `settings:write`, or when the database cannot serve.
    pub async fn admins(&self, by: &Authority) -> Result<Vec<Admin>> {
        by.require(Scope::SettingsWrite)?;
        self.db
            .read(|tx| Box::pin(async move { tx.admins().await }))
            .await
            .map_err(EngineError::Store)
    }

    /// Adds an administrator, who then needs a link ([`Engine::sign_in_link_for`]).
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `settings:write`, [`EngineError::Invalid`] for an unfit name,
    /// [`EngineError::Conflict`] when the name is taken.
    pub async fn add_admin(&self, by: &Authority, name: &str) -> Result<Admin> {
        by.require(Scope::SettingsWrite)?;
        let name = name_of("an administrator", name)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| Box::pin(async move { engine.create_admin(tx, name, &actor).await }))
            .await
            .map_err(|error| match error {
                EngineError::Store(StoreError::Constraint {
                    kind: ConstraintKind::Unique,
                    ..
                }) => EngineError::Conflict("there is an administrator of this name".into()),
                other => other,
            })
    }

    /// Shuts an administrator out and ends their sessions, or lets them in again. Nobody can shut
    /// out themselves, so that one who can come in is always left.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `settings:write`, [`EngineError::NotFound`],
    /// [`EngineError::Conflict`] for oneself.
    pub async fn set_admin_disabled(
        &self,
        by: &Authority,
        admin: AdminId,
        disabled: bool,
    ) -> Result<()> {
        by.require(Scope::SettingsWrite)?;
        if disabled && by.actor.id == admin.to_string() {
            return Err(EngineError::Conflict("you cannot shut yourself out".into()));
        }
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let at = disabled.then(|| engine.now());
                    if !tx.set_admin_disabled(admin, at).await? {
                        return Err(EngineError::NotFound("administrator"));
                    }
                    let kind = if disabled {
                        "admin.disabled"
                    } else {
                        "admin.enabled"
                    };
                    engine
                        .record(tx, kind, &actor, About::subject(admin), json!({}))
                        .await
                })
            })
            .await
    }
}
