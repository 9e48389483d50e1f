//! `DeviceConfigured`: lets a device leave Setup Assistant.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Effect, Meta, Outcome, Priority, Rules, Spec, Support};
use crate::plist::Dict;

/// Release from Setup Assistant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfigured {}

impl Spec for DeviceConfigured {
    const META: Meta = Meta {
        name: "device_configured",
        request_type: "DeviceConfigured",
        title: "Release from Setup Assistant",
        description: "Lets a device that awaits configuration leave Setup Assistant.",
        hazard: Hazard::None,
        priority: Priority::Urgent,
        rules: Rules {
            ios: Some(Support::since(9, 0).supervised().automated()),
            macos: Some(Support::since(10, 11).automated()),
            tvos: Some(Support::since(10, 2).supervised()),
            visionos: Some(Support::since(2, 0).supervised().automated()),
            personal: None,
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Configured);
    }
}
