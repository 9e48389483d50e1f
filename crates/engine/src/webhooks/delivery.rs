//! Delivering: who is due, what is sent, what becomes of it.

use std::time::Duration;

use aws_lc_rs::hmac;
use domain::{Secret, Timestamp, WebhookId, journal::Event};
use pki::seal::Place;
use reqwest::Client;
use serde::Serialize;
use store::{EventFilter, Journal as _, StoreError, Webhook, WebhookDelivery, Webhooks as _};
use tokio::{sync::watch, task::JoinSet};
use url::Url;
use uuid::Uuid;

use super::{egress, wants};
use crate::{Engine, EngineError, Result};

/// The most events in one delivery.
const BATCH: usize = 100;
/// Events read at a time while looking for wanted ones.
const PAGE: u32 = 500;
/// How many pages one turn looks through before it lets others go on.
const PAGES: usize = 20;
/// The most deliveries under way at once, on one node.
const CONCURRENT: u32 = 16;
/// For how long a claimed subscription is nobody else's; longer than a request can take.
const LEASE: Duration = Duration::from_secs(60);
/// Events that come this close together go out together.
const GATHER: Duration = Duration::from_millis(200);
/// How often retries that are due, and subscriptions changed elsewhere, are looked for.
const TICK: Duration = Duration::from_secs(5);
/// How long the worker waits when the database cannot serve.
const PAUSE: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(3600);
/// Attempts kept for each subscription.
pub(super) const LOGGED: u32 = 200;
/// The longest error text that is kept, in characters.
const LONGEST_ERROR: usize = 300;

/// What a receiver gets.
#[derive(Serialize)]
struct Body<'a> {
    delivery: Uuid,
    webhook: WebhookId,
    sent_at: Timestamp,
    test: bool,
    events: &'a [Event],
}

/// What is due for a subscription.
struct Batch {
    events: Vec<Event>,
    /// The last event looked at, wanted or not.
    looked_at: u64,
}

