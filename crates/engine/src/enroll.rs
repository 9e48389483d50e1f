//! Enrollment tokens, tickets and the enrollment profile.

use ::apple::{
    commands::InstallProfile,
    profile::{Anchor, EnrollmentMode, EnrollmentParams, Scep, enrollment_profile},
};
use domain::{
    EnrollmentTokenId, Secret, TicketId, UnitId,
    scope::{Actor, ActorKind, Authority, Scope},
    token::{TokenStanding, TokenTerms},
};
use serde_json::json;
use store::{
    Device, Enrollment, EnrollmentToken, EnrollmentTokens as _, Ticket, Tickets as _, Tx,
    Units as _,
};
use uuid::Uuid;

use crate::{Engine, EngineError, Result, journal::About};

/// What the secret of an enrollment token begins with.
const PREFIX: &str = "enroll_";

/// An enrollment token to be made.
#[derive(Debug, Clone)]
pub struct NewEnrollmentToken {
    /// Name as people see it.
    pub name: String,
    /// The unit its devices join.
    pub unit: Option<UnitId>,
    /// What it permits.
    pub terms: TokenTerms,
}

/// A token that was just made; its secret is never shown again.
#[derive(Debug, Clone)]
pub struct CreatedEnrollmentToken {
    /// The token.
    pub token: EnrollmentToken,
    /// Its secret.
    pub secret: Secret<String>,
    /// The address that a person opens.
    pub url: Secret<String>,
}

/// An enrollment profile for one device.
#[derive(Debug, Clone)]
pub struct IssuedProfile {
    /// The signed `.mobileconfig`.
    pub signed: Vec<u8>,
    /// The ticket it carries.
    pub ticket: TicketId,
}

