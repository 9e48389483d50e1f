//! `InstalledApplicationList`: the applications on a device.

use domain::Ownership;
use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{
    Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support, Target, Unfit,
};
use crate::{facts, plist::Dict};

/// Installed applications.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledApplicationList {
    /// Only these bundle identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<String>,
    /// Only applications that management installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_apps_only: bool,
}

impl Spec for InstalledApplicationList {
    const META: Meta = Meta {
        name: "installed_application_list",
        request_type: "InstalledApplicationList",
        title: "Installed applications",
        description: "Asks for the list of installed applications, or of the managed ones only.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(5, 0).user_enrollment()),
            macos: Some(Support::since(10, 7).user_channel()),
            tvos: Some(Support::since(10, 2)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[
            Parameter::new("identifiers", Kind::Texts, "Only these bundle identifiers"),
            Parameter::new(
                "managed_apps_only",
                Kind::Flag,
                "Only applications that management installed",
            ),
        ],
    };

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if target.ownership == Ownership::Personal && !self.managed_apps_only {
            return Err(Unfit::Personal(
                "private applications are never listed; ask for managed ones only",
            ));
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        if !self.identifiers.is_empty() {
            command.insert("Identifiers", self.identifiers.as_slice());
        }
        if self.managed_apps_only {
            command.insert("ManagedAppsOnly", true);
        }
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        outcome.observations = facts::from_installed_applications(
            body,
            self.managed_apps_only,
            self.identifiers.is_empty(),
        );
    }
}
