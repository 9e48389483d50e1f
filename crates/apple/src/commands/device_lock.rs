//! `DeviceLock`: locks a device.

use domain::command::Hazard;
use domain::{Ownership, Platform};
use serde::{Deserialize, Serialize};

use super::{
    Escrow, Invalid, Meta, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support,
    Target, Unfit,
};
use crate::{Sensitive, plist::Dict};

/// Lock.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLock {
    /// Six digits that unlock a Mac; required there, unknown elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Sensitive>,
    /// Shown on the lock screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Shown on the lock screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

impl Spec for DeviceLock {
    const META: Meta = Meta {
        name: "device_lock",
        request_type: "DeviceLock",
        title: "Lock",
        description: "Locks the device. A Mac restarts and stays unusable until the PIN is entered.",
        hazard: Hazard::Lock,
        priority: Priority::Lost,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment()),
            macos: Some(Support::since(10, 7)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(2, 0).user_enrollment()),
            personal: None,
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new(
                "pin",
                Kind::Text,
                "Six digits that unlock a Mac; required there",
            )
            .secret(),
            Parameter::new("message", Kind::Text, "Shown on the lock screen"),
            Parameter::new("phone_number", Kind::Text, "Shown on the lock screen"),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        super::erase_device::check_pin(self.pin.as_ref())
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        let mac = target.platform == Platform::Macos;
        if mac && target.ownership == Ownership::Personal {
            return Err(Unfit::Personal(
                "a locked Mac is lost to its owner until a PIN is entered",
            ));
        }
        match (mac, &self.pin) {
            (true, None) => Err(Unfit::Needs("pin")),
            (false, Some(_)) => Err(Unfit::Parameter {
                parameter: "pin",
                platform: target.platform,
            }),
            _ => Ok(()),
        }
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some("PIN", self.pin.as_ref().map(Sensitive::expose));
        command.insert_some("Message", self.message.as_deref());
        command.insert_some("PhoneNumber", self.phone_number.as_deref());
    }

    fn secrets(&self) -> Vec<Escrow> {
        super::erase_device::keep_pin(self.pin.as_ref())
    }
}
