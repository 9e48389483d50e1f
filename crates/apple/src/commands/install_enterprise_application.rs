//! `InstallEnterpriseApplication`: installs a package on a Mac.

use domain::command::Hazard;
use domain::facts::Category;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    Effect, Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec,
    Support, check_object, object,
};
use crate::plist::Dict;

/// Install package.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallEnterpriseApplication {
    /// The manifest itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Map<String, Json>>,
    /// Where the manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_url: Option<String>,
    /// 1 removes it when management ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_flags: Option<u32>,
    /// Its managed configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Map<String, Json>>,
    /// Manages it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub install_as_managed: bool,
    /// Takes over management of an application its user installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
}

impl Spec for InstallEnterpriseApplication {
    const META: Meta = Meta {
        name: "install_enterprise_application",
        request_type: "InstallEnterpriseApplication",
        title: "Install package",
        description: "Installs a package on a Mac from a manifest.",
        hazard: Hazard::Publish,
        priority: Priority::Normal,
        rules: Rules {
            macos: Some(Support::since(10, 13).user_enrollment()),
            personal: None,
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new("manifest", Kind::Object, "The manifest itself"),
            Parameter::new("manifest_url", Kind::Text, "Where the manifest is"),
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
        if self.manifest.is_some() == self.manifest_url.is_some() {
            return Err(Invalid {
                parameter: "manifest",
                reason: "give either a manifest or its address",
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
            (&self.manifest, "manifest"),
            (&self.configuration, "configuration"),
        ] {
            check_object(map.as_ref(), parameter)?;
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        command.insert_some("Manifest", self.manifest.as_ref().map(object));
        command.insert_some("ManifestURL", self.manifest_url.as_deref());
        command.insert_some("ManagementFlags", self.management_flags);
        command.insert_some("Configuration", self.configuration.as_ref().map(object));
        if self.install_as_managed {
            command.insert("InstallAsManaged", true);
        }
        if self.take_over {
            command.insert("ChangeManagementState", "Managed");
        }
    }

    fn summary(&self) -> String {
        self.manifest_url.as_deref().map_or_else(
            || "Install package".to_owned(),
            |url| format!("Install package from {url}"),
        )
    }

    fn observe(&self, _body: &Dict, outcome: &mut Outcome) {
        outcome.effects.push(Effect::Refresh(Category::Apps));
    }
}
