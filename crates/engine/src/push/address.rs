//! Where a push goes: token and magic of an enrollment, sealed at rest like every secret.

use ::apple::checkin::TokenUpdate;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{EnrollmentId, Secret};
use pki::seal::Place;
use store::{PushInfo, PushTarget};

use crate::{Engine, EngineError, Result};

impl Engine {
    /// How to wake an enrollment, as it is stored.
    pub(crate) fn push_info(
        &self,
        enrollment: EnrollmentId,
        update: &TokenUpdate,
    ) -> Result<PushInfo> {
        let row = enrollment.to_string();
        let seal = |kind: &'static str, plain: &[u8]| {
            let place = place(&row, kind);
            self.sealer.seal(&place, plain).map_err(EngineError::keys)
        };
        Ok(PushInfo {
            topic: update.topic.clone().unwrap_or_default(),
            token: Secret::new(seal(TOKEN, &update.token)?),
            magic: Secret::new(STANDARD.encode(seal(MAGIC, update.push_magic.as_bytes())?)),
            awaiting_configuration: update.awaiting_configuration,
        })
    }

    /// Token and magic, opened.
    pub(super) fn push_address(&self, target: &PushTarget) -> Result<(Vec<u8>, String)> {
        let row = target.enrollment_id.to_string();
        let open = |kind: &'static str, sealed: &[u8]| {
            let place = place(&row, kind);
            self.sealer.open(&place, sealed).map_err(EngineError::keys)
        };
        let magic = STANDARD
            .decode(target.push_magic.expose())
            .map_err(EngineError::keys)?;
        let magic = String::from_utf8(open(MAGIC, &magic)?.expose().to_vec());
        Ok((
            open(TOKEN, target.push_token.expose())?.expose().to_vec(),
            magic.map_err(|_| EngineError::Keys("a push magic is no text".into()))?,
        ))
    }
}

const TOKEN: &str = "push_token";
const MAGIC: &str = "push_magic";

fn place<'a>(row: &'a str, kind: &'a str) -> Place<'a> {
    Place {
        table: "enrollments",
        row,
        kind,
    }
}
