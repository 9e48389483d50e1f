//! Use cases: take a transaction, ask the domain, carry the plan out.
//!
//! The engine owns what happens between a message and the database: identity of
//! devices, the command queue, pushes, declarative management, escrow, the
//! journal, sign-in, webhooks and everything periodic. It knows no HTTP routes
//! and chooses no backend: the composition root gives it a database, a clock,
//! entropy and settings.

pub mod apple;
pub mod authority;
pub mod certificates;
pub mod clock;
pub mod declarations;
pub mod devices;
pub mod enroll;
pub mod error;
pub mod facts;
pub mod idempotency;
pub mod identity;
pub mod journal;
pub mod metrics;
pub mod offers;
mod once;
pub mod orders;
pub mod people;
pub mod push;
pub mod queue;
mod root_key;
pub mod scep;
pub mod secrets;
pub mod settings;
pub mod tasks;
pub mod units;
mod wake;
pub mod webhooks;

use std::{ops::Deref, sync::Arc};

use arc_swap::ArcSwap;
use domain::{Secret, Timestamp};
use pki::seal::Sealer;
use store::Db;
use tokio::sync::{Notify, watch};

pub use clock::{Clock, Entropy, SystemClock, SystemEntropy};
pub use error::{EngineError, Result};
pub use settings::Settings;

use crate::{
    authority::Authority,
    identity::IdentityCache,
    push::{Apns, PushQueue},
    wake::{EmptyQueues, LastSeen},
};

/// What the composition root gives.
pub struct Parts {
    /// The database, migrated.
    pub db: Db,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Seals secrets.
    pub sealer: Arc<Sealer>,
    /// What the operator chose.
    pub settings: Settings,
    /// The client of Apple's push service.
    pub apns: Apns,
    /// A name of this process, unique among those that share the database.
    pub node: String,
}

/// The engine; cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// What all use cases share.
pub struct Inner {
    /// The database.
    pub db: Db,
    /// What the operator chose.
    pub settings: Settings,
    /// Seals secrets.
    pub(crate) sealer: Arc<Sealer>,
    /// Keys and certificates of this installation.
    pub authority: ArcSwap<Authority>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) apns: Apns,
    pub(crate) node: String,
    pub(crate) identities: IdentityCache,
    pub(crate) empty_queues: EmptyQueues,
    pub(crate) last_seen: LastSeen,
    pub(crate) pushes: PushQueue,
    pub(crate) journal_waiting: Notify,
    pub(crate) journal_head: watch::Sender<u64>,
    /// Which push certificates the client was given.
    pub(crate) push_loaded: ArcSwap<Vec<u8>>,
    pub(crate) revocation_list: ArcSwap<Option<(Timestamp, Arc<Vec<u8>>)>>,
}

impl Deref for Engine {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the installation: makes its keys and certificates when it is new, loads them otherwise.
    ///
    /// # Errors
    /// When the database cannot serve, or keys cannot be opened with the given key-encryption key.
    pub async fn open(parts: Parts) -> Result<Self> {
        let authority = Authority::load_or_create(&parts).await?;
        let (journal_head, _) = watch::channel(0);
        let engine = Self(Arc::new(Inner {
            db: parts.db,
            settings: parts.settings,
            sealer: parts.sealer,
            authority: ArcSwap::from_pointee(authority),
            clock: parts.clock,
            entropy: parts.entropy,
            apns: parts.apns,
            node: parts.node,
            identities: IdentityCache::default(),
            empty_queues: EmptyQueues::default(),
            last_seen: LastSeen::default(),
            pushes: PushQueue::default(),
            journal_waiting: Notify::new(),
            journal_head,
            push_loaded: ArcSwap::default(),
            revocation_list: ArcSwap::from_pointee(None),
        }));
        engine.load_journal_head().await?;
        engine.load_push_identities().await?;
        Ok(engine)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A new secret for people and programs to carry: 256 random bits, base64url with a prefix
    /// that lets secret scanners find it.
    pub(crate) fn new_secret(&self, prefix: &str) -> Secret<String> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        Secret::new(format!(
            "{prefix}{}",
            URL_SAFE_NO_PAD.encode(self.random::<32>())
        ))
    }
}

/// SHA-256, as secrets are kept for comparison.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    hash
}
