//! Issued certificates, and which identity speaks for which enrollment.

use domain::{
    DeviceId, DeviceState, EnrollmentId, TicketId, Timestamp, enrollment::EnrollmentState,
};

use super::Enrollment;
use super::enrollments::{enrollment_columns, read_enrollment};
use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

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
    fn insert_certificate(
        &mut self,
        certificate: &Certificate,
    ) -> impl Future<Output = Result<()>> + Send;
    /// By hash.
    fn certificate(
        &mut self,
        sha256: &[u8; 32],
    ) -> impl Future<Output = Result<Option<Certificate>>> + Send;
    /// By issuer and serial number (OCSP).
    fn certificate_by_serial(
        &mut self,
        issuer: &str,
        serial: &str,
    ) -> impl Future<Output = Result<Option<Certificate>>> + Send;
    /// All of an enrollment, newest first.
    fn certificates_of(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<Vec<Certificate>>> + Send;
    /// All of a kind, newest first, at most `limit`.
    fn certificates_of_kind(
        &mut self,
        kind: &str,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Certificate>>> + Send;
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
    fn supersede_certificate(
        &mut self,
        sha256: &[u8; 32],
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
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
    fn identity(
        &mut self,
        sha256: &[u8; 32],
    ) -> impl Future<Output = Result<Option<PinnedIdentity>>> + Send;
    /// Identities of living device enrollments that end between the times (both excluded), soonest
    /// first; neither superseded nor revoked ones.
    fn expiring_identities(
        &mut self,
        after: Timestamp,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<ExpiringIdentity>>> + Send;
}

macro_rules! certificate_columns {
    () => {
        "sha256, serial, issuer, kind, subject, der, enrollment_id, ticket_id, not_before, not_after, issued_at, \
         revoked_at, revocation_reason, superseded_at"
    };
}

statements! {
    CERTIFICATE_INSERT = "INSERT INTO certificates (", certificate_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    CERTIFICATE_GET = "SELECT ", certificate_columns!(), " FROM certificates WHERE sha256 = $1";
    CERTIFICATE_BY_SERIAL = "SELECT ", certificate_columns!(), " FROM certificates
        WHERE issuer = $1 AND serial = $2";
    CERTIFICATE_OF_ENROLLMENT = "SELECT ", certificate_columns!(), " FROM certificates
        WHERE enrollment_id = $1 ORDER BY issued_at DESC, sha256";
    CERTIFICATE_OF_KIND = "SELECT ", certificate_columns!(), " FROM certificates
        WHERE kind = $1 ORDER BY issued_at DESC, sha256 LIMIT $2";
    CERTIFICATE_OF_TICKET = "SELECT ", certificate_columns!(), " FROM certificates
        WHERE ticket_id = $1 ORDER BY issued_at DESC, sha256 LIMIT 1";
    CERTIFICATE_REVOKED = "SELECT serial, revoked_at, revocation_reason FROM certificates
        WHERE revoked_at IS NOT NULL AND issuer = $1 AND not_after >= $2 ORDER BY serial";
    CERTIFICATE_REVOKE = "UPDATE certificates SET revoked_at = $2, revocation_reason = $3
        WHERE sha256 = $1 AND revoked_at IS NULL";
    CERTIFICATE_REVOKE_OF_ENROLLMENT = "UPDATE certificates SET revoked_at = $2, revocation_reason = $3
        WHERE enrollment_id = $1 AND revoked_at IS NULL";
    CERTIFICATE_SUPERSEDE = "UPDATE certificates SET superseded_at = $2
        WHERE sha256 = $1 AND superseded_at IS NULL";
    CERTIFICATE_BIND = "UPDATE certificates SET enrollment_id = $2 WHERE sha256 = $1 AND enrollment_id IS NULL";
    IDENTITY_PIN = "INSERT INTO identities (sha256, enrollment_id, pinned_at, not_after) VALUES ($1, $2, $3, $4)
        ON CONFLICT (sha256) DO UPDATE SET pinned_at = identities.pinned_at RETURNING enrollment_id";
    IDENTITY_GET = "SELECT i.sha256, i.pinned_at, i.not_after, d.state, ", enrollment_columns!(), "
        FROM identities i JOIN enrollments e ON e.id = i.enrollment_id JOIN devices d ON d.id = e.device_id
        WHERE i.sha256 = $1";
    IDENTITY_EXPIRING = "SELECT i.sha256, e.id, e.device_id, e.state, i.not_after
        FROM identities i JOIN enrollments e ON e.id = i.enrollment_id JOIN certificates c ON c.sha256 = i.sha256
        WHERE i.not_after > $1 AND i.not_after < $2 AND e.state <> 'ended'
            AND c.superseded_at IS NULL AND c.revoked_at IS NULL
        ORDER BY i.not_after, i.sha256 LIMIT $3";
}

fn read_certificate(row: &mut Row) -> Result<Certificate> {
    Ok(Certificate {
        sha256: row.take()?,
        serial: row.take()?,
        issuer: row.take()?,
        kind: row.take()?,
        subject: row.take()?,
        der: row.take()?,
        enrollment_id: row.take()?,
        ticket_id: row.take()?,
        not_before: row.take()?,
        not_after: row.take()?,
        issued_at: row.take()?,
        revoked_at: row.take()?,
        revocation_reason: row.take()?,
        superseded_at: row.take()?,
    })
}

impl Certificates for Tx {
    async fn insert_certificate(&mut self, certificate: &Certificate) -> Result<()> {
        let c = certificate;
        let values = values![
            &c.sha256,
            &c.serial,
            &c.issuer,
            &c.kind,
            &c.subject,
            &c.der,
            c.enrollment_id,
            c.ticket_id,
            c.not_before,
            c.not_after,
            c.issued_at,
            c.revoked_at,
            c.revocation_reason,
            c.superseded_at,
        ];
        self.execute(&CERTIFICATE_INSERT, &values).await?;
        Ok(())
    }

    async fn certificate(&mut self, sha256: &[u8; 32]) -> Result<Option<Certificate>> {
        self.find(&CERTIFICATE_GET, &values![sha256], read_certificate)
            .await
    }

    async fn certificate_by_serial(
        &mut self,
        issuer: &str,
        serial: &str,
    ) -> Result<Option<Certificate>> {
        self.find(
            &CERTIFICATE_BY_SERIAL,
            &values![issuer, serial],
            read_certificate,
        )
        .await
    }

    async fn certificates_of(&mut self, enrollment: EnrollmentId) -> Result<Vec<Certificate>> {
        self.all(
            &CERTIFICATE_OF_ENROLLMENT,
            &values![enrollment],
            read_certificate,
        )
        .await
    }

    async fn certificates_of_kind(&mut self, kind: &str, limit: u32) -> Result<Vec<Certificate>> {
        self.all(
            &CERTIFICATE_OF_KIND,
            &values![kind, limit],
            read_certificate,
        )
        .await
    }

    async fn certificate_of_ticket(&mut self, ticket: TicketId) -> Result<Option<Certificate>> {
        self.find(&CERTIFICATE_OF_TICKET, &values![ticket], read_certificate)
            .await
    }

    async fn revoked_certificates(&mut self, issuer: &str, now: Timestamp) -> Result<Vec<Revoked>> {
        self.all(&CERTIFICATE_REVOKED, &values![issuer, now], |row| {
            Ok(Revoked {
                serial: row.take()?,
                revoked_at: row.take()?,
                reason: row.take::<Option<i64>>()?.unwrap_or(0),
            })
        })
        .await
    }

    async fn revoke_certificate(
        &mut self,
        sha256: &[u8; 32],
        at: Timestamp,
        reason: i64,
    ) -> Result<bool> {
        self.changes(&CERTIFICATE_REVOKE, &values![sha256, at, reason])
            .await
    }

    async fn revoke_certificates_of(
        &mut self,
        enrollment: EnrollmentId,
        at: Timestamp,
        reason: i64,
    ) -> Result<u64> {
        self.execute(
            &CERTIFICATE_REVOKE_OF_ENROLLMENT,
            &values![enrollment, at, reason],
        )
        .await
    }

    async fn supersede_certificate(&mut self, sha256: &[u8; 32], at: Timestamp) -> Result<()> {
        self.execute(&CERTIFICATE_SUPERSEDE, &values![sha256, at])
            .await?;
        Ok(())
    }

    async fn pin_identity(
        &mut self,
        sha256: &[u8; 32],
        enrollment: EnrollmentId,
        at: Timestamp,
        not_after: Option<Timestamp>,
    ) -> Result<EnrollmentId> {
        let pinned: EnrollmentId = self
            .find(
                &IDENTITY_PIN,
                &values![sha256, enrollment, at, not_after],
                Row::take,
            )
            .await?
            .unwrap_or(enrollment);
        self.execute(&CERTIFICATE_BIND, &values![sha256, pinned])
            .await?;
        Ok(pinned)
    }

    async fn identity(&mut self, sha256: &[u8; 32]) -> Result<Option<PinnedIdentity>> {
        self.find(&IDENTITY_GET, &values![sha256], |row| {
            Ok(PinnedIdentity {
                sha256: row.take()?,
                pinned_at: row.take()?,
                not_after: row.take()?,
                device_state: row.take()?,
                enrollment: read_enrollment(row)?,
            })
        })
        .await
    }

    async fn expiring_identities(
        &mut self,
        after: Timestamp,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpiringIdentity>> {
        self.all(&IDENTITY_EXPIRING, &values![after, before, limit], |row| {
            Ok(ExpiringIdentity {
                sha256: row.take()?,
                enrollment_id: row.take()?,
                device_id: row.take()?,
                state: row.take()?,
                not_after: row.take()?,
            })
        })
        .await
    }
}
