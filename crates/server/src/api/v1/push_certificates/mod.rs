//! Certificates of Apple's push service, as the API shows them.

mod import;
mod list;
mod request;

use domain::Timestamp;
use engine::push;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, api::wire::Time};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(request::request))
        .routes(routes!(import::import))
}

/// A push certificate in use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushCertificate {
    /// Its topic.
    #[schema(example = "com.apple.mgmt.External.00000000-0000-0000-0000-000000000000")]
    topic: String,
    /// Until when Apple accepts it.
    #[schema(value_type = Time)]
    not_after: Timestamp,
    /// Serial number, hexadecimal.
    serial: String,
    /// Whether new enrollments get this topic.
    current: bool,
}

impl From<push::PushCertificate> for PushCertificate {
    fn from(certificate: push::PushCertificate) -> Self {
        Self {
            topic: certificate.topic,
            not_after: certificate.not_after,
            serial: certificate.serial,
            current: certificate.current,
        }
    }
}
