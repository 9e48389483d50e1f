//! Certificates that were issued to devices, as the API shows them.

mod list;
mod revoke;

use domain::{EnrollmentId, Timestamp};
use serde::Serialize;
use store::Certificate;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, api::wire::Time};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(revoke::revoke))
}

/// A certificate that was issued to a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certificate)]
pub(crate) struct CertificateInfo {
    /// SHA-256 of the certificate, hexadecimal.
    sha256: String,
    /// Serial number, hexadecimal.
    serial: String,
    #[schema(example = "CN=Muster device,O=Example Department")]
    subject: String,
    #[schema(value_type = Option<Uuid>)]
    enrollment_id: Option<EnrollmentId>,
    #[schema(value_type = Time)]
    not_before: Timestamp,
    #[schema(value_type = Time)]
    not_after: Timestamp,
    #[schema(value_type = Time)]
    issued_at: Timestamp,
    #[schema(value_type = Option<Time>)]
    revoked_at: Option<Timestamp>,
    /// When a newer one took its place.
    #[schema(value_type = Option<Time>)]
    superseded_at: Option<Timestamp>,
}

impl From<Certificate> for CertificateInfo {
    fn from(row: Certificate) -> Self {
        Self {
            sha256: hex::encode(row.sha256),
            serial: row.serial,
            subject: row.subject,
            enrollment_id: row.enrollment_id,
            not_before: row.not_before,
            not_after: row.not_after,
            issued_at: row.issued_at,
            revoked_at: row.revoked_at,
            superseded_at: row.superseded_at,
        }
    }
}
