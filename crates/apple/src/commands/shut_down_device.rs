//! `ShutDownDevice`: shuts a device down.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Priority, Rules, Spec, Support};
use crate::plist::Dict;

/// Shut down.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutDownDevice {}

impl Spec for ShutDownDevice {
    const META: Meta = Meta {
        name: "shut_down_device",
        request_type: "ShutDownDevice",
        title: "Shut down",
        description: "Shuts the device down. It cannot be reached until somebody turns it on.",
        hazard: Hazard::Lock,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(10, 3).supervised()),
            macos: Some(Support::since(10, 13)),
            personal: Some("its user may be working on it"),
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}
}
