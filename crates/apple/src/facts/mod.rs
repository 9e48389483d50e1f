//! From device reports to normalized facts.
//!
//! The tables in this module name every report key that becomes a fact, its
//! category and its key there. Numbers keep the unit in the key (`capacity_gb`,
//! `battery_percent`), dates become RFC 3339, empty texts are dropped. What the
//! tables do not name stays in the raw report.

mod lists;
mod tables;

use domain::facts::{Category, Observation};
use serde_json::{Value as Json, json};

pub use lists::{
    from_certificates, from_installed_applications, from_managed_applications, from_profiles,
    from_provisioning_profiles, from_users,
};
pub use tables::{Kind, Mapping};

use crate::{
    checkin::{CheckIn, platform_of_product},
    plist::{Dict, Value},
};

/// Every key of a device report that becomes a fact: of Authenticate,
/// DeviceInformation, SecurityInfo, DeviceLocation and declarative status.
pub const TABLES: &[(&str, &[Mapping])] = &[
    ("Authenticate", tables::AUTHENTICATE),
    ("DeviceInformation", tables::DEVICE_INFORMATION),
    ("SecurityInfo", tables::SECURITY_INFO),
    ("DeviceLocation", tables::LOCATION),
    ("Status", tables::STATUS),
];

/// What an Authenticate says of the device.
pub fn from_authenticate(message: &CheckIn) -> Vec<Observation> {
    let mut observations = read(&message.dict, tables::AUTHENTICATE);
    observations.extend(platform(&message.dict));
    observations
}

/// What a TokenUpdate says of the device.
pub fn from_token_update(message: &CheckIn) -> Vec<Observation> {
    let awaiting = message.dict.bool("AwaitingConfiguration").unwrap_or(false);
    vec![Observation::set(
        Category::Security,
        "awaiting_configuration",
        awaiting,
    )]
}

/// The answers of DeviceInformation; `answers` is `QueryResponses`.
pub fn from_device_information(answers: &Dict) -> Vec<Observation> {
    let mut observations = read(answers, tables::DEVICE_INFORMATION);
    observations.extend(platform(answers));
    if let Some(fraction) = answers
        .real("BatteryLevel")
        .filter(|level| (0.0..=1.0).contains(level))
    {
        // A Mac without a battery and a device that does not know say -1.
        let percent = (fraction * 100.0).round() as i64;
        observations.push(Observation::set(
            Category::Hardware,
            "battery_percent",
            percent,
        ));
    }
    let subscriptions: Vec<Json> = answers
        .dicts("ServiceSubscriptions")
        .take(8)
        .map(subscription)
        .collect();
    if !subscriptions.is_empty() {
        observations.push(Observation::set(
            Category::Network,
            "subscriptions",
            subscriptions,
        ));
    }
    observations
}

/// The answers of SecurityInfo. The escrowed recovery key is not a fact and is left out.
pub fn from_security_info(info: &Dict) -> Vec<Observation> {
    let mut observations = read(info, tables::SECURITY_INFO);
    for (group, mappings) in tables::SECURITY_GROUPS {
        if let Some(dict) = info.dict(group) {
            observations.extend(read(dict, mappings));
        }
    }
    observations
}

/// The answers of DeviceLocation.
pub fn from_location(body: &Dict) -> Vec<Observation> {
    if body.real("Latitude").is_none() || body.real("Longitude").is_none() {
        return Vec::new();
    }
    let mut observations = read(body, tables::LOCATION);
    // A negative accuracy, speed or course means that it is not known.
    observations.retain(|observation| {
        !matches!(observation, Observation::Set { key, value, .. }
            if tables::NEVER_NEGATIVE.contains(&key.as_str())
                && value.as_f64().is_some_and(|number| number < 0.0))
    });
    observations
}

/// The status items of declarative management that are facts.
///
/// Takes what [`crate::ddm::StatusReport`] holds: a tree of dotted names, in JSON.
pub fn from_status_items(items: &Json) -> Vec<Observation> {
    let mut observations: Vec<Observation> = tables::STATUS
        .iter()
        .filter_map(|mapping| {
            let value = mapping
                .wire
                .split('.')
                .try_fold(items, |value, part| value.get(part))?;
            Some(Observation::Set {
                category: mapping.category,
                key: mapping.key.to_owned(),
                value: json_scalar(value, mapping.kind)?,
            })
        })
        .collect();
    if let Some(family) = items
        .pointer("/device/operating-system/family")
        .and_then(Json::as_str)
        .and_then(platform_of_family)
    {
        observations.push(Observation::set(Category::Os, "platform", family.as_str()));
    }
    observations
}

