//! The client of Apple's push service.
//!
//! HTTP/2 with certificate authentication, one long-lived connection pool per
//! topic. A base URL with `http://` speaks HTTP/1.1 to a proxy or stand-in.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use domain::{Secret, Timestamp};

/// Where Apple's push service is.
pub const PRODUCTION: &str = "https://api.push.apple.com";

/// A push certificate with its key, both PEM.
#[derive(Debug, Clone)]
pub struct PushIdentity {
    /// The topic: the UID of the certificate's subject.
    pub topic: String,
    /// The certificate and what else stands in its file.
    pub certificate_pem: String,
    /// PKCS#8.
    pub key_pem: Secret<String>,
    /// Until when Apple accepts it.
    pub not_after: Timestamp,
}

/// One push.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The topic that the device named.
    pub topic: String,
    /// The device's push token.
    pub token: Vec<u8>,
    /// The device's push magic.
    pub magic: String,
    /// Until when the service keeps it for a device that is off.
    pub expiration: Timestamp,
}

/// What the service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, at most 4 KiB.
    pub body: Vec<u8>,
}

/// Why a push did not reach the service.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No certificate for this topic was imported.
    #[error("there is no push certificate for the topic {0}")]
    NoCertificate(String),
    /// The certificate or key cannot be used.
    #[error("the push certificate cannot be used: {0}")]
    Identity(String),
    /// The device's token or magic does not open with our keys; the device brings new ones.
    #[error("the device's push token cannot be opened: {0}")]
    Sealed(String),
    /// The service cannot be reached.
    #[error("the push service cannot be reached: {0}")]
    Unreachable(String),
}

/// Options of the connection.
#[derive(Debug, Clone)]
pub struct ApnsOptions {
    /// Where the service is; [`PRODUCTION`] unless a stand-in or proxy takes its place.
    pub base_url: String,
    /// The only trust anchor, PEM, when a stand-in or an inspecting proxy takes the service's place; the system's otherwise.
    pub root_pem: Option<String>,
    /// How long one push may take.
    pub timeout: Duration,
}

impl Default for ApnsOptions {
    fn default() -> Self {
        Self {
            base_url: PRODUCTION.into(),
            root_pem: None,
            timeout: Duration::from_secs(20),
        }
    }
}

type Clients = HashMap<String, reqwest::Client>;

/// The client; cheap to clone.
#[derive(Clone)]
pub struct Apns {
    options: Arc<ApnsOptions>,
    clients: Arc<ArcSwap<Clients>>,
}

impl std::fmt::Debug for Apns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apns")
            .field("base_url", &self.options.base_url)
            .finish_non_exhaustive()
    }
}

impl Apns {
    /// A client without certificates.
    pub fn new(options: ApnsOptions) -> Self {
        Self {
            options: Arc::new(options),
            clients: Arc::default(),
        }
    }

    /// Replaces all certificates; connections of unchanged topics are opened anew.
    ///
    /// # Errors
    /// [`PushError::Identity`] when one cannot be used; then nothing changes.
    pub fn set_identities(&self, identities: &[PushIdentity]) -> Result<(), PushError> {
        let mut clients = Clients::new();
        for identity in identities {
            clients.insert(identity.topic.clone(), self.client(identity)?);
        }
        self.clients.store(Arc::new(clients));
        Ok(())
    }

    /// Whether a push for this topic could be sent.
    pub fn has_topic(&self, topic: &str) -> bool {
        self.clients.load().contains_key(topic)
    }

    /// Sends one push.
    ///
    /// # Errors
    /// [`PushError`] when there was no answer; every answer of the service, also a refusal, is `Ok`.
    pub async fn push(&self, push: &PushRequest) -> Result<PushAnswer, PushError> {
        let client = self
            .clients
            .load()
            .get(&push.topic)
            .cloned()
            .ok_or_else(|| PushError::NoCertificate(push.topic.clone()))?;
        let unreachable = |error: reqwest::Error| PushError::Unreachable(describe(&error));
        let response = client
            .post(format!(
                "{}/3/device/{}",
                self.options.base_url.trim_end_matches('/'),
                hex::encode(&push.token)
            ))
            .header("apns-topic", &push.topic)
            .header("apns-push-type", "mdm")
            .header("apns-priority", "10")
            .header("apns-expiration", push.expiration.seconds().to_string())
            .body(apple::push::body(&push.magic))
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status().as_u16();
        let mut body = response.bytes().await.map_err(unreachable)?.to_vec();
        body.truncate(4096);
        Ok(PushAnswer { status, body })
    }

    fn client(&self, identity: &PushIdentity) -> Result<reqwest::Client, PushError> {
        let unusable = |error: reqwest::Error| PushError::Identity(describe(&error));
        let pem = format!(
            "{}\n{}",
            identity.key_pem.expose(),
            identity.certificate_pem
        );
        let mut builder = reqwest::Client::builder()
            .identity(reqwest::Identity::from_pem(pem.as_bytes()).map_err(unusable)?)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(self.options.timeout)
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(None)
            .pool_max_idle_per_host(4);
        if self.options.base_url.starts_with("https:") {
            builder = builder
                .https_only(true)
                .http2_prior_knowledge()
                .http2_keep_alive_interval(Duration::from_secs(60))
                .http2_keep_alive_while_idle(true);
        }
        if let Some(pem) = &self.options.root_pem {
            let root = reqwest::Certificate::from_pem(pem.as_bytes()).map_err(unusable)?;
            builder = builder.tls_certs_only([root]);
        }
        builder.build().map_err(unusable)
    }
}

/// An error with its causes: reqwest's own text names only the outermost.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
