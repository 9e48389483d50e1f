//! Which device speaks: proof by signature or client certificate, and whom it is pinned to.
//!
//! A stranger costs one signature check and no database query: only
//! certificates of our own CA are looked up.

use std::{sync::Arc, time::Duration};

use domain::{
    Channel, DeviceId, EnrollmentId, Ownership, Platform, UnitId, enrollment::EnrollmentState,
};
use moka::sync::Cache;
use pki::{Certificate, ChainPolicy, Legacy};
use store::{Certificates as _, Devices as _};

use crate::{Engine, Result};

/// How a device proves who it is.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// The `Mdm-Signature` header: base64 of a CMS over the body.
    Signature(&'a str),
    /// The certificate it showed in the TLS handshake, which proved its key; DER.
    ClientCertificate(&'a [u8]),
}

/// Why a device was not believed. None of these reaches the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The signature does not hold for this body.
    #[error("the signature does not hold: {0}")]
    Signature(String),
    /// The certificate is not one of ours.
    #[error("the certificate is not from this server's CA: {0}")]
    Foreign(String),
    /// The certificate is out of date.
    #[error("{0}")]
    Expired(String),
}

/// A certificate of ours whose key the caller has.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
}

/// The device enrollment that a certificate is pinned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The device.
    pub device: DeviceId,
    /// Its enrollment on the device channel.
    pub enrollment: EnrollmentId,
    /// How the device names itself there.
    pub native_key: String,
    /// Its platform.
    pub platform: Platform,
    /// Who owns it.
    pub ownership: Ownership,
    /// Its unit.
    pub unit: Option<UnitId>,
    /// Where the enrollment stands.
    pub state: EnrollmentState,
}

/// What is remembered of identities.
pub(crate) struct IdentityCache {
    /// Certificates whose chain was verified, by fingerprint.
    chains: Cache<[u8; 32], Arc<Certificate>>,
    /// Whom a certificate that is not revoked is pinned to; a pin never changes.
    pins: Cache<[u8; 32], EnrollmentId>,
    /// The state of device enrollments.
    enrolled: Cache<EnrollmentId, Arc<Enrolled>>,
    /// User channels, by device enrollment and the user's native key.
    users: Cache<(EnrollmentId, String), EnrollmentId>,
    /// Oddities already written to the journal lately.
    reported: Cache<([u8; 32], &'static str), ()>,
}

impl Default for IdentityCache {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            chains: Cache::builder().max_capacity(200_000).build(),
            pins: Cache::builder()
                .max_capacity(2_000_000)
                .time_to_idle(24 * hour)
                .build(),
            enrolled: Cache::builder()
                .max_capacity(1_000_000)
                .time_to_idle(24 * hour)
                .build(),
            users: Cache::builder()
                .max_capacity(200_000)
                .time_to_idle(24 * hour)
                .build(),
            reported: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(hour)
                .build(),
        }
    }
}

impl IdentityCache {
    /// The state of an enrollment changed, here or on another node.
    pub(crate) fn forget(&self, enrollment: EnrollmentId) {
        self.enrolled.invalidate(&enrollment);
        // Which users belong to it is not known here; they are few and cheap to find again.
        self.users.invalidate_all();
    }

    /// A certificate was revoked, here or on another node; its enrollment may live on with another.
    pub(crate) fn forget_certificate(&self, fingerprint: &[u8; 32]) {
        self.pins.invalidate(fingerprint);
    }

    /// News of other nodes may have been lost.
    pub(crate) fn forget_all(&self) {
        self.pins.invalidate_all();
        self.enrolled.invalidate_all();
        self.users.invalidate_all();
    }

    /// Whether an oddity of this certificate has not been journalled within the hour.
    pub(crate) fn first_report(&self, fingerprint: [u8; 32], what: &'static str) -> bool {
        if self.reported.contains_key(&(fingerprint, what)) {
            return false;
        }
        self.reported.insert((fingerprint, what), ());
        true
    }

    pub(crate) fn user(&self, parent: EnrollmentId, key: &str) -> Option<EnrollmentId> {
        self.users.get(&(parent, key.to_owned()))
    }

    pub(crate) fn remember_user(&self, parent: EnrollmentId, key: &str, user: EnrollmentId) {
        self.users.insert((parent, key.to_owned()), user);
    }
}

