//! Webhooks, as the API shows them.

mod change;
mod create;
mod deliveries;
mod get;
mod list;
mod remove;
mod replay;
mod rotate_secret;
mod test;

use domain::{Timestamp, WebhookId};
use engine::webhooks::{CreatedWebhook, WebhookInfo};
use serde::Serialize;
use store::WebhookDelivery;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{App, api::wire::Time};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, change::change, remove::remove))
        .routes(routes!(replay::replay))
        .routes(routes!(rotate_secret::rotate_secret))
        .routes(routes!(deliveries::deliveries))
        .routes(routes!(test::test))
}

/// A subscription to the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    #[schema(value_type = Uuid)]
    id: WebhookId,
    /// Where it delivers.
    #[schema(example = "https://hooks.example.org/muster")]
    url: String,
    /// Prefixes of the kinds of events wanted; empty wants all.
    #[schema(example = json!(["device."]))]
    kinds: Vec<String>,
    /// Whether it delivers.
    enabled: bool,
    /// The last event that was delivered or not wanted.
    cursor: u64,
    /// How many later events there are, wanted or not.
    waiting: u64,
    /// Failures since the last success.
    failures: u32,
    /// When it is tried again, after a failure.
    #[schema(value_type = Option<Time>)]
    next_attempt_at: Option<Timestamp>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// The last attempt.
    last_delivery: Option<Delivery>,
}

impl From<WebhookInfo> for Webhook {
    fn from(info: WebhookInfo) -> Self {
        Self {
            id: info.id,
            url: info.url,
            kinds: info.kinds,
            enabled: info.enabled,
            cursor: info.cursor,
            waiting: info.waiting,
            failures: info.failures,
            next_attempt_at: info.next_attempt_at,
            created_at: info.created_at,
            last_delivery: info.last_delivery.map(Into::into),
        }
    }
}

/// One attempt to deliver.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct Delivery {
    id: Uuid,
    #[schema(value_type = Time)]
    at: Timestamp,
    /// The first event in it.
    from_seq: u64,
    /// The last event in it.
    to_seq: u64,
    /// The HTTP status, if an answer came.
    status: Option<u16>,
    /// What went wrong.
    error: Option<String>,
    /// In milliseconds.
    duration_ms: i64,
}

impl From<WebhookDelivery> for Delivery {
    fn from(row: WebhookDelivery) -> Self {
        Self {
            id: row.id,
            at: row.at,
            from_seq: row.from_seq,
            to_seq: row.to_seq,
            status: row.status,
            error: row.error,
            duration_ms: row.duration_ms,
        }
    }
}

/// A webhook with its secret, which is never shown again.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedWebhook)]
pub(crate) struct WithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    /// What deliveries are signed with (HMAC-SHA256, header `Muster-Signature`).
    #[schema(example = "muster_whsec_EXAMPLE")]
    secret: String,
}

impl From<CreatedWebhook> for WithSecret {
    fn from(made: CreatedWebhook) -> Self {
        Self {
            secret: made.secret.expose().clone(),
            webhook: made.webhook.into(),
        }
    }
}
