//! `ManagedApplicationList`: the applications that management installed, with their state.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support};
use crate::{facts, plist::Dict};

/// Managed applications.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedApplicationList {
    /// Only these bundle identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
}

impl Spec for ManagedApplicationList {
    const META: Meta = Meta {
        name: "managed_application_list",
        request_type: "ManagedApplicationList",
        title: "Managed applications",
        description: "Asks for the applications that management installed, with their state.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(5, 0).user_enrollment()),
            macos: Some(Support::since(11, 0).user_enrollment().user_channel()),
            tvos: Some(Support::since(10, 2)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[Parameter::new(
            "identifiers",
            Kind::Texts,
            "Only these bundle identifiers",
        )],
    };

    fn write(&self, command: &mut Dict) {
        if !self.identifiers.is_empty() {
            command.insert("Identifiers", self.identifiers.as_slice());
        }
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        outcome.observations = facts::from_managed_applications(body, self.identifiers.is_empty());
    }
}
