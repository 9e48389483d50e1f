//! What a passkey ceremony has to remember between its two halves.
//!
//! It travels sealed with the browser instead of waiting here, so that strangers who begin
//! ceremonies cost no memory and any node can finish what another began. A ceremony is finished
//! once: its identifier is reserved in the transaction that finishes it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{AdminId, Timestamp};
use pki::seal::Place;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use store::{Idempotency, IdempotencyKeys as _, Tx};

use super::refused;
use crate::{Engine, EngineError, Result};

/// How long a ceremony may take.
pub(super) const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The longest sealed state that is opened, in characters.
const LONGEST_STATE: usize = 64 * 1024;
/// Owner of the reserved identifiers among the idempotency keys.
const OWNER: &str = "ceremony";

/// The first half of a ceremony, for the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// For `navigator.credentials.create` or `.get`: an object with `publicKey`.
    pub options: Json,
    /// Send this back with the browser's answer, within five minutes.
    pub state: String,
}

/// Which ceremony; a state of one does not open as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Registration,
    SignIn,
}

impl Purpose {
    const fn place(self) -> Place<'static> {
        Place {
            table: "ceremonies",
            row: match self {
                Self::Registration => "registration",
                Self::SignIn => "sign-in",
            },
            kind: "state",
        }
    }
}

/// A state that was opened.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Opened<T> {
    id: String,
    expires_at: Timestamp,
    /// For whom the ceremony began, where that is known.
    pub(super) admin: Option<AdminId>,
    /// What the passkey library has to remember.
    pub(super) state: T,
}

impl Engine {
    pub(super) fn seal_ceremony(
        &self,
        purpose: Purpose,
        admin: Option<AdminId>,
        state: &impl Serialize,
    ) -> Result<String> {
        let opened = Opened {
            id: hex::encode(self.random::<16>()),
            expires_at: self.now().plus(LIFETIME),
            admin,
            state,
        };
        let plain = serde_json::to_vec(&opened).map_err(EngineError::keys)?;
        let sealed = self
            .sealer
            .seal(&purpose.place(), &plain)
            .map_err(EngineError::keys)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    pub(super) fn open_ceremony<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        sealed: &str,
    ) -> Result<Opened<T>> {
        let opened: Option<Opened<T>> = (sealed.len() <= LONGEST_STATE)
            .then(|| URL_SAFE_NO_PAD.decode(sealed).ok())
            .flatten()
            .and_then(|sealed| self.sealer.open(&purpose.place(), &sealed).ok())
            .and_then(|plain| serde_json::from_slice(plain.expose()).ok());
        opened
            .filter(|opened| self.now() < opened.expires_at)
            .ok_or_else(|| refused("passkey"))
    }

    /// Finishes a ceremony for exactly one caller.
    pub(super) async fn finish_ceremony<T: Sync>(
        &self,
        tx: &mut Tx,
        ceremony: &Opened<T>,
    ) -> Result<()> {
        let hash = crate::sha256(ceremony.id.as_bytes());
        let reserved = tx
            .reserve_idempotency_key(OWNER, &ceremony.id, &hash, self.now(), ceremony.expires_at)
            .await?;
        match reserved {
            Idempotency::Reserved => Ok(()),
            _ => Err(refused("passkey")),
        }
    }
}
