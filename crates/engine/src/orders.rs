//! Orders: commands as people and programs ask for them.

use apple::{
    Sensitive,
    commands::{Command, EscrowKind, Target},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{OsFamily, Platform};
use serde_json::Value as Json;
use store::{Device, Tx};

use crate::{Engine, EngineError, Result};

/// Reads a command as the API takes it: an object whose `type` names the command.
///
/// A `clear_passcode` needs no unlock token: the one in escrow is used. A
/// `rotate_file_vault_key` needs no certificate: our escrow certificate is used.
///
/// # Errors
/// [`EngineError::Invalid`] naming what is wrong.
pub fn command_from_json(mut json: Json) -> Result<Command> {
    if let Some(map) = json.as_object_mut() {
        let filled_in = match map.get("type").and_then(Json::as_str) {
            Some("clear_passcode") => Some("unlock_token"),
            Some("rotate_file_vault_key") => Some("reply_encryption_certificate"),
            _ => None,
        };
        if let Some(parameter) = filled_in {
            map.entry(parameter).or_insert_with(|| "".into());
        }
    }
    serde_json::from_value(json).map_err(|error| EngineError::invalid(error.to_string()))
}

impl Engine {
    /// Fills in what only the server knows: the unlock token from escrow, a random PIN for a Mac.
    pub(crate) async fn complete(
        &self,
        tx: &mut Tx,
        device: &Device,
        target: &Target,
        command: Command,
    ) -> Result<Command> {
        debug_assert_eq!(device.platform.family(), OsFamily::Apple);
        Ok(match command {
            Command::ClearPasscode(mut clear) if clear.unlock_token.expose().is_empty() => {
                let token = self
                    .current_secret(tx, device.id, EscrowKind::UnlockToken.as_str())
                    .await?
                    .ok_or_else(|| {
                        EngineError::Conflict("the device never gave an unlock token".into())
                    })?;
                clear.unlock_token = Sensitive::new(BASE64_STANDARD.encode(token.expose()));
                clear.into()
            }
            Command::DeviceLock(mut lock)
                if device.platform == Platform::Macos && lock.pin.is_none() =>
            {
                lock.pin = Some(self.random_pin());
                lock.into()
            }
            Command::EraseDevice(mut erase)
                if device.platform == Platform::Macos
                    && erase.pin.is_none()
                    && target.apple_silicon != Some(true) =>
            {
                erase.pin = Some(self.random_pin());
                erase.into()
            }
            Command::RotateFileVaultKey(mut rotate)
                if rotate.reply_encryption_certificate.is_empty() =>
            {
                let authority = self.authority.load();
                rotate.reply_encryption_certificate = authority.escrow.certificate.der().to_vec();
                rotate.into()
            }
            other => other,
        })
    }

    /// Six random digits, each equally likely.
    fn random_pin(&self) -> Sensitive {
        // 2^64 is so much larger than a million that the remainder is even enough.
        let number = u64::from_be_bytes(self.random()) % 1_000_000;
        Sensitive::new(format!("{number:06}"))
    }
}