impl Engine {
    /// Delivers journal events to the webhooks until `shutdown` turns true, then finishes what is
    /// under way. Any number of nodes may do this at once.
    pub async fn run_webhooks(&self, mut shutdown: watch::Receiver<bool>) {
        let client = match egress::client(self.settings.allow_private_egress) {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "webhooks are not delivered: no HTTP client");
                return;
            }
        };
        let mut head = self.journal_head();
        let mut under_way = JoinSet::new();
        while !*shutdown.borrow() {
            head.mark_unchanged();
            let free =
                CONCURRENT.saturating_sub(u32::try_from(under_way.len()).unwrap_or(u32::MAX));
            let pause = match self.claim_due_webhooks(free).await {
                Ok(claimed) => {
                    for webhook in claimed {
                        let (engine, client) = (self.clone(), client.clone());
                        under_way
                            .spawn(async move { engine.serve_webhook(&client, webhook).await });
                    }
                    TICK
                }
                Err(error) => {
                    tracing::warn!(%error, "webhooks wait for the database");
                    PAUSE
                }
            };
            tokio::select! {
                stopping = shutdown.changed() => {
                    if stopping.is_err() {
                        break;
                    }
                }
                Some(_) = under_way.join_next() => {}
                changed = head.changed() => {
                    if changed.is_ok() {
                        tokio::time::sleep(GATHER).await;
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Delivers once to every webhook that is due now; gives to how many.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn deliver_due_webhooks(&self) -> Result<usize> {
        let client = egress::client(self.settings.allow_private_egress)?;
        let due = self.claim_due_webhooks(CONCURRENT).await?;
        let served = due.len();
        for webhook in due {
            self.serve_webhook(&client, webhook).await;
        }
        Ok(served)
    }

    /// Takes what is due. Looks first, because looking does not wait for the writer.
    async fn claim_due_webhooks(&self, limit: u32) -> Result<Vec<Webhook>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let now = self.now();
        let any = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let webhooks = tx.webhooks().await?;
                    let due = |webhook: &Webhook| webhook.enabled && webhook.next_attempt_at <= now;
                    if !webhooks.iter().any(due) {
                        return Ok::<_, StoreError>(false);
                    }
                    let head = tx.journal_head().await?.seq;
                    Ok(webhooks.iter().any(|one| due(one) && one.cursor < head))
                })
            })
            .await?;
        if !any {
            return Ok(Vec::new());
        }
        self.db
            .write(move |tx| {
                Box::pin(async move { tx.claim_webhooks(now, now.plus(LEASE), limit).await })
            })
            .await
            .map_err(EngineError::Store)
    }

    /// One turn of a claimed subscription. When the outcome cannot be written down the lease runs
    /// out and the same events are sent again: at least once.
    async fn serve_webhook(&self, client: &Client, webhook: Webhook) {
        let id = webhook.id;
        if let Err(error) = self.try_webhook(client, webhook).await {
            tracing::warn!(webhook = %id, %error, "a webhook's turn was broken off");
        }
    }

    async fn try_webhook(&self, client: &Client, webhook: Webhook) -> Result<()> {
        let batch = self.next_batch(&webhook).await?;
        if batch.events.is_empty() {
            let failures = webhook.failures;
            return self
                .settle_delivery(webhook, batch.looked_at, failures, self.now(), None)
                .await;
        }
        let delivery = self.send(client, &webhook, &batch.events, false).await;
        if delivery.error.is_none() {
            self.settle_delivery(webhook, batch.looked_at, 0, self.now(), Some(delivery))
                .await
        } else {
            let failures = webhook.failures.saturating_add(1);
            let again = self.now().plus(self.back_off(failures));
            let cursor = webhook.cursor;
            self.settle_delivery(webhook, cursor, failures, again, Some(delivery))
                .await
        }
    }

    async fn next_batch(&self, webhook: &Webhook) -> Result<Batch> {
        let kinds = webhook.kinds.clone();
        let mut after = webhook.cursor;
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    let mut events = Vec::new();
                    for _ in 0..PAGES {
                        let page = tx
                            .events_after(&EventFilter::default(), after, PAGE)
                            .await?;
                        let last_page = page.len() < PAGE as usize;
                        for event in page {
                            after = event.seq;
                            if wants(&kinds, &event.draft.kind) {
                                events.push(event);
                            }
                            if events.len() == BATCH {
                                break;
                            }
                        }
                        if last_page || events.len() == BATCH {
                            break;
                        }
                    }
                    Ok::<_, StoreError>(Batch {
                        events,
                        looked_at: after,
                    })
                })
            })
            .await
            .map_err(EngineError::Store)
    }

    /// Sends, and tells how it went; never fails itself.
    pub(super) async fn send(
        &self,
        client: &Client,
        webhook: &Webhook,
        events: &[Event],
        test: bool,
    ) -> WebhookDelivery {
        let began = self.now();
        let id = self.delivery_id(began);
        let outcome = self.attempt(client, webhook, events, test, id).await;
        let ended = self.now();
        let (status, error) = match outcome {
            Ok(status) if (200..300).contains(&status) => (Some(status), None),
            Ok(status) => (
                Some(status),
                Some(format!("the receiver answered {status}")),
            ),
            Err(error) => (None, Some(error.chars().take(LONGEST_ERROR).collect())),
        };
        let outcome = if error.is_none() {
            "accepted"
        } else {
            "failed"
        };
        ::metrics::counter!("muster_webhook_deliveries_total", "outcome" => outcome).increment(1);
        WebhookDelivery {
            id,
            webhook_id: webhook.id,
            at: began,
            from_seq: events.first().map_or(0, |event| event.seq),
            to_seq: events.last().map_or(0, |event| event.seq),
            status,
            error,
            duration_ms: i64::try_from(ended.since(began).as_millis()).unwrap_or(i64::MAX),
        }
    }

    async fn attempt(
        &self,
        client: &Client,
        webhook: &Webhook,
        events: &[Event],
        test: bool,
        id: Uuid,
    ) -> Result<u16, String> {
        let url = egress::check_url(&webhook.url, self.settings.allow_private_egress)
            .map_err(|error| error.to_string())?;
        let secret = self
            .open_webhook_secret(webhook)
            .map_err(|error| error.to_string())?;
        let now = self.now();
        let body = serde_json::to_vec(&Body {
            delivery: id,
            webhook: webhook.id,
            sent_at: now,
            test,
            events,
        })
        .map_err(|error| error.to_string())?;
        client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("muster-delivery", id.to_string())
            .header("muster-signature", signature(&secret, now, &body))
            .body(body)
            .send()
            .await
            .map(|answer| answer.status().as_u16())
            .map_err(|error| reason(&error, &url))
    }

    /// Writes down what became of a claimed subscription. Somebody who replayed or changed it in
    /// the meantime also moved the end of its lease, and then their cursor stands.
    async fn settle_delivery(
        &self,
        claimed: Webhook,
        cursor: u64,
        failures: u32,
        next_attempt_at: Timestamp,
        delivery: Option<WebhookDelivery>,
    ) -> Result<()> {
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let Some(current) = tx.webhook(claimed.id).await? else {
                        return Ok::<_, StoreError>(());
                    };
                    if current.next_attempt_at == claimed.next_attempt_at {
                        tx.settle_webhook(claimed.id, cursor, failures, next_attempt_at)
                            .await?;
                    }
                    match delivery {
                        Some(delivery) => tx.insert_webhook_delivery(&delivery, LOGGED).await,
                        None => Ok(()),
                    }
                })
            })
            .await
            .map_err(EngineError::Store)
    }

    pub(super) async fn log_delivery(&self, delivery: WebhookDelivery) -> Result<()> {
        self.db
            .write(move |tx| {
                Box::pin(async move { tx.insert_webhook_delivery(&delivery, LOGGED).await })
            })
            .await
            .map_err(EngineError::Store)
    }

    fn open_webhook_secret(&self, webhook: &Webhook) -> Result<Secret<Vec<u8>>> {
        self.sealer
            .open(&secret_place(&webhook.id.to_string()), &webhook.secret)
            .map_err(EngineError::keys)
    }

    fn delivery_id(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid()
    }

    fn back_off(&self, failures: u32) -> Duration {
        back_off(failures, self.random::<1>()[0])
    }
}

