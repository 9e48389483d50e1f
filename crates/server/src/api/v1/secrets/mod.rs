//! Escrowed secrets, as the API shows them.

mod reveal;

use domain::{DeviceId, EnrollmentId, SecretId, Timestamp};
use serde::Serialize;
use store::SecretHead;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, api::wire::Time};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reveal::reveal))
}

/// What is known of a secret without opening it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretInfo {
    #[schema(value_type = Uuid)]
    id: SecretId,
    #[schema(value_type = Uuid)]
    device_id: DeviceId,
    /// On which enrollment it came.
    #[schema(value_type = Option<Uuid>)]
    enrollment_id: Option<EnrollmentId>,
    /// What it is.
    #[schema(example = "filevault_key")]
    kind: String,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// When a newer one took its place.
    #[schema(value_type = Option<Time>)]
    superseded_at: Option<Timestamp>,
}

impl From<SecretHead> for SecretInfo {
    fn from(head: SecretHead) -> Self {
        Self {
            id: head.id,
            device_id: head.device_id,
            enrollment_id: head.enrollment_id,
            kind: head.kind,
            created_at: head.created_at,
            superseded_at: head.superseded_at,
        }
    }
}
