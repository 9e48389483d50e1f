//! `UserList`: the accounts on a shared device or Mac.

use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{Meta, Outcome, Priority, Rules, Spec, Support};
use crate::{facts, plist::Dict};

/// Users.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserList {}

impl Spec for UserList {
    const META: Meta = Meta {
        name: "user_list",
        request_type: "UserList",
        title: "Users",
        description: "Asks for the accounts on a Shared iPad or a Mac.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(9, 3).shared_only()),
            macos: Some(Support::since(10, 13).supervised()),
            personal: Some("its accounts are private"),
            ..Rules::NOWHERE
        },
        parameters: &[],
    };

    fn write(&self, _command: &mut Dict) {}

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        outcome.observations = facts::from_users(body);
    }
}
