//! `Settings`: names, radios, sharing and other switches.

use domain::{command::Hazard, facts::Category};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    CommandResult, Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority,
    Rules, Spec, Support, Target, Unfit, check_object, object,
};
use crate::{
    connect::{ErrorLink, error_chain},
    plist::Dict,
};

/// Changes settings that have no profile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to change.
    pub settings: Vec<Setting>,
}

/// One change. In JSON an object whose `item` names it, for example
/// `{"item": "device_name", "value": "Front desk"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case", deny_unknown_fields)]
pub enum Setting {
    /// The device's name.
    DeviceName {
        /// The name.
        value: String,
    },
    /// A Mac's host name.
    HostName {
        /// The name.
        value: String,
    },
    /// The time zone, for example `Europe/London`.
    TimeZone {
        /// Its IANA name.
        value: String,
    },
    /// The wallpaper.
    Wallpaper {
        /// PNG or JPEG.
        #[serde(with = "super::base64_bytes")]
        image: Vec<u8>,
        /// 1 lock screen, 2 home screen, 3 both.
        r#where: u32,
    },
    /// Bluetooth on or off.
    Bluetooth {
        /// On.
        enabled: bool,
    },
    /// Data roaming on or off.
    DataRoaming {
        /// On.
        enabled: bool,
    },
    /// Voice roaming on or off.
    VoiceRoaming {
        /// On.
        enabled: bool,
    },
    /// Personal Hotspot on or off.
    PersonalHotspot {
        /// On.
        enabled: bool,
    },
    /// Sending diagnostics, on a Shared iPad.
    DiagnosticSubmission {
        /// On.
        enabled: bool,
    },
    /// Sharing app analytics, on a Shared iPad.
    AppAnalytics {
        /// On.
        enabled: bool,
    },
    /// Lets the user of a supervised device turn Activation Lock on.
    ActivationLock {
        /// Allowed.
        allowed: bool,
    },
    /// Who manages the device.
    OrganizationInfo {
        /// Apple's keys, for example `OrganizationName`.
        info: Map<String, Json>,
    },
    /// The configuration of a managed application; absent removes it.
    ApplicationConfiguration {
        /// Its bundle identifier.
        identifier: String,
        /// The configuration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        configuration: Option<Map<String, Json>>,
    },
    /// The attributes of a managed application; absent removes them.
    ApplicationAttributes {
        /// Its bundle identifier.
        identifier: String,
        /// The attributes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attributes: Option<Map<String, Json>>,
    },
    /// Users, sessions and quotas of a Shared iPad.
    SharedDeviceConfiguration {
        /// Apple's keys, for example `ResidentUsers`.
        configuration: Map<String, Json>,
    },
    /// Text size, contrast, motion and their like.
    Accessibility {
        /// Apple's keys, for example `BoldTextEnabled`.
        settings: Map<String, Json>,
    },
}

const IOS: Support = Support::since(5, 0);
/// For settings that User Enrollment has too.
const IOS_UE: Support = Support::since(5, 0).user_enrollment();

