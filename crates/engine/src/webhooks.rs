//! Webhooks: signed deliveries of the journal to other systems.
//!
//! A webhook has a cursor in the sealed journal, so nothing is lost and nothing is sent out of
//! order: a delivery that fails is tried again, for ever, ever more rarely (up to an hour apart),
//! and what came in the meantime follows. Receivers may see an event more than once and tell by
//! its `id` or `seq`. Each request carries:
//!
//! - `Muster-Delivery`: a UUID for the attempt;
//! - `Muster-Signature: t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>` with the secret.

mod delivery;
mod egress;

use domain::{
    Secret, Timestamp, WebhookId,
    scope::{Authority, Scope},
};
use serde_json::json;
use store::{Journal as _, Tx, Webhook, WebhookDelivery, Webhooks as _};

use crate::{Engine, EngineError, Result, journal::About};

/// What every webhook secret begins with, so that secret scanners find a leaked one.
pub const WEBHOOK_SECRET_PREFIX: &str = "muster_whsec_";
/// The most webhooks of an installation.
const MOST_WEBHOOKS: usize = 100;
/// The most kinds that a webhook can name.
const MOST_KINDS: usize = 50;
/// The longest kind, in characters.
const LONGEST_KIND: usize = 64;
/// The most attempts that are listed.
const MOST_LISTED: u32 = 200;

/// A webhook that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where to deliver, `https` or `http`.
    pub url: String,
    /// Prefixes of the kinds of events wanted (`device.`); empty wants all.
    pub kinds: Vec<String>,
}

/// What shall be different about a webhook; `None` leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Where to deliver.
    pub url: Option<String>,
    /// Prefixes of the kinds of events wanted.
    pub kinds: Option<Vec<String>>,
    /// Whether it delivers.
    pub enabled: Option<bool>,
}

/// A webhook that was just made, or got a new secret.
#[derive(Debug, Clone)]
pub struct CreatedWebhook {
    /// The webhook.
    pub webhook: WebhookInfo,
    /// What its deliveries are signed with; this is the only time anybody sees it.
    pub secret: Secret<String>,
}

/// A webhook as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookInfo {
    /// Identity.
    pub id: WebhookId,
    /// Where it delivers.
    pub url: String,
    /// Prefixes of the kinds of events wanted; empty wants all.
    pub kinds: Vec<String>,
    /// Whether it delivers.
    pub enabled: bool,
    /// The last event that was delivered or not wanted.
    pub cursor: u64,
    /// How many later events there are, wanted or not.
    pub waiting: u64,
    /// Failures since the last success.
    pub failures: u32,
    /// When it is tried again, after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last attempt.
    pub last_delivery: Option<WebhookDelivery>,
}

