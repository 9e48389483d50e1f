//! `SetRecoveryLock`: sets or clears the password that protects the recovery system of a Mac with Apple silicon.

use domain::command::Hazard;
use domain::{Secret, facts::Category};
use serde::{Deserialize, Serialize};

use super::{
    Effect, Escrow, EscrowKind, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules,
    Spec, Support, Target, Unfit,
};
use crate::{Sensitive, plist::Dict};

/// Set recovery lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetRecoveryLock {
    /// The password until now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<Sensitive>,
    /// The password from now on; empty to clear it.
    pub new_password: Sensitive,
}

impl Spec for SetRecoveryLock {
    const META: Meta = Meta {
        name: "set_recovery_lock",
        request_type: "SetRecoveryLock",
        title: "Set recovery lock",
        description: "Sets or clears the password that protects the recovery system of a Mac with Apple silicon.",
        hazard: Hazard::Lock,
        priority: Priority::Normal,
        rules: Rules {
            macos: Some(Support::since(11, 5)),
            personal: Some("its owner decides on recovery"),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new(
                "current_password",
                Kind::Text,
                "The password until now, if there is one",
            )
            .secret(),
            Parameter::new(
                "new_password",
                Kind::Text,
                "The password from now on; empty to clear it",
            )
            .required()
            .secret(),
        ],
    };

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if target.apple_silicon == Some(false) {
            return Err(Unfit::AppleSiliconOnly);
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some(
            "CurrentPassword",
            self.current_password.as_ref().map(Sensitive::expose),
        );
        command.insert("NewPassword", self.new_password.expose());
    }

    fn summary(&self) -> String {
        if self.new_password.expose().is_empty() {
            "Clear recovery lock".into()
        } else {
            "Set recovery lock".into()
        }
    }

    fn secrets(&self) -> Vec<Escrow> {
        vec![Escrow {
            kind: EscrowKind::RecoveryLockPassword,
            secret: Secret::new(self.new_password.expose().as_bytes().to_vec()),
        }]
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Security));
    }
}
