//! `RotateFileVaultKey`: changes the FileVault recovery key.

use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};

use super::{
    Effect, EscrowKind, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules,
    Spec, Support,
};
use crate::{Sensitive, plist::Dict};

/// Rotate FileVault key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateFileVaultKey {
    /// A user's password, or the recovery key until now.
    pub unlock_password: Sensitive,
    /// Our escrow certificate (DER), to which the new key is encrypted.
    #[serde(with = "super::base64_bytes")]
    pub reply_encryption_certificate: Vec<u8>,
}

impl Spec for RotateFileVaultKey {
    const META: Meta = Meta {
        name: "rotate_file_vault_key",
        request_type: "RotateFileVaultKey",
        title: "Rotate FileVault key",
        description: "Gives the Mac a new FileVault personal recovery key and puts it in escrow.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            macos: Some(Support::since(10, 9)),
            personal: Some("the key opens private data"),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new(
                "unlock_password",
                Kind::Text,
                "The recovery key until now, or a user's password",
            )
            .required()
            .secret(),
            Parameter::new(
                "reply_encryption_certificate",
                Kind::Data,
                "The escrow certificate (DER); the server fills it in",
            )
            .required(),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.reply_encryption_certificate.is_empty() {
            return Err(Invalid {
                parameter: "reply_encryption_certificate",
                reason: "without it the new key would come back unprotected",
            });
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert("KeyType", "personal");
        command.insert(
            "FileVaultUnlock",
            Dict::new().with("Password", self.unlock_password.expose()),
        );
        command.insert(
            "ReplyEncryptionCertificate",
            self.reply_encryption_certificate.as_slice(),
        );
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        let key = body
            .dict("RotateResult")
            .and_then(|result| result.data("EncryptedNewRecoveryKey"));
        if let Some(key) = key {
            outcome.keep(EscrowKind::FilevaultRecoveryKeyCms, key);
        }
        outcome.effects.push(Effect::Refresh(Category::Security));
    }
}
