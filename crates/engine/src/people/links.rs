//! One-time links: how the first administrator, and anybody who lost a passkey, comes in.

use std::time::Duration;

use domain::{
    AdminId, Secret, Timestamp,
    scope::{Actor, Authority, Scope},
};
use serde_json::json;
use store::{Admin, Admins as _, Sessions as _, StoreError, Tx};

use super::{Browser, NewSession, hash_of_secret, name_of, person, refused};
use crate::{Engine, EngineError, Result, journal::About};

/// Where a link leads in the console; the secret follows.
pub const SIGN_IN_LINK_PATH: &str = "/sign-in/link/";
/// How long a link can be used.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long the link of the first start can be used.
const FIRST_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The name of the administrator who is made at the first start.
const FIRST_NAME: &str = "Administrator";

/// A link that signs somebody in, once.
#[derive(Debug, Clone)]
pub struct SignInLink {
    /// The secret that ends the address.
    pub secret: Secret<String>,
    /// Whom it signs in.
    pub admin: Admin,
    /// Until when.
    pub expires_at: Timestamp,
}

impl SignInLink {
    /// The path in the console, with the secret.
    pub fn path(&self) -> Secret<String> {
        Secret::new(format!("{SIGN_IN_LINK_PATH}{}", self.secret.expose()))
    }
}

/// Whose link somebody looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOwner {
    /// Whom it would sign in.
    pub admin_id: AdminId,
    /// Their name.
    pub name: String,
}

