//! Status items and the reports that carry them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{Declarations, Group};
use crate::{
    Result,
    apple::{Device, Kind, channel::Channel},
};

/// Items reported whether or not anybody subscribed.
const ALWAYS: [&str; 2] = ["management.client-capabilities", "management.declarations"];

/// Configuration types this client says it knows.
const CONFIGURATIONS: [&str; 11] = [
    "com.apple.configuration.account.caldav",
    "com.apple.configuration.app.managed",
    "com.apple.configuration.diskmanagement.settings",
    "com.apple.configuration.legacy",
    "com.apple.configuration.management.status-subscriptions",
    "com.apple.configuration.management.test",
    "com.apple.configuration.math.settings",
    "com.apple.configuration.passcode.settings",
    "com.apple.configuration.screensharing.connection",
    "com.apple.configuration.softwareupdate.enforcement.specific",
    "com.apple.configuration.softwareupdate.settings",
];

impl Device {
    /// Sends a status report: everything, or only what changed since the last one.
    ///
    /// # Errors
    /// When not enrolled, unreachable, or not answered with 200.
    pub async fn report_status(&mut self, full: bool) -> Result<()> {
        self.send_report(&Channel::Device, full).await
    }

    /// After a session: reports subscribed items that changed, if any.
    pub(in crate::apple) async fn report_changes(&mut self, channel: &Channel) -> Result<()> {
        if self.state.enrollment.is_none() || !self.declarations(channel).enabled {
            return Ok(());
        }
        self.send_report(channel, false).await
    }

    pub(super) async fn send_report(&mut self, channel: &Channel, full: bool) -> Result<()> {
        let values = self.status_values(channel);
        let declarations = self.declarations(channel);
        let mut names: Vec<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
        names.extend(
            declarations
                .subscriptions
                .iter()
                .filter(|name| !ALWAYS.contains(&name.as_str()))
                .cloned(),
        );
        let mut items = Json::Object(Map::new());
        let mut errors = Vec::new();
        let mut changed = BTreeMap::new();
        for name in names {
            let value = values.get(&name).cloned().unwrap_or(Json::Null);
            if !full && declarations.reported.get(&name) == Some(&value) {
                continue;
            }
            if value.is_null() {
                errors.push(json!({
                    "StatusItem": name,
                    "Reasons": [{ "Code": "Error.UnsupportedStatusItem", "Description": "The status item is not supported." }],
                }));
            } else {
                insert(&mut items, &name, value.clone());
            }
            changed.insert(name, value);
        }
        if changed.is_empty() {
            return Ok(());
        }
        let mut report = json!({ "StatusItems": items, "Errors": errors });
        if full {
            report["FullReport"] = Json::Bool(true);
        }
        self.ask(channel, "status", Some(report.to_string().into_bytes()))
            .await?;
        let declarations = self.declarations(channel);
        declarations.reports += 1;
        if full {
            declarations.reported = changed;
        } else {
            declarations.reported.extend(changed);
        }
        Ok(())
    }

