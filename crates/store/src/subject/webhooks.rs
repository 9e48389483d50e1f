//! Webhooks: subscriptions to the journal, each with its cursor.

use domain::{Timestamp, WebhookId};
use uuid::Uuid;

use crate::Result;

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Identity.
    pub id: WebhookId,
    /// Where to deliver.
    pub url: String,
    /// The signing secret, sealed.
    pub secret: Vec<u8>,
    /// Prefixes of the kinds wanted; empty wants all.
    pub kinds: Vec<String>,
    /// The last event delivered.
    pub cursor: u64,
    /// Whether it delivers.
    pub enabled: bool,
    /// Failures since the last success.
    pub failures: u32,
    /// Not before this time.
    pub next_attempt_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Identity (`UUIDv7`).
    pub id: Uuid,
    /// Which subscription.
    pub webhook_id: WebhookId,
    /// When.
    pub at: Timestamp,
    /// The first event in it.
    pub from_seq: u64,
    /// The last event in it.
    pub to_seq: u64,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
}

/// Webhooks.
pub trait Webhooks {
    /// Adds a subscription.
    fn insert_webhook(&mut self, webhook: &Webhook) -> impl Future<Output = Result<()>> + Send;
    /// One subscription.
    fn webhook(&mut self, id: WebhookId) -> impl Future<Output = Result<Option<Webhook>>> + Send;
    /// All subscriptions, oldest first.
    fn webhooks(&mut self) -> impl Future<Output = Result<Vec<Webhook>>> + Send;
    /// Writes address, secret, kinds and whether it delivers; false when unknown. Enabling clears the failures.
    fn update_webhook(&mut self, webhook: &Webhook) -> impl Future<Output = Result<bool>> + Send;
    /// Removes a subscription and its log; false when unknown.
    fn remove_webhook(&mut self, id: WebhookId) -> impl Future<Output = Result<bool>> + Send;
    /// Takes up to `limit` enabled subscriptions that are due and behind the journal's head:
    /// their next attempt moves to `lease_until`, so nobody else takes them before.
    fn claim_webhooks(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Webhook>>> + Send;
    /// Writes the outcome of an attempt: cursor, failures and the next attempt; the cursor never goes back.
    fn settle_webhook(
        &mut self,
        id: WebhookId,
        cursor: u64,
        failures: u32,
        next_attempt_at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Keeps an attempt, and of its subscription only the newest `keep`.
    fn insert_webhook_delivery(
        &mut self,
        delivery: &WebhookDelivery,
        keep: u32,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Attempts of a subscription, newest first.
    fn webhook_deliveries(
        &mut self,
        webhook: WebhookId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<WebhookDelivery>>> + Send;
}
