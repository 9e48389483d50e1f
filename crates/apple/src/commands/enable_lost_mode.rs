//! `EnableLostMode`: turns Lost Mode on.

use domain::command::Hazard;
use domain::facts::{Category, Observation};
use serde::{Deserialize, Serialize};

use super::{
    Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support,
};
use crate::plist::Dict;

/// Turn Lost Mode on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnableLostMode {
    /// Shown on the screen; this or the phone number is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Shown on the screen, and can be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Shown at the bottom instead of "Slide to unlock".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footnote: Option<String>,
}

impl Spec for EnableLostMode {
    const META: Meta = Meta {
        name: "enable_lost_mode",
        request_type: "EnableLostMode",
        title: "Turn Lost Mode on",
        description: "Locks the device with a message until Lost Mode is turned off, and lets it be located.",
        hazard: Hazard::Lock,
        priority: Priority::Lost,
        rules: Rules {
            ios: Some(Support::since(9, 3).supervised()),
            personal: Some("a private device is never located"),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new(
                "message",
                Kind::Text,
                "Shown on the screen; this or the phone number is needed",
            ),
            Parameter::new(
                "phone_number",
                Kind::Text,
                "Shown on the screen, and can be called",
            ),
            Parameter::new("footnote", Kind::Text, "Shown at the bottom of the screen"),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.message.is_none() && self.phone_number.is_none() {
            return Err(Invalid {
                parameter: "message",
                reason: "a message or a phone number is needed",
            });
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some("Message", self.message.as_deref());
        command.insert_some("PhoneNumber", self.phone_number.as_deref());
        command.insert_some("Footnote", self.footnote.as_deref());
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.observations = vec![Observation::set(
            Category::Security,
            "lost_mode_enabled",
            true,
        )];
    }
}
