//! `LogOutUser`: logs out the user of a Shared iPad.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Priority, Rules, Spec, Support};
use crate::plist::Dict;

/// Log out user.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOutUser {}

impl Spec for LogOutUser {
    const META: Meta = Meta {
        name: "log_out_user",
        request_type: "LogOutUser",
        title: "Log out user",
        description: "Logs out the current user of a Shared iPad.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(9, 3).shared_only()),
            personal: None,
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}
}
