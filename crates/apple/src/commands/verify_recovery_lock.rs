//! `VerifyRecoveryLock`: checks a recovery lock password.

use domain::command::Hazard;
use domain::facts::{Category, Observation};
use serde::{Deserialize, Serialize};

use super::{
    Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support, Target, Unfit,
};
use crate::{Sensitive, plist::Dict};

/// Verify recovery lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRecoveryLock {
    /// The password to check.
    pub password: Sensitive,
}

impl Spec for VerifyRecoveryLock {
    const META: Meta = Meta {
        name: "verify_recovery_lock",
        request_type: "VerifyRecoveryLock",
        title: "Verify recovery lock",
        description: "Checks whether the recovery lock password in escrow is the right one.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            macos: Some(Support::since(11, 5)),
            personal: Some("its owner decides on recovery"),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new("password", Kind::Text, "The password to check")
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
        command.insert("Password", self.password.expose());
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        if let Some(verified) = body.bool("PasswordVerified") {
            outcome.observations = vec![Observation::set(
                Category::Security,
                "recovery_lock_verified",
                verified,
            )];
        }
    }
}
