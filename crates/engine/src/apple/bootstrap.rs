//! Bootstrap tokens: a Mac keeps one with us so that updates can be authorised.

use apple::{checkin, commands::EscrowKind};
use domain::{Channel, Secret};
use serde_json::json;

use super::{Caller, Refusal, Reply};
use crate::{Engine, journal::About};

impl Engine {
    pub(super) async fn apple_set_bootstrap_token(
        &self,
        caller: Caller,
        token: Option<Secret<Vec<u8>>>,
    ) -> Result<Reply, Refusal> {
        if caller.key.channel() != Channel::Device {
            return Err(Refusal::Unacceptable(
                "a bootstrap token belongs to the device channel".into(),
            ));
        }
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let (device, enrollment) = (caller.enrolled.device, caller.enrolled.enrollment);
                    let bytes = token.as_ref().map_or(&[][..], |token| token.expose());
                    let kind = EscrowKind::BootstrapToken.as_str();
                    engine
                        .escrow(tx, device, Some(enrollment), kind, bytes)
                        .await?;
                    let about = About::device(device).and(enrollment);
                    let data = json!({ "kind": kind, "withdrawn": bytes.is_empty() });
                    engine
                        .record(tx, "secret.escrowed", &caller.actor, about, data)
                        .await
                })
            })
            .await?;
        Ok(Reply::EMPTY)
    }

    /// Gives back the token that this very enrollment escrowed, and nothing from an earlier one:
    /// whoever enrols under a device's name must not get what the device left before.
    pub(super) async fn apple_get_bootstrap_token(&self, caller: Caller) -> Result<Reply, Refusal> {
        let token = self
            .escrowed_in(
                caller.enrolled.device,
                caller.enrolled.enrollment,
                EscrowKind::BootstrapToken.as_str(),
            )
            .await?
            .filter(|token| !token.expose().is_empty());
        Ok(Reply::plist(checkin::bootstrap_token(token.as_ref())))
    }
}
