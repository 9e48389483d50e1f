//! `RemoveProfile`: removes a configuration profile.

use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec,
    Support,
};
use crate::plist::Dict;

/// Remove profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveProfile {
    /// The `PayloadIdentifier` of the profile.
    pub identifier: String,
}

impl Spec for RemoveProfile {
    const META: Meta = Meta {
        name: "remove_profile",
        request_type: "RemoveProfile",
        title: "Remove profile",
        description: "Removes a configuration profile that management installed. Removing the enrollment profile ends management.",
        hazard: Hazard::Unenroll,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment().user_channel()),
            macos: Some(Support::since(10, 7).user_enrollment().user_channel()),
            tvos: Some(Support::since(9, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[Parameter::new(
            "identifier",
            Kind::Text,
            "The PayloadIdentifier of the profile",
        )
        .required()],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.identifier.trim().is_empty() {
            return Err(Invalid {
                parameter: "identifier",
                reason: "it is empty",
            });
        }
        Ok(())
    }

    fn hazard(&self, enrollment_profile: Option<&str>) -> Hazard {
        match enrollment_profile {
            Some(profile) if profile != self.identifier => Hazard::None,
            _ => Hazard::Unenroll,
        }
    }

    fn write(&self, command: &mut Dict) {
        command.insert("Identifier", &self.identifier);
    }

    fn summary(&self) -> String {
        format!("Remove profile {}", self.identifier)
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Profiles));
    }
}