impl Setting {
    const fn item(&self) -> &'static str {
        match self {
            Self::DeviceName { .. } => "DeviceName",
            Self::HostName { .. } => "HostName",
            Self::TimeZone { .. } => "TimeZone",
            Self::Wallpaper { .. } => "Wallpaper",
            Self::Bluetooth { .. } => "Bluetooth",
            Self::DataRoaming { .. } => "DataRoaming",
            Self::VoiceRoaming { .. } => "VoiceRoaming",
            Self::PersonalHotspot { .. } => "PersonalHotspot",
            Self::DiagnosticSubmission { .. } => "DiagnosticSubmission",
            Self::AppAnalytics { .. } => "AppAnalytics",
            Self::ActivationLock { .. } => "MDMOptions",
            Self::OrganizationInfo { .. } => "OrganizationInfo",
            Self::ApplicationConfiguration { .. } => "ApplicationConfiguration",
            Self::ApplicationAttributes { .. } => "ApplicationAttributes",
            Self::SharedDeviceConfiguration { .. } => "SharedDeviceConfiguration",
            Self::Accessibility { .. } => "AccessibilitySettings",
        }
    }

    const fn rules(&self) -> Rules {
        let no = Rules {
            personal: Some("the setting is its owner's"),
            ..Rules::NOWHERE
        };
        match self {
            Self::DeviceName { .. } => Rules {
                ios: Some(IOS.supervised()),
                macos: Some(Support::since(10, 10)),
                tvos: Some(Support::since(9, 0)),
                visionos: Some(Support::since(2, 0).supervised()),
                ..no
            },
            Self::HostName { .. } => Rules {
                macos: Some(Support::since(10, 11)),
                ..no
            },
            Self::TimeZone { .. } => Rules {
                ios: Some(Support::since(14, 0).supervised()),
                tvos: Some(Support::since(14, 0).supervised()),
                visionos: Some(Support::since(2, 0).supervised()),
                ..no
            },
            Self::Wallpaper { .. } => Rules {
                ios: Some(Support::since(8, 0).supervised().user_channel()),
                ..no
            },
            Self::Bluetooth { .. } => Rules {
                ios: Some(Support::since(11, 3).supervised()),
                macos: Some(Support::since(10, 13)),
                ..no
            },
            Self::DataRoaming { .. } | Self::VoiceRoaming { .. } | Self::PersonalHotspot { .. } => {
                Rules {
                    ios: Some(IOS),
                    ..no
                }
            }
            Self::DiagnosticSubmission { .. } | Self::AppAnalytics { .. } => Rules {
                ios: Some(Support::since(9, 3).shared_only()),
                ..no
            },
            Self::SharedDeviceConfiguration { .. } => Rules {
                ios: Some(Support::since(13, 4).shared_only()),
                ..no
            },
            Self::Accessibility { .. } => Rules {
                ios: Some(Support::since(16, 0).supervised().user_channel()),
                watchos: Some(Support::since(10, 0).supervised()),
                ..no
            },
            Self::ActivationLock { .. } => Rules {
                ios: Some(Support::since(7, 0)),
                macos: Some(Support::since(10, 15)),
                visionos: Some(Support::since(2, 0)),
                ..no
            },
            Self::OrganizationInfo { .. } => Rules {
                ios: Some(Support::since(7, 0).user_enrollment().user_channel()),
                macos: Some(Support::since(10, 9).user_enrollment().user_channel()),
                tvos: Some(Support::since(9, 0)),
                watchos: Some(Support::since(10, 0)),
                visionos: Some(Support::since(1, 1).user_enrollment()),
                personal: None,
            },
            Self::ApplicationConfiguration { .. } => Rules {
                ios: Some(IOS_UE),
                macos: Some(Support::since(10, 15).user_enrollment()),
                tvos: Some(Support::since(10, 2)),
                watchos: Some(Support::since(10, 0)),
                visionos: Some(Support::since(1, 1).user_enrollment()),
                personal: None,
            },
            Self::ApplicationAttributes { .. } => Rules {
                ios: Some(IOS_UE),
                macos: None,
                tvos: Some(Support::since(10, 2)),
                watchos: Some(Support::since(10, 0)),
                visionos: Some(Support::since(1, 1).user_enrollment()),
                personal: None,
            },
        }
    }

    fn validate(&self) -> Result<(), Invalid> {
        let invalid = |reason| {
            Err(Invalid {
                parameter: "settings",
                reason,
            })
        };
        match self {
            Self::DeviceName { value } | Self::HostName { value } | Self::TimeZone { value }
                if value.trim().is_empty() =>
            {
                invalid("a name is empty")
            }
            Self::Wallpaper { image, r#where } => match (image.is_empty(), r#where) {
                (true, _) => invalid("the image is empty"),
                (_, 1..=3) => Ok(()),
                _ => invalid("where must be 1, 2 or 3"),
            },
            Self::ApplicationConfiguration {
                configuration: map, ..
            }
            | Self::ApplicationAttributes {
                attributes: map, ..
            } => check_object(map.as_ref(), "settings"),
            Self::OrganizationInfo { info: map }
            | Self::SharedDeviceConfiguration { configuration: map }
            | Self::Accessibility { settings: map } => check_object(Some(map), "settings"),
            _ => Ok(()),
        }
    }

    fn encode(&self) -> Dict {
        let mut dict = match self {
            Self::SharedDeviceConfiguration { configuration: map }
            | Self::Accessibility { settings: map } => object(map),
            _ => Dict::new(),
        };
        match self {
            Self::DeviceName { value } => dict.insert("DeviceName", value),
            Self::HostName { value } => dict.insert("HostName", value),
            Self::TimeZone { value } => dict.insert("TimeZone", value),
            Self::Wallpaper { image, r#where } => {
                dict.insert("Image", image.as_slice());
                dict.insert("Where", *r#where);
            }
            Self::Bluetooth { enabled }
            | Self::DataRoaming { enabled }
            | Self::VoiceRoaming { enabled }
            | Self::PersonalHotspot { enabled }
            | Self::DiagnosticSubmission { enabled }
            | Self::AppAnalytics { enabled } => dict.insert("Enabled", *enabled),
            Self::ActivationLock { allowed } => dict.insert(
                "MDMOptions",
                Dict::new().with("ActivationLockAllowedWhileSupervised", *allowed),
            ),
            Self::OrganizationInfo { info } => dict.insert("OrganizationInfo", object(info)),
            Self::ApplicationConfiguration {
                identifier,
                configuration,
            } => {
                dict.insert("Identifier", identifier);
                dict.insert_some("Configuration", configuration.as_ref().map(object));
            }
            Self::ApplicationAttributes {
                identifier,
                attributes,
            } => {
                dict.insert("Identifier", identifier);
                dict.insert_some("Attributes", attributes.as_ref().map(object));
            }
            Self::SharedDeviceConfiguration { .. } | Self::Accessibility { .. } => {}
        }
        dict.with("Item", self.item())
    }
}