/// Whether a DeviceInformation query asks for what a personal device keeps to itself.
pub fn is_private_query(query: &str) -> bool {
    matches!(
        query,
        "ServiceSubscriptions" | "iTunesStoreAccountHash" | "ActiveManagedUsers" | "TimeZone"
    ) || tables::DEVICE_INFORMATION.iter().any(|mapping| {
        mapping.wire == query
            && !domain::manifest::Manifest::of(domain::Ownership::Personal).allows(
                mapping.category,
                mapping.key,
                &Json::Null,
            )
    })
}

fn read(dict: &Dict, mappings: &[Mapping]) -> Vec<Observation> {
    mappings
        .iter()
        .filter_map(|mapping| {
            let value = scalar(dict.get(mapping.wire)?, mapping.kind)?;
            Some(Observation::Set {
                category: mapping.category,
                key: mapping.key.to_owned(),
                value,
            })
        })
        .collect()
}

/// The value in its normal form; `None` when it is empty or of another kind.
pub(crate) fn scalar(value: &Value, kind: Kind) -> Option<Json> {
    match kind {
        Kind::Text => value
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| Json::String(text.chars().take(1024).collect())),
        Kind::Mac => value
            .as_str()
            .map(|text| text.trim().to_ascii_lowercase().replace('-', ":"))
            .filter(|text| !text.is_empty() && text.len() <= 64)
            .map(Json::String),
        Kind::Flag => value.as_bool().map(Json::Bool),
        Kind::Integer => value.as_integer().map(|number| json!(number)),
        Kind::Real => value
            .as_real()
            .filter(|number| number.is_finite())
            .map(|number| json!(number)),
        Kind::Date => value.as_date().map(|at| json!(at.to_string())),
    }
}

fn json_scalar(value: &Json, kind: Kind) -> Option<Json> {
    match kind {
        Kind::Flag => value.as_bool().map(Json::Bool),
        Kind::Integer => value.as_i64().map(|number| json!(number)),
        Kind::Real => value.as_f64().map(|number| json!(number)),
        Kind::Text | Kind::Mac | Kind::Date => value
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| Json::String(text.chars().take(1024).collect())),
    }
}

fn platform(dict: &Dict) -> Option<Observation> {
    let name = dict
        .string("ProductName")
        .or_else(|| dict.string("ModelName"))?;
    platform_of_product(name)
        .map(|platform| Observation::set(Category::Os, "platform", platform.as_str()))
}

fn platform_of_family(family: &str) -> Option<domain::Platform> {
    domain::Platform::ALL
        .iter()
        .copied()
        .find(|platform| platform.title() == family)
}

fn subscription(dict: &Dict) -> Json {
    let mut out = serde_json::Map::new();
    for mapping in tables::SUBSCRIPTION {
        if let Some(value) = dict
            .get(mapping.wire)
            .and_then(|value| scalar(value, mapping.kind))
        {
            out.insert(mapping.key.to_owned(), value);
        }
    }
    Json::Object(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fact_key_is_snake_case_and_named_once_per_table() {
        for (name, mappings) in TABLES {
            let mut seen = BTreeSet::new();
            for mapping in *mappings {
                assert!(
                    mapping.key.bytes().all(|byte| byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || byte == b'_'),
                    "{}",
                    mapping.key
                );
                assert!(
                    seen.insert((mapping.category, mapping.key)),
                    "{name}: {} twice",
                    mapping.key
                );
            }
        }
    }

    #[test]
    fn a_private_query_is_known_by_the_fact_it_would_become() {
        assert!(is_private_query("PhoneNumber"));
        assert!(is_private_query("WiFiMAC"));
        assert!(is_private_query("ServiceSubscriptions"));
        assert!(!is_private_query("OSVersion"));
    }

    #[test]
    fn a_device_without_battery_has_no_level() {
        let observations = from_device_information(&Dict::new().with("BatteryLevel", -1.0));
        assert!(observations.is_empty());
        let observations = from_device_information(&Dict::new().with("BatteryLevel", 0.67));
        assert_eq!(
            observations,
            [Observation::set(Category::Hardware, "battery_percent", 67)]
        );
    }

    #[test]
    fn status_items_become_facts() {
        let observations = from_status_items(&json!({
            "device": {
                "operating-system": {"family": "macOS", "version": "26.1", "supplemental": {"build-version": "25B80"}},
                "identifier": {"serial-number": "SYNTHETIC1"},
            },
            "diskmanagement": {"filevault": {"enabled": true}},
        }));
        assert!(observations.contains(&Observation::set(Category::Os, "platform", "macos")));
        assert!(observations.contains(&Observation::set(Category::Os, "version", "26.1")));
        assert!(observations.contains(&Observation::set(
            Category::Security,
            "filevault_enabled",
            true
        )));
        assert!(observations.contains(&Observation::set(
            Category::Identity,
            "serial_number",
            "SYNTHETIC1"
        )));
    }
}
