//! The adapter of Apple's management protocol: what its messages do.

mod authenticate;
mod bootstrap;
mod checkin;
mod connect;
mod declarative;
mod planning;
mod tokens;

use std::sync::Arc;

use apple::{Message, commands::Target};
use domain::{
    EnrollmentKind, Ownership, Platform, Timestamp,
    enrollment::EnrollmentState,
    scope::{Actor, ActorKind},
};
use serde_json::json;
use store::Facts as _;

use crate::{
    Engine, EngineError,
    identity::{Enrolled, Proof, ProofError, Proven},
    journal::About,
};

pub use declarative::{BUILT_IN_PREFIX, SNAPSHOTS_KEPT};

/// The platforms that share Apple's protocol, in the order a device is looked for.
pub(crate) const PLATFORMS: &[Platform] = &[
    Platform::Ios,
    Platform::Ipados,
    Platform::Macos,
    Platform::Tvos,
    Platform::Watchos,
    Platform::Visionos,
];

/// What a device gets: 200 with these bytes, which may be none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The body.
    pub body: Vec<u8>,
    /// Its type.
    pub content: Content,
}

/// The type of a reply's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// A property list, or nothing.
    #[default]
    Plist,
    /// JSON, for declarative management.
    Json,
}

impl Reply {
    /// 200 with nothing: "continue", or "no more commands".
    pub const EMPTY: Self = Self {
        body: Vec::new(),
        content: Content::Plist,
    };

    fn plist(body: Vec<u8>) -> Self {
        Self {
            body,
            content: Content::Plist,
        }
    }

    fn json(body: Vec<u8>) -> Self {
        Self {
            body,
            content: Content::Json,
        }
    }
}

/// Why a device did not get what it wanted. One place in the server maps these to HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It did not prove who it is: 400.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// It proved nothing at all: 400.
    #[error("neither Mdm-Signature nor a client certificate came with the message")]
    NoProof,
    /// The message cannot be read: 400.
    #[error(transparent)]
    Malformed(#[from] apple::ParseError),
    /// The message is readable but not acceptable: 400.
    #[error("{0}")]
    Unacceptable(String),
    /// Its certificate is not pinned to any enrollment: 400.
    #[error("this identity is not enrolled")]
    NotEnrolled,
    /// Its enrollment is over: 400.
    #[error("this enrollment is over")]
    Over,
    /// The certificate belongs to another device: 400.
    #[error("this identity belongs to another device")]
    Cloned,
    /// It may not enrol: 400.
    #[error("the enrollment is refused: {0}")]
    NotAdmitted(String),
    /// The user is declined: 410.
    #[error("users are not managed on this device")]
    UserDeclined,
    /// There is no such declaration: 404.
    #[error("there is no such declaration")]
    NoDeclaration,
    /// We cannot serve now: 503, and the device tries again.
    #[error(transparent)]
    Unavailable(EngineError),
}

impl Refusal {
    /// The name under which it is counted.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proof(ProofError::Signature(_)) => "bad_signature",
            Self::Proof(ProofError::Foreign(_)) => "foreign_certificate",
            Self::Proof(ProofError::Expired(_)) => "expired_certificate",
            Self::NoProof => "no_proof",
            Self::Malformed(_) => "malformed",
            Self::Unacceptable(_) => "unacceptable",
            Self::NotEnrolled => "not_enrolled",
            Self::Over => "over",
            Self::Cloned => "cloned",
            Self::NotAdmitted(_) => "not_admitted",
            Self::UserDeclined => "user_declined",
            Self::NoDeclaration => "no_declaration",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => Self::NotAdmitted(refusal.to_string()),
            EngineError::Conflict(text) | EngineError::Invalid(text) | EngineError::Unfit(text) => {
                Self::Unacceptable(text)
            }
            other => Self::Unavailable(other),
        }
    }
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// A message with the proof of who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// How the sender proves who it is.
    pub proof: Option<Proof<'a>>,
    /// The message.
    pub body: &'a [u8],
    /// The network address it came from.
    pub address: &'a str,
}

