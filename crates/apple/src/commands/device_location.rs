//! `DeviceLocation`: asks where a device in Lost Mode is.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome, Priority, Rules, Spec, Support};
use crate::{facts, plist::Dict};

/// Locate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLocation {}

impl Spec for DeviceLocation {
    const META: Meta = Meta {
        name: "device_location",
        request_type: "DeviceLocation",
        title: "Locate",
        description: "Asks where the device is. It answers only in Lost Mode.",
        hazard: Hazard::None,
        priority: Priority::Lost,
        rules: Rules {
            ios: Some(Support::since(9, 3).supervised()),
            personal: Some("a private device is never located"),
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        outcome.observations = facts::from_location(body);
    }
}