    /// Every status item this device knows, by dotted name.
    pub(super) fn status_values(&self, channel: &Channel) -> BTreeMap<String, Json> {
        let (hardware, state) = (&self.hardware, &self.state);
        let declarations = match channel {
            Channel::Device => &state.declarations,
            Channel::User(_) => &state.user_declarations,
        };
        let personal = state
            .enrollment
            .as_ref()
            .is_some_and(|enrollment| enrollment.enrollment_id.is_some());
        let family = match hardware.kind {
            Kind::IPhone => "iPhone",
            Kind::IPad => "iPad",
            Kind::Mac => "Mac",
            Kind::AppleTv => "AppleTV",
        };
        let mut values = BTreeMap::new();
        let mut set = |name: &str, value: Json| values.insert(name.to_owned(), value);
        set("device.model.family", json!(family));
        set("device.model.identifier", json!(hardware.product_name));
        set("device.model.marketing-name", json!(hardware.model_name));
        set("device.model.number", json!(hardware.model));
        set(
            "device.operating-system.family",
            json!(hardware.kind.os_family()),
        );
        set(
            "device.operating-system.version",
            json!(hardware.os_version),
        );
        set(
            "device.operating-system.build-version",
            json!(hardware.build_version),
        );
        set(
            "device.operating-system.marketing-name",
            json!(format!(
                "{} {}",
                hardware.kind.os_family(),
                hardware.os_version
            )),
        );
        if !personal {
            set(
                "device.identifier.serial-number",
                json!(hardware.serial_number),
            );
            set("device.identifier.udid", json!(hardware.udid));
        }
        set("passcode.is-present", json!(state.passcode_present));
        set("passcode.is-compliant", json!(true));
        if hardware.kind == Kind::Mac {
            set(
                "diskmanagement.filevault.enabled",
                json!(state.filevault_enabled),
            );
        }
        if let Some(update) = &state.update {
            set("softwareupdate.install-state", json!(update.state));
            set(
                "softwareupdate.pending-version",
                json!({ "os-version": update.version, "build-version": "" }),
            );
            set(
                "softwareupdate.install-reason",
                json!({ "reason": ["declaration"] }),
            );
        } else {
            set("softwareupdate.install-state", json!("none"));
            set("softwareupdate.pending-version", json!({}));
            set("softwareupdate.install-reason", json!({ "reason": [] }));
        }
        set("softwareupdate.failure-reason", json!({ "count": 0 }));
        let apps: Vec<Json> = state
            .apps
            .values()
            .filter(|app| app.managed)
            .map(|app| json!({ "identifier": app.identifier, "name": app.name, "version": app.version, "state": "managed" }))
            .collect();
        set("mdm.app", json!(apps));
        let known = values.keys().cloned().collect();
        values.insert("management.client-capabilities".into(), capabilities(known));
        values.insert(
            "management.declarations".into(),
            declaration_status(declarations),
        );
        values
    }
}

fn declaration_status(declarations: &Declarations) -> Json {
    let list = |wanted: Group| -> Vec<Json> {
        declarations
            .held
            .iter()
            .filter(|((group, _), _)| *group == wanted)
            .map(|(_, held)| {
                let mut item = json!({
                    "identifier": held.identifier, "server-token": held.server_token,
                    "active": held.active, "valid": held.valid,
                });
                if !held.reasons.is_empty() {
                    let reason = |(code, why): &(String, String)| json!({ "code": code, "description": why });
                    item["reasons"] = held.reasons.iter().map(reason).collect();
                }
                item
            })
            .collect()
    };
    json!({
        "activations": list(Group::Activation),
        "assets": list(Group::Asset),
        "configurations": list(Group::Configuration),
        "management": list(Group::Management),
    })
}

fn capabilities(mut items: Vec<String>) -> Json {
    items.push("management.client-capabilities".into());
    items.push("management.declarations".into());
    json!({
        "supported-versions": ["1.0.0"],
        "supported-features": {},
        "supported-payloads": {
            "declarations": {
                "activations": ["com.apple.activation.simple"],
                "assets": ["com.apple.asset.credential.userpassword", "com.apple.asset.data", "com.apple.asset.useridentity"],
                "configurations": CONFIGURATIONS,
                "management": [
                    "com.apple.management.organization-info",
                    "com.apple.management.properties",
                    "com.apple.management.server-capabilities",
                ],
            },
            "status-items": items,
        },
    })
}

/// Puts a value under a dotted name into nested objects.
fn insert(root: &mut Json, name: &str, value: Json) {
    let mut place = root;
    for part in name.split('.') {
        place = &mut place[part];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_nest() {
        let mut root = json!({});
        insert(&mut root, "device.operating-system.version", json!("1"));
        insert(&mut root, "device.operating-system.family", json!("iOS"));
        assert_eq!(
            root,
            json!({ "device": { "operating-system": { "version": "1", "family": "iOS" } } })
        );
    }
}