impl Engine {
    /// Checks that the caller has the key of a certificate that our CA issued.
    ///
    /// # Errors
    /// [`ProofError`]; nothing was read from the database.
    pub fn prove(&self, proof: Proof<'_>, body: &[u8]) -> Result<Proven, ProofError> {
        let certificate = match proof {
            Proof::Signature(header) => {
                pki::cms::verify_mdm_signature(header, body, &pki::cms::Limits::default())
                    .map_err(|error| ProofError::Signature(error.to_string()))?
                    .certificate
            }
            Proof::ClientCertificate(der) => Certificate::from_der(der)
                .map_err(|error| ProofError::Foreign(error.to_string()))?,
        };
        let fingerprint = certificate.fingerprint();
        let now = self.now();
        let skew = self.settings.clock_skew;
        if let Some(known) = self.identities.chains.get(&fingerprint) {
            known
                .check_validity(now, skew)
                .map_err(|error| ProofError::Expired(error.to_string()))?;
            return Ok(Proven {
                certificate: known,
                fingerprint,
            });
        }
        let authority = self.authority.load();
        let policy = ChainPolicy {
            clock_skew: skew,
            legacy: Legacy::Refuse,
            accept_expired_leaf: false,
            purpose: Some(pki::purpose::CLIENT_AUTH),
        };
        pki::verify_chain(
            &certificate,
            &[],
            std::slice::from_ref(authority.issuing.certificate()),
            now,
            &policy,
        )
        .map_err(|error| match error {
            pki::CertificateError::Expired { .. } | pki::CertificateError::NotYetValid { .. } => {
                ProofError::Expired(error.to_string())
            }
            other => ProofError::Foreign(other.to_string()),
        })?;
        let certificate = Arc::new(certificate);
        self.identities
            .chains
            .insert(fingerprint, Arc::clone(&certificate));
        Ok(Proven {
            certificate,
            fingerprint,
        })
    }

    /// Whom a proven certificate is pinned to; `None` when it is not pinned, or revoked.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn enrolled(&self, proven: &Proven) -> Result<Option<Arc<Enrolled>>> {
        if let Some(enrollment) = self.identities.pins.get(&proven.fingerprint)
            && let Some(known) = self.identities.enrolled.get(&enrollment)
        {
            return Ok(Some(known));
        }
        let fingerprint = proven.fingerprint;
        let found = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let Some(pinned) = tx.identity(&fingerprint).await? else {
                        return Ok::<_, store::StoreError>(None);
                    };
                    let row = tx.certificate(&fingerprint).await?;
                    let device = tx.device(pinned.enrollment.device_id).await?;
                    Ok(device.map(|device| (pinned, device, row)))
                })
            })
            .await?;
        let Some((pinned, device, row)) = found else {
            return Ok(None);
        };
        let revoked = row
            .as_ref()
            .is_some_and(|certificate| certificate.revoked_at.is_some());
        let over = pinned.enrollment.state == EnrollmentState::Ended;
        if pinned.enrollment.channel != Channel::Device || (revoked && !over) {
            return Ok(None);
        }
        if !over && row.is_some_and(|row| row.issued_at > pinned.enrollment.created_at) {
            self.supersede_before(pinned.enrollment.id, fingerprint)
                .await?;
        }
        let enrolled = Arc::new(Enrolled {
            device: device.id,
            enrollment: pinned.enrollment.id,
            native_key: pinned.enrollment.native_key,
            platform: device.platform,
            ownership: device.ownership,
            unit: device.unit_id,
            state: pinned.enrollment.state,
        });
        self.identities
            .pins
            .insert(fingerprint, enrolled.enrollment);
        self.identities
            .enrolled
            .insert(enrolled.enrollment, Arc::clone(&enrolled));
        Ok(Some(enrolled))
    }

    /// A renewed certificate is in use: those issued before it are no longer waited for.
    async fn supersede_before(&self, enrollment: EnrollmentId, used: [u8; 32]) -> Result<()> {
        let all = self
            .db
            .read(move |tx| Box::pin(async move { tx.certificates_of(enrollment).await }))
            .await?;
        let Some(issued_at) = all
            .iter()
            .find(|certificate| certificate.sha256 == used)
            .map(|certificate| certificate.issued_at)
        else {
            return Ok(());
        };
        let former: Vec<[u8; 32]> = all
            .iter()
            .filter(|other| other.issued_at < issued_at && other.superseded_at.is_none())
            .map(|other| other.sha256)
            .collect();
        if former.is_empty() {
            return Ok(());
        }
        let now = self.now();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    for sha256 in former {
                        tx.supersede_certificate(&sha256, now).await?;
                    }
                    Ok::<_, store::StoreError>(())
                })
            })
            .await?;
        Ok(())
    }

    /// Says here and on the other nodes that the state of an enrollment changed.
    pub(crate) fn announce_state(tx: &mut store::Tx, enrollment: EnrollmentId) {
        tx.notify(store::Wake::Changed(format!("identity:{enrollment}")));
    }
}