/// Everything known about the sender of a message.
#[derive(Debug, Clone)]
struct Caller {
    enrolled: Arc<Enrolled>,
    /// The enrollment of the channel it speaks on; the device's own, or a user's if there is one yet.
    key: apple::EnrollmentKey,
    actor: Actor,
    now: Timestamp,
}

impl Engine {
    /// Takes a check-in or a command report and gives the reply.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing of the message was acted upon.
    pub async fn apple_message(&self, delivery: Delivery<'_>) -> Result<Reply, Refusal> {
        let proof = delivery.proof.ok_or(Refusal::NoProof)?;
        let proven = self.prove(proof, delivery.body)?;
        let message = Message::parse(delivery.body)?;
        let key = message
            .sender()
            .key()
            .ok_or_else(|| Refusal::Unacceptable("the message names no device".into()))?;
        match message {
            Message::CheckIn(checkin) => {
                self.apple_checkin(proven, key, *checkin, delivery.address)
                    .await
            }
            Message::Report(report) => {
                let caller = self.apple_caller(proven, key, delivery.address).await?;
                self.apple_report(caller, *report).await
            }
        }
    }

    /// Whom a message comes from: its certificate must be pinned to the device it names.
    async fn apple_caller(
        &self,
        proven: Proven,
        key: apple::EnrollmentKey,
        address: &str,
    ) -> Result<Caller, Refusal> {
        let enrolled = self.enrolled(&proven).await?.ok_or(Refusal::NotEnrolled)?;
        if enrolled.native_key != key.device_key().to_string() {
            self.journal_clone(&proven, &enrolled, &key, address)
                .await?;
            return Err(Refusal::Cloned);
        }
        if enrolled.state == EnrollmentState::Ended {
            return Err(Refusal::Over);
        }
        Ok(Caller {
            actor: Actor::new(ActorKind::Device, enrolled.device, "").at(address),
            now: self.now(),
            enrolled,
            key,
        })
    }

    /// Writes once an hour and certificate that somebody uses another device's identity.
    async fn journal_clone(
        &self,
        proven: &Proven,
        enrolled: &Enrolled,
        key: &apple::EnrollmentKey,
        address: &str,
    ) -> Result<(), Refusal> {
        metrics::counter!(crate::metrics::CLONED_IDENTITIES).increment(1);
        if !self.identities.first_report(proven.fingerprint, "clone") {
            return Ok(());
        }
        let engine = self.clone();
        let about = About::device(enrolled.device)
            .and(enrolled.enrollment)
            .within(enrolled.unit);
        let data = json!({
            "certificate_sha256": hex::encode(proven.fingerprint),
            "belongs_to": enrolled.native_key,
            "used_by": key.device,
        });
        let actor = Actor::new(ActorKind::Device, "", key.device.clone()).at(address);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    engine
                        .record(tx, "identity.cloned", &actor, about, data)
                        .await
                })
            })
            .await?;
        Ok(())
    }
}

/// What decides whether a command fits.
pub(crate) fn target_of(device: &store::Device, enrollment: &store::Enrollment) -> Target {
    let reported = !device.os_version.as_str().is_empty();
    Target {
        platform: device.platform,
        os_version: reported.then(|| device.os_version.clone()),
        supervised: reported.then_some(device.supervised),
        channel: enrollment.channel,
        kind: enrollment.kind,
        ownership: device.ownership,
        shared_ipad: None,
        apple_silicon: None,
    }
}

/// [`target_of`] with all that the facts tell, for commands that people ask for.
pub(crate) async fn target_with_facts(
    tx: &mut store::Tx,
    device: &store::Device,
    enrollment: &store::Enrollment,
) -> Result<Target, EngineError> {
    let mut target = target_of(device, enrollment);
    for sheet in tx.facts(device.id).await? {
        target.learn(sheet.category, &sheet.document);
    }
    Ok(target)
}

/// How an enrollment came about, as far as its first message shows.
fn kind_of(key: &apple::EnrollmentKey, ownership: Ownership) -> EnrollmentKind {
    match (key.is_user_enrollment(), ownership) {
        (true, _) => EnrollmentKind::AccountUser,
        (false, _) => EnrollmentKind::Profile,
    }
}
