//! `EraseDevice`: erases a device.

use domain::command::Hazard;
use domain::{Platform, Secret};
use serde::{Deserialize, Serialize};

use super::{
    Effect, Escrow, EscrowKind, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority,
    Rules, Spec, Support, Target, Unfit,
};
use crate::{Sensitive, plist::Dict};

/// Erase.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseDevice {
    /// Six digits that unlock a Mac that could not erase itself at once; required unless it is known to have Apple silicon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Sensitive>,
    /// Keeps the eSIM.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preserve_data_plan: bool,
    /// Does not offer setup by holding another device near.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disallow_proximity_setup: bool,
    /// What a Mac does that cannot erase by discarding its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obliteration_behavior: Option<ObliterationBehavior>,
    /// Enrols again by itself afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to_service: Option<ReturnToService>,
}

impl Spec for EraseDevice {
    const META: Meta = Meta {
        name: "erase_device",
        request_type: "EraseDevice",
        title: "Erase",
        description: "Erases everything on the device. This cannot be undone.",
        hazard: Hazard::Wipe,
        priority: Priority::Lost,
        rules: Rules {
            ios: Some(Support::since(4, 0)),
            macos: Some(Support::since(10, 7)),
            tvos: Some(Support::since(10, 2)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1)),
            personal: Some("Muster never erases a private device; remove management instead"),
        },
        parameters: &[
            Parameter::new("pin", Kind::Text, "Six digits, for a Mac").secret(),
            Parameter::new("preserve_data_plan", Kind::Flag, "Keeps the eSIM"),
            Parameter::new(
                "disallow_proximity_setup",
                Kind::Flag,
                "Does not offer setup by holding another device near",
            ),
            Parameter::new(
                "obliteration_behavior",
                Kind::Choice(ObliterationBehavior::WORDS),
                "What a Mac does that cannot erase by discarding its keys",
            ),
            Parameter::new(
                "return_to_service",
                Kind::Object,
                "Enrols again by itself: wifi_profile, mdm_profile, bootstrap_token as base64",
            )
            .secret(),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        check_pin(self.pin.as_ref())
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        let platform = target.platform;
        let mac = platform == Platform::Macos;
        let phone = matches!(platform, Platform::Ios | Platform::Ipados);
        let unknown = |parameter| {
            Err(Unfit::Parameter {
                parameter,
                platform,
            })
        };
        if mac && self.pin.is_none() && target.apple_silicon != Some(true) {
            // Macs without Apple silicon may fall back to a lock that only this PIN opens.
            return Err(Unfit::Needs("pin"));
        }
        if !mac && self.pin.is_some() {
            return unknown("pin");
        }
        if !mac && self.obliteration_behavior.is_some() {
            return unknown("obliteration_behavior");
        }
        if !phone && platform != Platform::Watchos && self.preserve_data_plan {
            return unknown("preserve_data_plan");
        }
        if !phone && self.disallow_proximity_setup {
            return unknown("disallow_proximity_setup");
        }
        if self.return_to_service.is_some() {
            if !phone && platform != Platform::Tvos {
                return unknown("return_to_service");
            }
            let major = if phone { 17 } else { 18 };
            if let Some(version) = &target.os_version
                && !version.at_least(major, 0)
            {
                return Err(Unfit::TooOld {
                    platform,
                    needs: format!("{major}.0"),
                    has: version.as_str().to_owned(),
                });
            }
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some("PIN", self.pin.as_ref().map(Sensitive::expose));
        if self.preserve_data_plan {
            command.insert("PreserveDataPlan", true);
        }
        if self.disallow_proximity_setup {
            command.insert("DisallowProximitySetup", true);
        }
        command.insert_some(
            "ObliterationBehavior",
            self.obliteration_behavior.map(ObliterationBehavior::as_str),
        );
        if let Some(service) = &self.return_to_service {
            let mut dict = Dict::new().with("Enabled", true);
            dict.insert_some("WiFiProfileData", service.wifi_profile.as_deref());
            dict.insert_some("MDMProfileData", service.mdm_profile.as_deref());
            dict.insert_some("BootstrapToken", service.bootstrap_token.as_deref());
            command.insert("ReturnToService", dict);
        }
    }

    fn summary(&self) -> String {
        if self.return_to_service.is_some() {
            "Erase and return to service".into()
        } else {
            "Erase".into()
        }
    }

    fn secrets(&self) -> Vec<Escrow> {
        keep_pin(self.pin.as_ref())
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Erased);
    }
}

/// What a Mac does that cannot erase by discarding its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObliterationBehavior {
    /// Erases the slow way.
    Default,
    /// Refuses instead.
    DoNotObliterate,
    /// Erases the slow way and reports a warning.
    ObliterateWithWarning,
    /// Erases the slow way at once.
    Always,
}

impl ObliterationBehavior {
    const WORDS: &[&str] = &[
        "Default",
        "DoNotObliterate",
        "ObliterateWithWarning",
        "Always",
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::DoNotObliterate => "DoNotObliterate",
            Self::ObliterateWithWarning => "ObliterateWithWarning",
            Self::Always => "Always",
        }
    }
}

/// What an erased device needs to enrol again by itself.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnToService {
    /// A profile with the network to join.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "super::base64_bytes::option"
    )]
    pub wifi_profile: Option<Vec<u8>>,
    /// The enrollment profile; required where enrollment goes through a web page.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "super::base64_bytes::option"
    )]
    pub mdm_profile: Option<Vec<u8>>,
    /// Keeps the managed applications (iOS 26).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "super::base64_bytes::option"
    )]
    pub bootstrap_token: Option<Vec<u8>>,
}

impl std::fmt::Debug for ReturnToService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A PIN is exactly six digits.
pub(super) fn check_pin(pin: Option<&Sensitive>) -> Result<(), Invalid> {
    let valid = pin.is_none_or(|pin| {
        pin.expose().len() == 6 && pin.expose().bytes().all(|byte| byte.is_ascii_digit())
    });
    if valid {
        return Ok(());
    }
    Err(Invalid {
        parameter: "pin",
        reason: "it must be six digits",
    })
}

/// The PIN opens the Mac: it must be in escrow before the device has it.
pub(super) fn keep_pin(pin: Option<&Sensitive>) -> Vec<Escrow> {
    pin.map(|pin| Escrow {
        kind: EscrowKind::DeviceLockPin,
        secret: Secret::new(pin.expose().as_bytes().to_vec()),
    })
    .into_iter()
    .collect()
}
