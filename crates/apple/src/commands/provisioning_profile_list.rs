//! `ProvisioningProfileList`: the provisioning profiles on a device.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support};
use crate::{facts, plist::Dict};

/// Provisioning profiles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningProfileList {
    /// Only those that management installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_only: bool,
}

impl Spec for ProvisioningProfileList {
    const META: Meta = Meta {
        name: "provisioning_profile_list",
        request_type: "ProvisioningProfileList",
        title: "Provisioning profiles",
        description: "Asks for the installed provisioning profiles.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment()),
            macos: Some(Support::since(11, 0).user_enrollment()),
            tvos: Some(Support::since(10, 2)),
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
        outcome.observations = facts::from_provisioning_profiles(body);
    }
}