impl Engine {
    /// Makes an enrollment token.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::Invalid`].
    pub async fn create_enrollment_token(
        &self,
        by: &Authority,
        new: NewEnrollmentToken,
    ) -> Result<CreatedEnrollmentToken> {
        by.require(Scope::EnrollmentWrite)?;
        let now = self.now();
        let name = new.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 200 {
            return Err(EngineError::invalid(
                "an enrollment token needs a name of at most 200 characters",
            ));
        }
        if new.terms.expires_at <= now {
            return Err(EngineError::invalid("the expiry lies in the past"));
        }
        if new.terms.max_uses == Some(0) {
            return Err(EngineError::invalid("it must allow at least one use"));
        }
        let mut terms = new.terms;
        terms.serials = terms
            .serials
            .iter()
            .map(|serial| serial.trim().to_uppercase())
            .filter(|serial| !serial.is_empty())
            .collect();
        let secret = self.new_secret(PREFIX);
        let token = EnrollmentToken {
            id: EnrollmentTokenId::new(now, self.random()),
            secret_hash: crate::sha256(secret.expose().as_bytes()),
            name,
            unit_id: new.unit,
            standing: TokenStanding {
                terms,
                uses: 0,
                revoked_at: None,
            },
            created_at: now,
            created_by: by.actor.clone(),
        };
        let engine = self.clone();
        let actor = by.actor.clone();
        let stored = token.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(unit) = stored.unit_id {
                        tx.unit(unit).await?.ok_or(EngineError::NotFound("unit"))?;
                    }
                    tx.insert_enrollment_token(&stored).await?;
                    let terms = &stored.standing.terms;
                    let data = json!({
                        "name": stored.name,
                        "ownership": terms.ownership,
                        "platforms": terms.platforms,
                        "max_uses": terms.max_uses,
                        "serials": terms.serials.len(),
                        "expires_at": terms.expires_at,
                    });
                    let about = About::subject(stored.id).within(stored.unit_id);
                    engine
                        .record(tx, "enrollment_token.created", &actor, about, data)
                        .await
                })
            })
            .await?;
        let url = Secret::new(format!(
            "{}/enroll/{}",
            self.settings.public_url,
            secret.expose()
        ));
        Ok(CreatedEnrollmentToken { token, secret, url })
    }

    /// Enrollment tokens, newest first, older than the cursor.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn enrollment_tokens(
        &self,
        by: &Authority,
        before: Option<EnrollmentTokenId>,
        limit: u32,
    ) -> Result<Vec<EnrollmentToken>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.enrollment_tokens(before, limit).await }))
            .await
            .map_err(Into::into)
    }

    /// One enrollment token.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn enrollment_token(
        &self,
        by: &Authority,
        id: EnrollmentTokenId,
    ) -> Result<EnrollmentToken> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.enrollment_token(id).await }))
            .await?
            .ok_or(EngineError::NotFound("enrollment token"))
    }

    /// Revokes an enrollment token; devices enrolled with it stay.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn revoke_enrollment_token(
        &self,
        by: &Authority,
        id: EnrollmentTokenId,
    ) -> Result<()> {
        by.require(Scope::EnrollmentWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let token = tx
                        .enrollment_token(id)
                        .await?
                        .ok_or(EngineError::NotFound("enrollment token"))?;
                    if !tx.revoke_enrollment_token(id, engine.now()).await? {
                        return Ok(());
                    }
                    let about = About::subject(id).within(token.unit_id);
                    let data = json!({ "name": token.name });
                    engine
                        .record(tx, "enrollment_token.revoked", &actor, about, data)
                        .await
                })
            })
            .await
    }

    /// What a person who opens the enrollment page is told; one read for a stranger.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for an unknown secret, [`EngineError::Refused`] with the reason otherwise.
    pub async fn open_enrollment_token(&self, secret: &str) -> Result<EnrollmentToken> {
        if !secret.starts_with(PREFIX) || secret.len() > 100 {
            return Err(EngineError::NotFound("enrollment token"));
        }
        let hash = crate::sha256(secret.as_bytes());
        let token = self
            .db
            .read(move |tx| Box::pin(async move { tx.enrollment_token_by_secret(&hash).await }))
            .await?
            .ok_or(EngineError::NotFound("enrollment token"))?;
        token.standing.open(self.now())?;
        Ok(token)
    }

    /// Makes an enrollment profile with a one-time ticket.
    ///
    /// # Errors
    /// As [`Self::open_enrollment_token`], and [`EngineError::Conflict`] without a push certificate.
    pub async fn issue_enrollment_profile(
        &self,
        secret: &str,
        address: &str,
        person: Option<String>,
    ) -> Result<IssuedProfile> {
        let token = self.open_enrollment_token(secret).await?;
        let topic = self.topic_or_explain().await?;
        let now = self.now();
        let challenge = self.new_secret("");
        let ticket = Ticket {
            id: TicketId::new(now, self.random()),
            token_id: Some(token.id),
            enrollment_id: None,
            challenge_hash: crate::sha256(challenge.expose().as_bytes()),
            created_at: now,
            expires_at: now.plus(self.settings.ticket_lifetime),
            challenge_used_at: None,
            client_address: Some(address.to_owned()),
            person: person.map(|person| person.chars().take(200).collect()),
        };
        let id = ticket.id;
        let signed = self.signed_profile(&topic, challenge)?;
        let engine = self.clone();
        let actor = Actor::new(ActorKind::Visitor, "", "").at(address);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_ticket(&ticket).await?;
                    let about = About::subject(ticket.id).within(token.unit_id);
                    let data = json!({ "token": token.id, "token_name": token.name });
                    engine
                        .record(tx, "enrollment_profile.issued", &actor, about, data)
                        .await
                })
            })
            .await?;
        Ok(IssuedProfile { signed, ticket: id })
    }

    /// The command that gives a device a new identity before the old one ends.
    pub(crate) async fn renewal_command(
        &self,
        tx: &mut Tx,
        _device: &Device,
        enrollment: &Enrollment,
    ) -> Result<::apple::commands::Command> {
        let now = self.now();
        let challenge = self.new_secret("");
        // A device refuses an update that changes the topic it enrolled with.
        let topic = enrollment.topic.clone().unwrap_or_default();
        let ticket = Ticket {
            id: TicketId::new(now, self.random()),
            token_id: None,
            enrollment_id: Some(enrollment.id),
            challenge_hash: crate::sha256(challenge.expose().as_bytes()),
            created_at: now,
            expires_at: now.plus(self.settings.command_lifetime),
            challenge_used_at: None,
            client_address: None,
            person: None,
        };
        let payload = self.signed_profile(&topic, challenge)?;
        tx.insert_ticket(&ticket).await?;
        Ok(InstallProfile { payload }.into())
    }

    /// `PayloadIdentifier` of the profile that enrols devices here: removing it ends management.
    pub(crate) fn enrollment_profile_identifier(&self) -> String {
        profile_identifier(&self.settings.public_url)
    }

    async fn topic_or_explain(&self) -> Result<String> {
        self.push_topic().await?.ok_or_else(|| {
            EngineError::Conflict(
                "devices cannot enrol yet: import an Apple push certificate first".into(),
            )
        })
    }

    /// The profile, signed. Identifier and UUID are the same for all devices and renewals of this installation.
    fn signed_profile(&self, topic: &str, challenge: Secret<String>) -> Result<Vec<u8>> {
        let authority = self.authority.load();
        let url = &self.settings.public_url;
        let params = EnrollmentParams {
            identifier: profile_identifier(url),
            uuid: profile_uuid(url),
            organization: self.settings.organization.clone(),
            display_name: format!("{} device management", self.settings.organization),
            description: Some(format!(
                "Lets {} manage this device.",
                self.settings.organization
            )),
            server_url: format!("{url}/mdm/apple/connect"),
            check_in_url: Some(format!("{url}/mdm/apple/checkin")),
            topic: topic.to_owned(),
            scep: Scep {
                url: format!("{url}/scep"),
                challenge,
                subject: vec![
                    ("O".into(), self.settings.organization.clone()),
                    ("CN".into(), "Muster device".into()),
                ],
                key_size: 2048,
                name: Some("muster".into()),
                ca_fingerprint: None,
            },
            mode: EnrollmentMode::Device,
            anchors: if self.settings.own_tls {
                vec![Anchor {
                    name: format!("{} root", self.settings.organization),
                    der: authority.root.der().to_vec(),
                }]
            } else {
                Vec::new()
            },
            removal_disallowed: false,
        };
        let plain =
            enrollment_profile(&params).map_err(|error| EngineError::invalid(error.to_string()))?;
        pki::cms::sign(
            &plain,
            &authority.profiles.certificate,
            authority.profiles.key.as_ref(),
            &[
                authority.issuing.certificate().clone(),
                authority.root.clone(),
            ],
            self.now(),
        )
        .map_err(EngineError::keys)
    }
}

fn profile_identifier(url: &str) -> String {
    let host = url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let reversed: Vec<&str> = host.split('.').rev().collect();
    format!("{}.muster.enrollment", reversed.join("."))
}

fn profile_uuid(url: &str) -> Uuid {
    let hash = crate::sha256(format!("muster enrollment profile\n{url}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // RFC 9562 section 5.8: a UUID of our own making.
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
