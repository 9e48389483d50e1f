//! Issued certificates, and which identity speaks for which enrollment.

use domain::{DeviceId, DeviceState, EnrollmentId, TicketId, Timestamp, enrollment::EnrollmentState};

use super::Enrollment;
use crate::Result;

/// A certificate we issued (or, for pinning only, accepted).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// Serial number, lower-case hexadecimal without leading zeros.
    pub serial: String,
    /// Name of the issuing key (see [`super::Keys`]).
    pub issuer: String,
    /// What it is for: `device`, `issuing`, `ra`, `profile`, `ocsp`, `server`, ...
    pub kind: String,
    /// Subject as RFC 4514 text.
    pub subject: String,
    /// The certificate.
    pub der: Vec<u8>,
    /// The enrollment it belongs to.
    pub enrollment_id: Option<EnrollmentId>,
    /// The ticket whose challenge it was issued for.
    pub ticket_id: Option<TicketId>,
    /// Validity start.
    pub not_before: Timestamp,
    /// Validity end.
    pub not_after: Timestamp,
    /// When we issued it.
    pub issued_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// CRLReason (RFC 5280 section 5.3.1).
    pub revocation_reason: Option<i64>,
    /// When a newer one took its place.
    pub superseded_at: Option<Timestamp>,
}

/// An entry of a certificate revocation list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Serial number in hexadecimal.
    pub serial: String,
    /// When.
    pub revoked_at: Timestamp,
    /// CRLReason (RFC 5280 section 5.3.1).
    pub reason: i64,
}

/// What a pinned identity stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedIdentity {
    /// Hash of the certificate.
    pub sha256: [u8; 32],
    /// Its enrollment on the device channel.
    pub enrollment: Enrollment,
    /// State of that enrollment's device.
    pub device_state: DeviceState,
    /// When it was pinned.
    pub pinned_at: Timestamp,
    /// End of the certificate's validity, if known.
    pub not_after: Option<Timestamp>,
}

/// A device identity that ends soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiringIdentity {
    /// Hash of the certificate.
    pub sha256: [u8; 32],
    /// Its enrollment.
    pub enrollment_id: EnrollmentId,
    /// Its device.
    pub device_id: DeviceId,
    /// State of the enrollment.
    pub state: EnrollmentState,
    /// End of validity.
    pub not_after: Timestamp,
}

/// Certificates and pins.
pub trait Certificates {
    /// Adds a certificate.
    ///
    /// # Errors
    /// [`crate::StoreError::Constraint`] when issuer and serial number were used before.
    fn insert_certificate(&mut self, certificate: &Certificate) -> impl Future<Output = Result<()>> + Send;
    /// By hash.
    fn certificate(&mut self, sha256: &[u8; 32]) -> impl Future<Output = Result<Option<Certificate>>> + Send;
    /// By issuer and serial number (OCSP).
    fn certificate_by_serial(
        &mut self,
        issuer: &str,
        serial: &str,
    ) -> impl Future<Output = Result<Option<Certificate>>> + Send;
    /// All of an enrollment, newest first.
    fn certificates_of(&mut self, enrollment: EnrollmentId)
    -> impl Future<Output = Result<Vec<Certificate>>> + Send;
    /// All of a kind, newest first, at most `limit`.
    fn certificates_of_kind(&mut self, kind: &str, limit: u32) -> impl Future<Output = Result<Vec<Certificate>>> + Send;
    /// The certificate issued for a ticket, if any; a retried request gets the same one.
    fn certificate_of_ticket(
        &mut self,
        ticket: TicketId,
    ) -> impl Future<Output = Result<Option<Certificate>>> + Send;
    /// Those of an issuer revoked and not yet past `not_after` (the content of its CRL), by serial number.
    fn revoked_certificates(
        &mut self,
        issuer: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Revoked>>> + Send;
    /// Revokes; false when unknown or already revoked.
    fn revoke_certificate(
        &mut self,
        sha256: &[u8; 32],
        at: Timestamp,
        reason: i64,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Revokes all of an enrollment; gives how many.
    fn revoke_certificates_of(
        &mut self,
        enrollment: EnrollmentId,
        at: Timestamp,
        reason: i64,
    ) -> impl Future<Output = Result<u64>> + Send;
    /// Notes that a newer certificate took its place.
    fn supersede_certificate(&mut self, sha256: &[u8; 32], at: Timestamp) -> impl Future<Output = Result<()>> + Send;
    /// Ties a certificate to an enrollment for ever. Gives the enrollment it is tied to, which is
    /// another one when somebody was first. Also fills `certificates.enrollment_id`.
    fn pin_identity(
        &mut self,
        sha256: &[u8; 32],
        enrollment: EnrollmentId,
        at: Timestamp,
        not_after: Option<Timestamp>,
    ) -> impl Future<Output = Result<EnrollmentId>> + Send;
    /// Whom a certificate speaks for. One query.
    fn identity(&mut self, sha256: &[u8; 32]) -> impl Future<Output = Result<Option<PinnedIdentity>>> + Send;
    /// Newest identity of each living device enrollment that ends before the time, soonest first.
    fn expiring_identities(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<ExpiringIdentity>>> + Send;
}