/// Where a webhook's secret lives.
pub(super) const fn secret_place(id: &str) -> Place<'_> {
    Place {
        table: "webhooks",
        row: id,
        kind: "secret",
    }
}

/// Doubles from 5 seconds to an hour; up to a quarter less, so that receivers that failed together
/// are not tried together.
fn back_off(failures: u32, random: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(12);
    let full = (FIRST_RETRY * (1 << doublings)).min(LONGEST_RETRY);
    full - full / 4 * u32::from(random) / 255
}

/// `t=<seconds since 1970>,v1=<HMAC-SHA256 in hexadecimal over "t.body">`.
fn signature(secret: &Secret<Vec<u8>>, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.seconds();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", hex::encode(context.sign().as_ref()))
}

/// Why a request failed, without the path and query, which may hold a receiver's secret.
fn reason(error: &reqwest::Error, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    if error.is_timeout() {
        return format!("{host} did not answer in time");
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if error.is_connect() {
        return format!("no connection to {host}: {inner}");
    }
    format!("the request to {host} failed: {inner}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_an_hour_and_is_spread() {
        assert_eq!(back_off(1, 0), Duration::from_secs(5));
        assert_eq!(back_off(4, 0), Duration::from_secs(40));
        assert_eq!(back_off(4, 255), Duration::from_secs(30));
        assert_eq!(back_off(u32::MAX, 0), Duration::from_secs(3600));
    }

    #[test]
    fn the_signature_is_what_others_compute() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
        let secret = Secret::new(b"secret".to_vec());
        assert_eq!(
            signature(&secret, Timestamp::from_seconds(1_700_000_000), b"{}"),
            "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
        );
    }
}
