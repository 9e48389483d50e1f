//! `PlayLostModeSound`: plays a sound on a device in Lost Mode.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Priority, Rules, Spec, Support};
use crate::plist::Dict;

/// Play Lost Mode sound.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlayLostModeSound {}

impl Spec for PlayLostModeSound {
    const META: Meta = Meta {
        name: "play_lost_mode_sound",
        request_type: "PlayLostModeSound",
        title: "Play Lost Mode sound",
        description: "Plays a sound for two minutes, or until Lost Mode is turned off.",
        hazard: Hazard::None,
        priority: Priority::Lost,
        rules: Rules {
            ios: Some(Support::since(10, 3).supervised()),
            personal: Some("Lost Mode is not used there"),
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}
}