impl Spec for Settings {
    const META: Meta = Meta {
        name: "settings",
        request_type: "Settings",
        title: "Settings",
        description: "Changes settings that have no profile: names, radios, wallpaper, configuration of applications.",
        hazard: Hazard::None,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(5, 0).user_enrollment().user_channel()),
            macos: Some(Support::since(10, 9).user_enrollment().user_channel()),
            tvos: Some(Support::since(9, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            ..Rules::NOWHERE
        },
        parameters: &[Parameter::new(
            "settings",
            Kind::Objects,
            "Changes, each an object with item and its values, for example {\"item\": \"device_name\", \"value\": \"Front desk\"}",
        )
        .required()],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.settings.is_empty() {
            return Err(Invalid {
                parameter: "settings",
                reason: "there is nothing to change",
            });
        }
        self.settings.iter().try_for_each(Setting::validate)
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        self.settings
            .iter()
            .try_for_each(|setting| setting.rules().check(target))
    }

    fn write(&self, command: &mut Dict) {
        command.insert(
            "Settings",
            self.settings
                .iter()
                .map(Setting::encode)
                .collect::<Vec<_>>(),
        );
    }

    fn summary(&self) -> String {
        let items: Vec<_> = self.settings.iter().map(Setting::item).collect();
        format!("Change {}", items.join(", "))
    }

    /// Each item has its own status: the command fails when one of them did.
    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        let failed: Vec<String> = body
            .dicts("Settings")
            .chain(body.dict("Settings"))
            .zip(
                self.settings
                    .iter()
                    .map(Some)
                    .chain(std::iter::repeat(None)),
            )
            .filter(|(answer, _)| !matches!(answer.string("Status"), None | Some("Acknowledged")))
            .map(|(answer, setting)| {
                let why = error_chain(answer)
                    .first()
                    .map_or_else(|| "no reason given".into(), ErrorLink::describe);
                format!("{}: {why}", setting.map_or("a setting", Setting::item))
            })
            .collect();
        if !failed.is_empty() {
            outcome.result = CommandResult::Failed(failed.join("; "));
        }
        outcome.effects.push(Effect::Refresh(Category::Identity));
    }
}
