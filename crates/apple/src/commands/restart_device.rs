//! `RestartDevice`: restarts a device.

use domain::Platform;
use domain::command::Hazard;
use serde::{Deserialize, Serialize};

use super::{
    Meta, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support, Target, Unfit,
};
use crate::plist::Dict;

/// Restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartDevice {
    /// Lets the user of a Mac choose the moment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notify_user: bool,
}

impl Spec for RestartDevice {
    const META: Meta = Meta {
        name: "restart_device",
        request_type: "RestartDevice",
        title: "Restart",
        description: "Restarts the device.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(10, 3).supervised()),
            macos: Some(Support::since(10, 13)),
            tvos: Some(Support::since(10, 2).supervised()),
            personal: Some("its user may be working on it"),
            ..Rules::NOWHERE
        },
        parameters: &[Parameter::new(
            "notify_user",
            Kind::Flag,
            "Lets the user of a Mac choose the moment",
        )],
    };

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if self.notify_user && target.platform != Platform::Macos {
            return Err(Unfit::Parameter {
                parameter: "notify_user",
                platform: target.platform,
            });
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        if self.notify_user {
            command.insert("NotifyUser", true);
        }
    }
}