impl Engine {
    /// Makes a webhook. It delivers what happens from now on.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::Invalid`] for an address that
    /// must not be delivered to or unfit kinds, [`EngineError::Conflict`] when there are too many.
    pub async fn create_webhook(
        &self,
        by: &Authority,
        wanted: NewWebhook,
    ) -> Result<CreatedWebhook> {
        by.require(Scope::WebhooksWrite)?;
        egress::check_url(&wanted.url, self.settings.allow_private_egress)?;
        let kinds = check_kinds(wanted.kinds)?;
        let now = self.now();
        let id = WebhookId::new(now, self.random());
        let (secret, sealed) = self.webhook_secret(id)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        let webhook = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if tx.webhooks().await?.len() >= MOST_WEBHOOKS {
                        return Err(EngineError::Conflict(format!(
                            "remove a webhook first: {MOST_WEBHOOKS} are allowed"
                        )));
                    }
                    let webhook = Webhook {
                        id,
                        url: wanted.url,
                        secret: sealed,
                        kinds,
                        cursor: tx.journal_head().await?.seq,
                        enabled: true,
                        failures: 0,
                        next_attempt_at: now,
                        created_at: now,
                    };
                    tx.insert_webhook(&webhook).await?;
                    let data = json!({"url": host_of(&webhook.url), "kinds": webhook.kinds});
                    engine
                        .record(tx, "webhook.created", &actor, About::subject(id), data)
                        .await?;
                    info(tx, webhook).await
                })
            })
            .await?;
        Ok(CreatedWebhook { webhook, secret })
    }

    /// All webhooks, oldest first.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`.
    pub async fn webhooks(&self, by: &Authority) -> Result<Vec<WebhookInfo>> {
        by.require(Scope::WebhooksWrite)?;
        self.db
            .read(|tx| {
                Box::pin(async move {
                    let mut all = Vec::new();
                    for webhook in tx.webhooks().await? {
                        all.push(info(tx, webhook).await?);
                    }
                    Ok(all)
                })
            })
            .await
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::NotFound`].
    pub async fn webhook(&self, by: &Authority, id: WebhookId) -> Result<WebhookInfo> {
        by.require(Scope::WebhooksWrite)?;
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    let webhook = find(tx, id).await?;
                    info(tx, webhook).await
                })
            })
            .await
    }

    /// Changes a webhook. Enabling it clears its failures, so that it is tried at once.
    ///
    /// # Errors
    /// As for [`Engine::create_webhook`], and [`EngineError::NotFound`].
    pub async fn change_webhook(
        &self,
        by: &Authority,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<WebhookInfo> {
        by.require(Scope::WebhooksWrite)?;
        if let Some(url) = &change.url {
            egress::check_url(url, self.settings.allow_private_egress)?;
        }
        let kinds = change.kinds.map(check_kinds).transpose()?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let mut webhook = find(tx, id).await?;
                    webhook.url = change.url.unwrap_or(webhook.url);
                    webhook.kinds = kinds.unwrap_or(webhook.kinds);
                    webhook.enabled = change.enabled.unwrap_or(webhook.enabled);
                    tx.update_webhook(&webhook).await?;
                    let data = json!({
                        "url": host_of(&webhook.url),
                        "kinds": webhook.kinds,
                        "enabled": webhook.enabled,
                    });
                    engine
                        .record(tx, "webhook.changed", &actor, About::subject(id), data)
                        .await?;
                    let webhook = find(tx, id).await?;
                    info(tx, webhook).await
                })
            })
            .await
    }

    /// Gives a webhook a new secret; the next delivery is signed with it.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::NotFound`].
    pub async fn rotate_webhook_secret(
        &self,
        by: &Authority,
        id: WebhookId,
    ) -> Result<CreatedWebhook> {
        by.require(Scope::WebhooksWrite)?;
        let (secret, sealed) = self.webhook_secret(id)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        let webhook = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let mut webhook = find(tx, id).await?;
                    webhook.secret = sealed;
                    tx.update_webhook(&webhook).await?;
                    engine
                        .record(
                            tx,
                            "webhook.secret_rotated",
                            &actor,
                            About::subject(id),
                            json!({}),
                        )
                        .await?;
                    info(tx, webhook).await
                })
            })
            .await?;
        Ok(CreatedWebhook { webhook, secret })
    }

    /// Removes a webhook and its log.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::NotFound`].
    pub async fn remove_webhook(&self, by: &Authority, id: WebhookId) -> Result<()> {
        by.require(Scope::WebhooksWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let webhook = find(tx, id).await?;
                    tx.remove_webhook(id).await?;
                    let data = json!({"url": host_of(&webhook.url)});
                    engine
                        .record(tx, "webhook.removed", &actor, About::subject(id), data)
                        .await
                })
            })
            .await
    }

    /// Delivers again everything after an event; 0 for the whole journal.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::NotFound`],
    /// [`EngineError::Invalid`] for an event that has not happened.
    pub async fn replay_webhook(
        &self,
        by: &Authority,
        id: WebhookId,
        after: u64,
    ) -> Result<WebhookInfo> {
        by.require(Scope::WebhooksWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let head = tx.journal_head().await?.seq;
                    if after > head {
                        return Err(EngineError::invalid(format!("the journal ends at {head}")));
                    }
                    let mut webhook = find(tx, id).await?;
                    webhook.cursor = after;
                    webhook.failures = 0;
                    webhook.next_attempt_at = engine.now();
                    // A delivery never moves a cursor back, so the row is made anew, with its log.
                    let mut log = tx.webhook_deliveries(id, delivery::LOGGED).await?;
                    log.reverse();
                    tx.remove_webhook(id).await?;
                    tx.insert_webhook(&webhook).await?;
                    for attempt in log {
                        tx.insert_webhook_delivery(&attempt, delivery::LOGGED)
                            .await?;
                    }
                    let data = json!({"after": after});
                    engine
                        .record(tx, "webhook.replayed", &actor, About::subject(id), data)
                        .await?;
                    info(tx, webhook).await
                })
            })
            .await
    }

    /// Attempts of a webhook, newest first, at most 200.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::NotFound`].
    pub async fn webhook_deliveries(
        &self,
        by: &Authority,
        id: WebhookId,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>> {
        by.require(Scope::WebhooksWrite)?;
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    find(tx, id).await?;
                    let deliveries = tx.webhook_deliveries(id, limit.min(MOST_LISTED)).await?;
                    Ok(deliveries)
                })
            })
            .await
    }

    /// Sends a delivery without events (`"test": true`), also when the webhook is disabled, and
    /// tells how it went.
    ///
    /// # Errors
    /// [`EngineError::Denied`] without `webhooks:write`, [`EngineError::NotFound`]. A receiver that
    /// does not accept it is no error; the attempt says so.
    pub async fn test_webhook(&self, by: &Authority, id: WebhookId) -> Result<WebhookDelivery> {
        by.require(Scope::WebhooksWrite)?;
        let webhook = self
            .db
            .read(move |tx| Box::pin(async move { find(tx, id).await }))
            .await?;
        let client = egress::client(self.settings.allow_private_egress)?;
        let delivery = self.send(&client, &webhook, &[], true).await;
        self.log_delivery(delivery.clone()).await?;
        Ok(delivery)
    }

    fn webhook_secret(&self, id: WebhookId) -> Result<(Secret<String>, Vec<u8>)> {
        let secret = self.new_secret(WEBHOOK_SECRET_PREFIX);
        let sealed = self
            .sealer
            .seal(
                &delivery::secret_place(&id.to_string()),
                secret.expose().as_bytes(),
            )
            .map_err(EngineError::keys)?;
        Ok((secret, sealed))
    }
}

