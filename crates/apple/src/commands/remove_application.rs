//! `RemoveApplication`: removes a managed application.

use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support,
};
use crate::plist::Dict;

/// Remove application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveApplication {
    /// Its bundle identifier.
    pub identifier: String,
}

impl Spec for RemoveApplication {
    const META: Meta = Meta {
        name: "remove_application",
        request_type: "RemoveApplication",
        title: "Remove application",
        description: "Removes an application that management installed, with its data.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(5, 0).user_enrollment()),
            macos: Some(Support::since(11, 0)),
            tvos: Some(Support::since(10, 2)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[Parameter::new("identifier", Kind::Text, "Its bundle identifier").required()],
    };

    fn write(&self, command: &mut Dict) {
        command.insert("Identifier", &self.identifier);
    }

    fn summary(&self) -> String {
        format!("Remove application {}", self.identifier)
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::ManagedApps));
    }
}
