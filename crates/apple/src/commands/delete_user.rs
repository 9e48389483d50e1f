//! `DeleteUser`: deletes accounts from a shared device or Mac.

use domain::command::Hazard;
use domain::{Platform, facts::Category};
use serde::{Deserialize, Serialize};

use super::{
    Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec,
    Support, Target, Unfit,
};
use crate::plist::Dict;

/// Delete user.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteUser {
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// All accounts of a Shared iPad.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_all_users: bool,
    /// Even if data was not yet synced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_deletion: bool,
}

impl Spec for DeleteUser {
    const META: Meta = Meta {
        name: "delete_user",
        request_type: "DeleteUser",
        title: "Delete user",
        description: "Deletes an account, or all of them, with their data from a Shared iPad or a Mac.",
        hazard: Hazard::Wipe,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(9, 3).shared_only()),
            macos: Some(Support::since(10, 13).supervised()),
            personal: Some("accounts there are private"),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new("user_name", Kind::Text, "The account"),
            Parameter::new(
                "delete_all_users",
                Kind::Flag,
                "All accounts of a Shared iPad",
            ),
            Parameter::new(
                "force_deletion",
                Kind::Flag,
                "Even if data was not yet synced",
            ),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.user_name.is_some() == self.delete_all_users {
            return Err(Invalid {
                parameter: "user_name",
                reason: "name one account, or set delete_all_users",
            });
        }
        Ok(())
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if target.platform == Platform::Macos {
            for (given, parameter) in [
                (self.delete_all_users, "delete_all_users"),
                (self.force_deletion, "force_deletion"),
            ] {
                if given {
                    return Err(Unfit::Parameter {
                        parameter,
                        platform: target.platform,
                    });
                }
            }
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some("UserName", self.user_name.as_deref());
        if self.delete_all_users {
            command.insert("DeleteAllUsers", true);
        }
        if self.force_deletion {
            command.insert("ForceDeletion", true);
        }
    }

    fn summary(&self) -> String {
        self.user_name.as_deref().map_or_else(
            || "Delete all users".to_owned(),
            |name| format!("Delete user {name}"),
        )
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Users));
    }
}