impl Engine {
    /// The link to print when the server starts and nobody can sign in yet: no administrator has
    /// a passkey. Makes the first administrator when there is none. Works for 24 hours.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn first_sign_in_link(&self) -> Result<Option<SignInLink>> {
        let ready = self
            .db
            .read(|tx| {
                Box::pin(async move {
                    for admin in tx.admins().await? {
                        if admin.disabled_at.is_none()
                            && !tx.passkeys_of(admin.id).await?.is_empty()
                        {
                            return Ok::<_, StoreError>(true);
                        }
                    }
                    Ok(false)
                })
            })
            .await?;
        if ready {
            return Ok(None);
        }
        self.link_for_name(None, &Actor::system(), FIRST_LIFETIME)
            .await
            .map(Some)
    }

    /// A link for an administrator by name, as the operator asks for at the machine's own command
    /// line. Without a name: for the only one there is, who is made when there is none.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for an unknown name, [`EngineError::Invalid`] when there are
    /// several administrators and none is named, [`EngineError::Conflict`] for one who is shut out.
    pub async fn operator_sign_in_link(&self, name: Option<&str>) -> Result<SignInLink> {
        self.link_for_name(name, &Actor::operator(), LIFETIME).await
    }

    /// A link for another administrator, for example one who lost every passkey.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `settings:write`, [`EngineError::NotFound`],
    /// [`EngineError::Conflict`] for one who is shut out.
    pub async fn sign_in_link_for(&self, by: &Authority, admin: AdminId) -> Result<SignInLink> {
        by.require(Scope::SettingsWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let admin = tx
                        .admin(admin)
                        .await?
                        .ok_or(EngineError::NotFound("administrator"))?;
                    engine.make_link(tx, admin, &actor, LIFETIME).await
                })
            })
            .await
    }

    /// Whose link this is. Does not use it, because programs that preview links open them as well.
    ///
    /// # Errors
    /// [`EngineError::SignIn`] when it is unknown, used, too old, or its owner is shut out.
    pub async fn look_at_sign_in_link(&self, secret: &str) -> Result<LinkOwner> {
        let hash = hash_of_secret("", secret).ok_or_else(|| refused("link"))?;
        let now = self.now();
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    match tx.sign_in_link(&hash, now).await? {
                        None => Ok::<_, StoreError>(None),
                        Some(id) => tx.admin(id).await,
                    }
                })
            })
            .await?
            .filter(|admin| admin.disabled_at.is_none())
            .map(|admin| LinkOwner {
                admin_id: admin.id,
                name: admin.name,
            })
            .ok_or_else(|| refused("link"))
    }

    /// Uses a link: begins a session. Exactly one caller succeeds.
    ///
    /// # Errors
    /// [`EngineError::SignIn`] as for [`Engine::look_at_sign_in_link`].
    pub async fn use_sign_in_link(&self, secret: &str, browser: Browser) -> Result<NewSession> {
        // A stranger's guess must not queue for the writer.
        self.look_at_sign_in_link(secret).await?;
        let hash = hash_of_secret("", secret).ok_or_else(|| refused("link"))?;
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let id = tx
                        .use_sign_in_link(&hash, engine.now())
                        .await?
                        .ok_or_else(|| refused("link"))?;
                    let admin = tx.admin(id).await?.ok_or_else(|| refused("link"))?;
                    engine.begin_session(tx, admin, browser, "link").await
                })
            })
            .await
    }

    async fn link_for_name(
        &self,
        name: Option<&str>,
        actor: &Actor,
        lifetime: Duration,
    ) -> Result<SignInLink> {
        let name = name
            .map(|name| name_of("an administrator", name))
            .transpose()?;
        let engine = self.clone();
        let actor = actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let admin = match name {
                        Some(name) => tx
                            .admin_by_name(&name)
                            .await?
                            .ok_or(EngineError::NotFound("administrator"))?,
                        None => engine.only_admin(tx, &actor).await?,
                    };
                    engine.make_link(tx, admin, &actor, lifetime).await
                })
            })
            .await
    }

    async fn only_admin(&self, tx: &mut Tx, actor: &Actor) -> Result<Admin> {
        let mut admins = tx.admins().await?;
        match admins.len() {
            0 => self.create_admin(tx, FIRST_NAME.to_owned(), actor).await,
            1 => Ok(admins.remove(0)),
            _ => {
                let names: Vec<_> = admins.into_iter().map(|admin| admin.name).collect();
                Err(EngineError::invalid(format!(
                    "name the administrator, one of: {}",
                    names.join(", ")
                )))
            }
        }
    }

    async fn make_link(
        &self,
        tx: &mut Tx,
        admin: Admin,
        actor: &Actor,
        lifetime: Duration,
    ) -> Result<SignInLink> {
        if admin.disabled_at.is_some() {
            return Err(EngineError::Conflict(format!("{} is shut out", admin.name)));
        }
        let secret = self.new_secret("");
        let now = self.now();
        let expires_at = now.plus(lifetime);
        let hash = crate::sha256(secret.expose().as_bytes());
        tx.insert_sign_in_link(&hash, admin.id, now, expires_at)
            .await?;
        let data = json!({"name": admin.name, "expires_at": expires_at});
        self.record(
            tx,
            "sign_in_link.created",
            actor,
            About::subject(admin.id),
            data,
        )
        .await?;
        Ok(SignInLink {
            secret,
            admin,
            expires_at,
        })
    }

    pub(super) async fn create_admin(
        &self,
        tx: &mut Tx,
        name: String,
        actor: &Actor,
    ) -> Result<Admin> {
        let now = self.now();
        let admin = Admin {
            id: AdminId::new(now, self.random()),
            name,
            created_at: now,
            disabled_at: None,
        };
        tx.insert_admin(&admin).await?;
        let data = json!({"name": admin.name});
        self.record(tx, "admin.created", actor, About::subject(admin.id), data)
            .await?;
        Ok(admin)
    }

    /// Begins a session in the transaction that proved who the person is.
    pub(super) async fn begin_session(
        &self,
        tx: &mut Tx,
        admin: Admin,
        browser: Browser,
        by: &'static str,
    ) -> Result<NewSession> {
        if admin.disabled_at.is_some() {
            return Err(refused(by));
        }
        let (session, row) = self.new_session(&admin, &browser);
        if let Some(previous) = browser.previous_session() {
            tx.remove_session(&previous).await?;
        }
        tx.insert_session(&row).await?;
        let actor = person(admin.id, &admin.name, browser.address.as_deref());
        let data = json!({"by": by, "user_agent": row.user_agent});
        self.record(
            tx,
            "session.started",
            &actor,
            About::subject(admin.id),
            data,
        )
        .await?;
        Ok(session)
    }
}