async fn find(tx: &mut Tx, id: WebhookId) -> Result<Webhook> {
    tx.webhook(id)
        .await?
        .ok_or(EngineError::NotFound("webhook"))
}

async fn info(tx: &mut Tx, webhook: Webhook) -> Result<WebhookInfo> {
    let head = tx.journal_head().await?.seq;
    let last_delivery = tx.webhook_deliveries(webhook.id, 1).await?.pop();
    Ok(WebhookInfo {
        id: webhook.id,
        url: webhook.url,
        kinds: webhook.kinds,
        enabled: webhook.enabled,
        cursor: webhook.cursor,
        waiting: head.saturating_sub(webhook.cursor),
        failures: webhook.failures,
        next_attempt_at: (webhook.failures > 0).then_some(webhook.next_attempt_at),
        created_at: webhook.created_at,
        last_delivery,
    })
}

fn check_kinds(kinds: Vec<String>) -> Result<Vec<String>> {
    let fit = |kind: &String| {
        (1..=LONGEST_KIND).contains(&kind.len())
            && kind
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'_')
    };
    if kinds.len() > MOST_KINDS || !kinds.iter().all(fit) {
        return Err(EngineError::invalid(format!(
            "kinds are at most {MOST_KINDS} texts of lower-case letters, digits, dots and underscores, such as device."
        )));
    }
    Ok(kinds)
}

/// Whether a webhook with these prefixes wants an event of this kind.
fn wants(kinds: &[String], kind: &str) -> bool {
    kinds.is_empty() || kinds.iter().any(|prefix| kind.starts_with(prefix))
}

/// What the journal says of an address: paths of receivers often hold a secret.
fn host_of(url: &str) -> String {
    url::Url::parse(url)
        .ok()
        .map(|url| url.origin().ascii_serialization())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_prefixes() {
        let kinds = check_kinds(vec!["device.".into(), "command.failed".into()]).unwrap();
        assert!(wants(&kinds, "device.enrolled"));
        assert!(wants(&kinds, "command.failed"));
        assert!(!wants(&kinds, "command.acknowledged"));
        assert!(wants(&[], "anything"));
        assert!(check_kinds(vec!["Device".into()]).is_err());
        assert!(check_kinds(vec![String::new()]).is_err());
    }

    #[test]
    fn the_journal_does_not_learn_a_receivers_secret_path() {
        assert_eq!(
            host_of("https://hooks.example.org:8443/services/T0/s3cret?k=v"),
            "https://hooks.example.org:8443"
        );
    }
}
