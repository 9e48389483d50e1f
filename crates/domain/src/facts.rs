//! Reported state: normalised, dated facts with their origin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Timestamp, words::words};

words! {
    /// What a fact is about. One document per device and category is stored.
    Category, "fact category" {
        /// Serial number, UDID, names, IMEI.
        Identity = "identity",
        /// Model, capacity, battery, chip.
        Hardware = "hardware",
        /// Operating system, build, updates.
        Os = "os",
        /// Passcode, encryption, firewall, management state.
        Security = "security",
        /// Addresses, carrier, phone number, roaming.
        Network = "network",
        /// Where it is; only in lost mode.
        Location = "location",
        /// Installed applications, by bundle identifier.
        Apps = "apps",
        /// Applications that we installed, by bundle identifier.
        ManagedApps = "managed_apps",
        /// Installed certificates, by SHA-256.
        Certificates = "certificates",
        /// Installed configuration profiles, by identifier.
        Profiles = "profiles",
        /// Provisioning profiles, by UUID.
        ProvisioningProfiles = "provisioning_profiles",
        /// Accounts on a shared device, by name.
        Users = "users",
        /// State of declarations, by identifier.
        Declarations = "declarations",
        /// What the device can do.
        Capabilities = "capabilities",
    }
}

words! {
    /// How far a fact can be believed.
    Assurance, "assurance" {
        /// Vouched for by the hardware and its maker.
        Attested = "attested",
        /// Said by the software on the device.
        SelfReported = "self_reported",
    }
}

/// One thing known of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The value, normalised: units as the key says, dates as RFC 3339.
    pub value: Value,
    /// When the device reported this value, or last confirmed it.
    pub observed_at: Timestamp,
    /// Which report it came with, for example `DeviceInformation`.
    pub origin: String,
    /// How far it can be believed.
    pub assurance: Assurance,
}

/// All facts of one category, by key.
pub type Document = BTreeMap<String, Fact>;

/// A change of what is known, as read from one report.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// One value; others of the category stay.
    Set {
        /// The category.
        category: Category,
        /// The key within it.
        key: String,
        /// The normalised value.
        value: Value,
    },
    /// A complete list: what is missing is gone.
    Replace {
        /// The category.
        category: Category,
        /// All entries.
        entries: BTreeMap<String, Value>,
    },
}

impl Observation {
    /// A single value.
    pub fn set(category: Category, key: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::Set {
            category,
            key: key.into(),
            value: value.into(),
        }
    }

    /// What it is about.
    pub const fn category(&self) -> Category {
        match self {
            Self::Set { category, .. } | Self::Replace { category, .. } => *category,
        }
    }
}

/// What one report said.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// When it was received.
    pub observed_at: Timestamp,
    /// Which message it was.
    pub origin: String,
    /// How far it can be believed.
    pub assurance: Assurance,
    /// Its content.
    pub observations: Vec<Observation>,
}

/// Keys whose value changed, appeared or went, sorted.
pub type Changed = Vec<String>;

/// Brings a document up to date with one report; observations of other categories are ignored.
///
/// An older report never overwrites a newer fact. Confirmed values get the new date.
pub fn apply(document: &mut Document, category: Category, report: &Report) -> Changed {
    let mut changed = Vec::new();
    for observation in &report.observations {
        match observation {
            Observation::Set {
                category: of,
                key,
                value,
            } if *of == category => {
                if set(document, key, value, report) {
                    changed.push(key.clone());
                }
            }
            Observation::Replace {
                category: of,
                entries,
            } if *of == category => {
                document.retain(|key, fact| {
                    let keep = entries.contains_key(key) || fact.observed_at > report.observed_at;
                    if !keep {
                        changed.push(key.clone());
                    }
                    keep
                });
                for (key, value) in entries {
                    if set(document, key, value, report) {
                        changed.push(key.clone());
                    }
                }
            }
            Observation::Set { .. } | Observation::Replace { .. } => {}
        }
    }
    changed.sort();
    changed.dedup();
    changed
}

fn set(document: &mut Document, key: &str, value: &Value, report: &Report) -> bool {
    let known = document.get(key);
    if known.is_some_and(|fact| fact.observed_at > report.observed_at) {
        return false;
    }
    let differs = known.is_none_or(|fact| fact.value != *value);
    document.insert(
        key.to_owned(),
        Fact {
            value: value.clone(),
            observed_at: report.observed_at,
            origin: report.origin.clone(),
            assurance: report.assurance,
        },
    );
    differs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(at: i64, observations: Vec<Observation>) -> Report {
        Report {
            observed_at: Timestamp::from_millis(at),
            origin: "DeviceInformation".into(),
            assurance: Assurance::SelfReported,
            observations,
        }
    }

    #[test]
    fn only_true_changes_are_named() {
        let mut document = Document::new();
        let first = report(1, vec![Observation::set(Category::Os, "version", "18.1")]);
        assert_eq!(apply(&mut document, Category::Os, &first), ["version"]);
        let again = report(2, vec![Observation::set(Category::Os, "version", "18.1")]);
        assert!(apply(&mut document, Category::Os, &again).is_empty());
        assert_eq!(document["version"].observed_at, Timestamp::from_millis(2));
    }

    #[test]
    fn a_late_report_does_not_undo_a_newer_one() {
        let mut document = Document::new();
        apply(
            &mut document,
            Category::Os,
            &report(9, vec![Observation::set(Category::Os, "version", "18.2")]),
        );
        let late = report(3, vec![Observation::set(Category::Os, "version", "18.1")]);
        assert!(apply(&mut document, Category::Os, &late).is_empty());
        assert_eq!(document["version"].value, json!("18.2"));
    }

    #[test]
    fn a_complete_list_removes_what_it_does_not_name() {
        let mut document = Document::new();
        let list = |names: &[&str]| Observation::Replace {
            category: Category::Apps,
            entries: names.iter().map(|n| ((*n).to_owned(), json!({}))).collect(),
        };
        apply(
            &mut document,
            Category::Apps,
            &report(1, vec![list(&["a", "b"])]),
        );
        let changed = apply(
            &mut document,
            Category::Apps,
            &report(2, vec![list(&["b", "c"])]),
        );
        assert_eq!(changed, ["a", "c"]);
        assert_eq!(document.keys().collect::<Vec<_>>(), ["b", "c"]);
    }
}
