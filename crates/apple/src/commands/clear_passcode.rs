//! `ClearPasscode`: removes the passcode.

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec,
    Support,
};
use crate::{Sensitive, plist::Dict};

/// Clear passcode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearPasscode {
    /// The unlock token that the device sent in its TokenUpdate, as base64.
    pub unlock_token: Sensitive,
}

impl Spec for ClearPasscode {
    const META: Meta = Meta {
        name: "clear_passcode",
        request_type: "ClearPasscode",
        title: "Clear passcode",
        description: "Removes the passcode, so that anybody who holds the device can use it.",
        hazard: Hazard::PasscodeClear,
        priority: Priority::Lost,
        rules: Rules {
            ios: Some(Support::since(4, 0).not_shared()),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1)),
            personal: Some("the passcode protects private data"),
            ..Rules::NOWHERE
        },
        parameters: &[Parameter::new(
            "unlock_token",
            Kind::Data,
            "The unlock token from escrow; the server fills it in",
        )
        .required()
        .secret()],
    };

    fn validate(&self) -> Result<(), Invalid> {
        let token = BASE64_STANDARD.decode(self.unlock_token.expose());
        if token.is_ok_and(|token| !token.is_empty()) {
            return Ok(());
        }
        Err(Invalid {
            parameter: "unlock_token",
            reason: "it is not base64, or empty",
        })
    }

    fn write(&self, command: &mut Dict) {
        let token = BASE64_STANDARD
            .decode(self.unlock_token.expose())
            .unwrap_or_default();
        command.insert("UnlockToken", token);
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Security));
    }
}
