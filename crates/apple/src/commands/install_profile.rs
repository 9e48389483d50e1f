//! `InstallProfile`: installs a configuration profile.

use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec,
    Support,
};
use crate::plist::Dict;

/// Install profile.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallProfile {
    /// The profile, signed or not.
    #[serde(with = "super::base64_bytes")]
    pub payload: Vec<u8>,
}

/// A profile may hold passwords and challenges: only its size is shown.
impl std::fmt::Debug for InstallProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InstallProfile of {} bytes", self.payload.len())
    }
}

impl Spec for InstallProfile {
    const META: Meta = Meta {
        name: "install_profile",
        request_type: "InstallProfile",
        title: "Install profile",
        description: "Installs or updates a configuration profile.",
        hazard: Hazard::Publish,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment().user_channel()),
            macos: Some(Support::since(10, 7).user_enrollment().user_channel()),
            tvos: Some(Support::since(9, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[
            Parameter::new("payload", Kind::Data, "The profile, signed or not")
                .required()
                .secret(),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.payload.is_empty() {
            return Err(Invalid {
                parameter: "payload",
                reason: "it is empty",
            });
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert("Payload", self.payload.as_slice());
    }

    fn summary(&self) -> String {
        crate::profile::summarize(&self.payload).map_or_else(
            |_| format!("Install a signed profile of {} bytes", self.payload.len()),
            |profile| format!("Install profile {}", profile.title()),
        )
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Profiles));
    }
}
