//! `SetFirmwarePassword`: sets or clears the firmware password of a Mac with an Intel processor.

use domain::command::Hazard;
use domain::{Secret, facts::Category};
use serde::{Deserialize, Serialize};

use super::{
    CommandResult, Effect, Escrow, EscrowKind, Meta, Outcome, Parameter, ParameterKind as Kind,
    Priority, Rules, Spec, Support, Target, Unfit,
};
use crate::{Sensitive, plist::Dict};

/// Set firmware password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFirmwarePassword {
    /// The password until now, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<Sensitive>,
    /// The password from now on; empty to clear it.
    pub new_password: Sensitive,
    /// Lets option ROMs run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_oroms: bool,
}

impl Spec for SetFirmwarePassword {
    const META: Meta = Meta {
        name: "set_firmware_password",
        request_type: "SetFirmwarePassword",
        title: "Set firmware password",
        description: "Sets or clears the firmware password of a Mac with an Intel processor.",
        hazard: Hazard::Lock,
        priority: Priority::Normal,
        rules: Rules {
            macos: Some(Support::since(10, 13)),
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
            Parameter::new("allow_oroms", Kind::Flag, "Lets option ROMs run"),
        ],
    };

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if target.apple_silicon == Some(true) {
            return Err(Unfit::IntelOnly);
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some(
            "CurrentPassword",
            self.current_password.as_ref().map(Sensitive::expose),
        );
        command.insert("NewPassword", self.new_password.expose());
        if self.allow_oroms {
            command.insert("AllowOroms", true);
        }
    }

    fn summary(&self) -> String {
        if self.new_password.expose().is_empty() {
            "Clear firmware password".into()
        } else {
            "Set firmware password".into()
        }
    }

    fn secrets(&self) -> Vec<Escrow> {
        vec![Escrow {
            kind: EscrowKind::FirmwarePassword,
            secret: Secret::new(self.new_password.expose().as_bytes().to_vec()),
        }]
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        let changed = body
            .dict("SetFirmwarePassword")
            .and_then(|result| result.bool("PasswordChanged"));
        if changed == Some(false) {
            // The Mac kept the old password, so the new one does not belong into escrow.
            outcome.escrow.clear();
            outcome.result = CommandResult::Failed("the firmware password was not changed".into());
        }
        outcome.effects.push(Effect::Refresh(Category::Security));
    }
}
