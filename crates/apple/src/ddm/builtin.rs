//! Declarations that Muster makes itself for every channel.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    declaration::{Declaration, DeclarationError, DeclarationKind},
    status::StatusState,
};

/// Status items Muster wants where they exist.
const WANTED: &[&str] = &[
    "app.managed.list",
    "device.identifier.serial-number",
    "device.identifier.udid",
    "device.model.family",
    "device.model.identifier",
    "device.model.marketing-name",
    "device.model.number",
    "device.operating-system.build-version",
    "device.operating-system.family",
    "device.operating-system.marketing-name",
    "device.operating-system.supplemental.build-version",
    "device.operating-system.supplemental.extra-version",
    "device.operating-system.version",
    "device.power.battery-health",
    "diskmanagement.filevault.enabled",
    "management.client-capabilities",
    "management.declarations",
    "passcode.is-compliant",
    "passcode.is-present",
    "softwareupdate.beta-enrollment",
    "softwareupdate.device-id",
    "softwareupdate.failure-reason",
    "softwareupdate.install-reason",
    "softwareupdate.install-state",
    "softwareupdate.pending-version",
];

/// What every device with declarative management reports, whatever its version.
const EVERYWHERE: &[&str] = &[
    "device.model.family",
    "device.model.identifier",
    "device.operating-system.build-version",
    "device.operating-system.family",
    "device.operating-system.version",
    "management.client-capabilities",
    "management.declarations",
];

/// What a channel supports, from the status item `management.client-capabilities`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Declaration types.
    pub declarations: BTreeSet<String>,
    /// Status items.
    pub status_items: BTreeSet<String>,
}

impl Capabilities {
    /// Reads them from a state; `None` until the device has reported them.
    pub fn of(state: &StatusState) -> Option<Self> {
        let payloads = state
            .item("management.client-capabilities")?
            .get("supported-payloads")?;
        let texts = |value: Option<&Value>| -> BTreeSet<String> {
            value
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let declarations = payloads.get("declarations");
        Some(Self {
            declarations: DeclarationKind::ALL
                .into_iter()
                .flat_map(|kind| texts(declarations.and_then(|d| d.get(kind.status_key()))))
                .collect(),
            status_items: texts(payloads.get("status-items")),
        })
    }
}

/// Who manages, as the device shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationInfo {
    /// Its name.
    pub name: String,
    /// Where its users can write to.
    pub email: Option<String>,
    /// Its page.
    pub url: Option<String>,
}

/// What the built-in declarations are made of.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn<'a> {
    /// Begins their identifiers, for example `muster`; at most 40 octets.
    pub prefix: &'a str,
    /// Who manages.
    pub organization: &'a OrganizationInfo,
    /// What the channel supports, once reported.
    pub capabilities: Option<&'a Capabilities>,
    /// Identifiers of configurations that no other activation names: they apply always.
    pub configurations: &'a [String],
}

/// The declarations every channel has: who manages, which status items Muster wants of those
/// the channel supports, and one activation of these and of `configurations`.
///
/// # Errors
/// When the prefix makes an identifier too long.
pub fn built_in(parts: &BuiltIn<'_>) -> Result<Vec<Declaration>, DeclarationError> {
    let id = |name: &str| format!("{}.{name}", parts.prefix);
    let mut organization = json!({ "Name": parts.organization.name });
    if let Some(map) = organization.as_object_mut() {
        for (key, value) in [
            ("Email", &parts.organization.email),
            ("URL", &parts.organization.url),
        ] {
            if let Some(value) = value {
                map.insert(key.into(), value.clone().into());
            }
        }
    }
    let items: Vec<Value> = parts
        .capabilities
        .map_or_else(
            || EVERYWHERE.to_vec(),
            |capabilities| {
                WANTED
                    .iter()
                    .copied()
                    .filter(|item| capabilities.status_items.contains(*item))
                    .collect()
            },
        )
        .into_iter()
        .map(|item| json!({ "Name": item }))
        .collect();
    let subscription = id("status");
    // Sorted and without repetition, so that the order of assignments is no change.
    let active: BTreeSet<&str> = parts
        .configurations
        .iter()
        .map(String::as_str)
        .chain([subscription.as_str()])
        .collect();
    Ok(vec![
        Declaration::new(
            &id("organization"),
            "com.apple.management.organization-info",
            organization,
        )?,
        Declaration::new(
            &subscription,
            "com.apple.configuration.management.status-subscriptions",
            json!({ "StatusItems": items }),
        )?,
        Declaration::new(
            &id("activation"),
            "com.apple.activation.simple",
            json!({ "StandardConfigurations": active }),
        )?,
    ])
}
