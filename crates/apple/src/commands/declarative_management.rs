//! `DeclarativeManagement`: turns declarative management on, or announces new declarations.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support,
};
use crate::plist::Dict;

/// Declarative management.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclarativeManagement {
    /// The tokens response (JSON, see [`crate::ddm::tokens_response`]): saves the device a round trip.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "super::base64_bytes::option"
    )]
    pub data: Option<Vec<u8>>,
}

impl Spec for DeclarativeManagement {
    const META: Meta = Meta {
        name: "declarative_management",
        request_type: "DeclarativeManagement",
        title: "Declarative management",
        description: "Turns declarative management on for this channel, or tells it that declarations changed.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(15, 0).user_enrollment().user_channel()),
            macos: Some(Support::since(13, 0).user_enrollment().user_channel()),
            tvos: Some(Support::since(16, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[Parameter::new(
            "data",
            Kind::Data,
            "The tokens response, which saves a round trip",
        )],
    };

    fn write(&self, command: &mut Dict) {
        command.insert_some("Data", self.data.as_deref());
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::DeclarativeManagementEnabled);
    }
}
