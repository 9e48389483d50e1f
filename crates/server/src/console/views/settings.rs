//! Settings of the server: push certificate, API tokens, webhooks.

use askama::Template;
use domain::Timestamp;

use super::{Section, Shell};
use crate::console::{
    assets,
    components::{Choice, Form},
    format,
};

/// The push certificate in use.
#[derive(Debug, Clone)]
pub struct PushCertificate {
    /// The topic, `com.apple.mgmt.External...`; devices are bound to it.
    pub topic: String,
    /// Serial number of the certificate.
    pub serial: String,
    /// When it becomes valid.
    pub not_before: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
}

/// `/settings/push`: shows and replaces the push certificate. The form has the
/// field `certificate` (PEM) and, with a new key, `key`; another one asks
/// `/settings/push/request` for a certificate request to download.
#[derive(Debug, Clone, Template)]
#[template(path = "push_certificate.html")]
pub struct PushCertificatePage {
    /// What all pages share.
    pub shell: Shell,
    /// The certificate in use.
    pub current: Option<PushCertificate>,
    /// How many devices are bound to its topic.
    pub devices: u64,
    /// The form as sent.
    pub form: Form,
    /// Whether the person may replace it.
    pub may_change: bool,
}

/// An API token as listed; its text is shown once only.
#[derive(Debug, Clone)]
pub struct ApiTokenRow {
    /// Its id, for the form that revokes it.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// `/settings/tokens`: the form has `name`, `scope` (repeated) and `days`.
#[derive(Debug, Clone, Template)]
#[template(path = "api_tokens.html")]
pub struct ApiTokensPage {
    /// What all pages share.
    pub shell: Shell,
    /// Text of the token just made; shown this once.
    pub created: Option<String>,
    /// The tokens, newest first.
    pub tokens: Vec<ApiTokenRow>,
    /// Scopes to choose from.
    pub scopes: Vec<Choice>,
    /// The form as sent.
    pub form: Form,
}

/// A webhook as listed.
#[derive(Debug, Clone)]
pub struct WebhookRow {
    /// Its id.
    pub id: String,
    /// Where events are sent.
    pub url: String,
    /// Kinds of event sent; empty for all.
    pub kinds: Vec<String>,
    /// Last journal entry delivered.
    pub delivered_seq: u64,
    /// How many entries wait to be delivered.
    pub waiting: u64,
    /// When the receiver last accepted something.
    pub last_success_at: Option<Timestamp>,
    /// Why the last attempt failed; empty when it did not.
    pub last_error: String,
    /// Whether deliveries are made.
    pub enabled: bool,
}

/// `/settings/webhooks`: the form has `url` and `kind` (repeated).
#[derive(Debug, Clone, Template)]
#[template(path = "webhooks.html")]
pub struct WebhooksPage {
    /// What all pages share.
    pub shell: Shell,
    /// Signing secret of the webhook just made; shown this once.
    pub created_secret: Option<String>,
    /// The webhooks.
    pub webhooks: Vec<WebhookRow>,
    /// Kinds of event to choose from.
    pub kinds: Vec<Choice>,
    /// The form as sent.
    pub form: Form,
}
