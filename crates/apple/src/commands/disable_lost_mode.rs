//! `DisableLostMode`: turns Lost Mode off.

use domain::command::Hazard;
use domain::facts::{Category, Observation};
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome, Priority, Rules, Spec, Support};
use crate::plist::Dict;

/// Turn Lost Mode off.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisableLostMode {}

impl Spec for DisableLostMode {
    const META: Meta = Meta {
        name: "disable_lost_mode",
        request_type: "DisableLostMode",
        title: "Turn Lost Mode off",
        description: "Turns Lost Mode off; the device tells its user that it was located.",
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

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        // Where a device was is of no use once it is found.
        outcome.observations = vec![
            Observation::set(Category::Security, "lost_mode_enabled", false),
            Observation::Replace {
                category: Category::Location,
                entries: std::collections::BTreeMap::new(),
            },
        ];
    }
}
