//! `InstallApplication`: installs an application.

use domain::command::Hazard;
use domain::{EnrollmentKind, Platform, facts::Category};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    CommandResult, Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority,
    Rules, Spec, Support, Target, Unfit, check_object, object,
};
use crate::plist::Dict;

/// Install application.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallApplication {
    /// Its number in the App Store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub itunes_store_id: Option<i64>,
    /// Its bundle identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Where its manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_url: Option<String>,
    /// Licensed to the device (Apps and Books), not to a user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub device_license: bool,
    /// 1 removes it when management ends, 4 keeps its data out of backups, 5 both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_flags: Option<u32>,
    /// Its managed configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Map<String, Json>>,
    /// Its managed attributes, for example `VPNUUID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Map<String, Json>>,
    /// Manages it (macOS).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub install_as_managed: bool,
    /// Takes over management of an application its user installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
}

impl Spec for InstallApplication {
    const META: Meta = Meta {
        name: "install_application",
        request_type: "InstallApplication",
        title: "Install application",
        description: "Installs an application from the App Store or from a manifest.",
        hazard: Hazard::Publish,
        priority: Priority::Normal,
        rules: Rules {
            ios: Some(Support::since(5, 0).user_enrollment()),
            macos: Some(Support::since(10, 9).user_enrollment().user_channel()),
            tvos: Some(Support::since(10, 2)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            personal: None,
        },
        parameters: &[
            Parameter::new(
                "itunes_store_id",
                Kind::Integer,
                "Its number in the App Store",
            ),
            Parameter::new("identifier", Kind::Text, "Its bundle identifier"),
            Parameter::new("manifest_url", Kind::Text, "Where its manifest is"),
            Parameter::new(
                "device_license",
                Kind::Flag,
                "Licensed to the device, not to a user",
            ),
            Parameter::new("attributes", Kind::Object, "Its managed attributes"),
            Parameter::new(
                "management_flags",
                Kind::Integer,
                "1 removes it when management ends, 4 keeps its data out of backups, 5 both",
            ),
            Parameter::new("configuration", Kind::Object, "Its managed configuration"),
            Parameter::new("install_as_managed", Kind::Flag, "Manages it (macOS)"),
            Parameter::new(
                "take_over",
                Kind::Flag,
                "Takes over management of an application its user installed",
            ),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        let sources = [
            self.itunes_store_id.is_some(),
            self.identifier.is_some(),
            self.manifest_url.is_some(),
        ];
        if sources.iter().filter(|given| **given).count() != 1 {
            return Err(Invalid {
                parameter: "identifier",
                reason: "give one of itunes_store_id, identifier and manifest_url",
            });
        }
        if self
            .manifest_url
            .as_ref()
            .is_some_and(|url| !url.starts_with("https://"))
        {
            return Err(Invalid {
                parameter: "manifest_url",
                reason: "it must begin with https://",
            });
        }
        for (map, parameter) in [
            (&self.configuration, "configuration"),
            (&self.attributes, "attributes"),
        ] {
            check_object(map.as_ref(), parameter)?;
        }
        Ok(())
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if self.install_as_managed && target.platform != Platform::Macos {
            return Err(Unfit::Parameter {
                parameter: "install_as_managed",
                platform: target.platform,
            });
        }
        if self.take_over && target.kind == EnrollmentKind::AccountUser {
            return Err(Unfit::UserEnrollment);
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some("iTunesStoreID", self.itunes_store_id);
        command.insert_some("Identifier", self.identifier.as_deref());
        command.insert_some("ManifestURL", self.manifest_url.as_deref());
        if self.device_license {
            command.insert("Options", Dict::new().with("PurchaseMethod", 1));
        }
        command.insert_some("ManagementFlags", self.management_flags);
        command.insert_some("Configuration", self.configuration.as_ref().map(object));
        command.insert_some("Attributes", self.attributes.as_ref().map(object));
        if self.install_as_managed {
            command.insert("InstallAsManaged", true);
        }
        if self.take_over {
            command.insert("ChangeManagementState", "Managed");
        }
    }

    fn summary(&self) -> String {
        match (&self.identifier, self.itunes_store_id, &self.manifest_url) {
            (Some(identifier), _, _) => format!("Install application {identifier}"),
            (_, Some(id), _) => format!("Install application {id} of the App Store"),
            (_, _, Some(url)) => format!("Install application from {url}"),
            _ => "Install application".into(),
        }
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        if let Some(reason) = body.string("RejectionReason") {
            outcome.result = CommandResult::Failed(format!("the device refused: {reason}"));
        }
        outcome.effects.push(Effect::Refresh(Category::ManagedApps));
    }
}
