//! `ProfileList`: the configuration profiles on a device.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support};
use crate::{facts, plist::Dict};

/// Configuration profiles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileList {
    /// Only those that management installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_only: bool,
}

impl Spec for ProfileList {
    const META: Meta = Meta {
        name: "profile_list",
        request_type: "ProfileList",
        title: "Configuration profiles",
        description: "Asks for the installed configuration profiles.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment().user_channel()),
            macos: Some(Support::since(10, 7).user_enrollment().user_channel()),
            tvos: Some(Support::since(9, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[Parameter::new(
            "managed_only",
            Kind::Flag,
            "Only those that management installed",
        )],
    };

    fn write(&self, command: &mut Dict) {
        if self.managed_only {
            command.insert("ManagedOnly", true);
        }
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        outcome.observations = facts::from_profiles(body, self.managed_only);
    }
}
