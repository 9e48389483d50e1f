//! Webhooks: subscriptions to the journal, each with its cursor.

use domain::{Timestamp, WebhookId};
use uuid::Uuid;

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, Value, values},
};

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

macro_rules! webhook_columns {
    () => {
        "id, url, secret, kinds, cursor, enabled, failures, next_attempt_at, created_at"
    };
}

statements! {
    WEBHOOK_INSERT = "INSERT INTO webhooks (", webhook_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    WEBHOOK_GET = "SELECT ", webhook_columns!(), " FROM webhooks WHERE id = $1";
    WEBHOOK_LIST = "SELECT ", webhook_columns!(), " FROM webhooks ORDER BY created_at, id";
    WEBHOOK_UPDATE = "UPDATE webhooks SET url = $2, secret = $3, kinds = $4,
            failures = CASE WHEN $5 AND NOT enabled THEN 0 ELSE failures END,
            next_attempt_at = CASE WHEN $5 AND NOT enabled THEN 0 ELSE next_attempt_at END,
            enabled = $5
        WHERE id = $1";
    WEBHOOK_FORGET = "DELETE FROM webhook_deliveries WHERE webhook_id = $1";
    WEBHOOK_REMOVE = "DELETE FROM webhooks WHERE id = $1";
    WEBHOOK_CLAIM = "UPDATE webhooks SET next_attempt_at = $2 WHERE id IN (
            SELECT id FROM webhooks
            WHERE enabled AND next_attempt_at <= $1 AND cursor < (SELECT seq FROM journal_head WHERE id = 1)
            ORDER BY next_attempt_at LIMIT $3 {skip_locked})
        RETURNING ", webhook_columns!();
    WEBHOOK_SETTLE = "UPDATE webhooks SET cursor = CASE WHEN cursor < $2 THEN $2 ELSE cursor END,
            failures = $3, next_attempt_at = $4
        WHERE id = $1";
    DELIVERY_INSERT = "INSERT INTO webhook_deliveries
            (id, webhook_id, at, from_seq, to_seq, status, error, duration_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    DELIVERY_TRIM = "DELETE FROM webhook_deliveries WHERE id IN (
        SELECT id FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY at DESC, id DESC LIMIT 1000 OFFSET $2)";
    DELIVERY_LIST = "SELECT id, webhook_id, at, from_seq, to_seq, status, error, duration_ms
        FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY at DESC, id DESC LIMIT $2";
}

fn read_webhook(row: &mut Row) -> Result<Webhook> {
    Ok(Webhook {
        id: row.take()?,
        url: row.take()?,
        secret: row.take()?,
        kinds: row.json()?,
        cursor: row.take()?,
        enabled: row.take()?,
        failures: row.take()?,
        next_attempt_at: row.take()?,
        created_at: row.take()?,
    })
}

impl Webhooks for Tx {
    async fn insert_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        let w = webhook;
        let values = values![
            w.id,
            &w.url,
            &w.secret,
            Value::json(&w.kinds)?,
            w.cursor,
            w.enabled,
            w.failures,
            w.next_attempt_at,
            w.created_at,
        ];
        self.execute(&WEBHOOK_INSERT, &values).await?;
        Ok(())
    }

    async fn webhook(&mut self, id: WebhookId) -> Result<Option<Webhook>> {
        self.find(&WEBHOOK_GET, &values![id], read_webhook).await
    }

    async fn webhooks(&mut self) -> Result<Vec<Webhook>> {
        self.all(&WEBHOOK_LIST, &[], read_webhook).await
    }

    async fn update_webhook(&mut self, webhook: &Webhook) -> Result<bool> {
        let w = webhook;
        let values = values![w.id, &w.url, &w.secret, Value::json(&w.kinds)?, w.enabled];
        self.changes(&WEBHOOK_UPDATE, &values).await
    }

    async fn remove_webhook(&mut self, id: WebhookId) -> Result<bool> {
        self.execute(&WEBHOOK_FORGET, &values![id]).await?;
        self.changes(&WEBHOOK_REMOVE, &values![id]).await
    }

    async fn claim_webhooks(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>> {
        self.all(
            &WEBHOOK_CLAIM,
            &values![now, lease_until, limit],
            read_webhook,
        )
        .await
    }

    async fn settle_webhook(
        &mut self,
        id: WebhookId,
        cursor: u64,
        failures: u32,
        next_attempt_at: Timestamp,
    ) -> Result<()> {
        self.execute(
            &WEBHOOK_SETTLE,
            &values![id, cursor, failures, next_attempt_at],
        )
        .await?;
        Ok(())
    }

    async fn insert_webhook_delivery(
        &mut self,
        delivery: &WebhookDelivery,
        keep: u32,
    ) -> Result<()> {
        let d = delivery;
        let values = values![
            d.id,
            d.webhook_id,
            d.at,
            d.from_seq,
            d.to_seq,
            d.status,
            d.error.as_deref(),
            d.duration_ms,
        ];
        self.execute(&DELIVERY_INSERT, &values).await?;
        self.execute(&DELIVERY_TRIM, &values![d.webhook_id, keep])
            .await?;
        Ok(())
    }

    async fn webhook_deliveries(
        &mut self,
        webhook: WebhookId,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>> {
        self.all(&DELIVERY_LIST, &values![webhook, limit], |row| {
            Ok(WebhookDelivery {
                id: row.take()?,
                webhook_id: row.take()?,
                at: row.take()?,
                from_seq: row.take()?,
                to_seq: row.take()?,
                status: row.take()?,
                error: row.take()?,
                duration_ms: row.take()?,
            })
        })
        .await
    }
}
