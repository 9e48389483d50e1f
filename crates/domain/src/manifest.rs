//! Collection manifests: what may be stored of a device, by ownership.
//!
//! The ingest path passes every report through [`Manifest::filter`] before
//! anything is stored, so what is not allowed never reaches a disk.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Ownership,
    facts::{Category, Observation},
};

/// What may be collected from devices of one ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    ownership: Ownership,
}

/// How many values of each category were dropped before storage.
pub type Dropped = BTreeMap<Category, usize>;

/// Keys that name a line, a subscriber or a place, never kept of a personal device.
const PERSONAL_KEYS: &[&str] = &[
    "phone_number",
    "imei",
    "meid",
    "iccid",
    "imsi",
    "current_carrier",
    "subscriber_carrier",
    "wifi_mac",
    "bluetooth_mac",
    "ethernet_mac",
    "ip_address",
    "itunes_account_hash",
    "roaming",
    "subscriptions",
];

impl Manifest {
    /// The manifest of an ownership.
    pub const fn of(ownership: Ownership) -> Self {
        Self { ownership }
    }

    /// Whether a value may be stored.
    pub fn allows(self, category: Category, key: &str, value: &Value) -> bool {
        match self.ownership {
            Ownership::Corporate => true,
            Ownership::Cope => !matches!(category, Category::Apps) || is_managed(value),
            Ownership::Personal => match category {
                Category::Location => false,
                Category::Apps => is_managed(value),
                Category::Network | Category::Identity | Category::Hardware => {
                    !PERSONAL_KEYS.contains(&key)
                }
                Category::Certificates | Category::Profiles => is_managed(value),
                _ => true,
            },
        }
    }

    /// Whether the bytes of a report may be kept as received.
    ///
    /// A raw report holds whatever the device chose to say, so it is kept only
    /// where everything may be.
    pub fn keeps_raw(self) -> bool {
        self.ownership == Ownership::Corporate
    }

    /// Keeps what is allowed and counts the rest.
    pub fn filter(self, observations: Vec<Observation>) -> (Vec<Observation>, Dropped) {
        let mut dropped = Dropped::new();
        let kept = observations
            .into_iter()
            .filter_map(|observation| match observation {
                Observation::Set {
                    category,
                    key,
                    value,
                } => {
                    if self.allows(category, &key, &value) {
                        Some(Observation::Set {
                            category,
                            key,
                            value,
                        })
                    } else {
                        *dropped.entry(category).or_default() += 1;
                        None
                    }
                }
                Observation::Replace {
                    category,
                    mut entries,
                } => {
                    let before = entries.len();
                    entries.retain(|key, value| self.allows(category, key, value));
                    if entries.len() < before {
                        *dropped.entry(category).or_default() += before - entries.len();
                    }
                    Some(Observation::Replace { category, entries })
                }
            })
            .collect();
        (kept, dropped)
    }

    /// The categories of which something may be stored, for notices.
    pub fn categories(self) -> Vec<Category> {
        Category::ALL
            .iter()
            .copied()
            .filter(|category| {
                !(self.ownership == Ownership::Personal && *category == Category::Location)
            })
            .collect()
    }
}

fn is_managed(value: &Value) -> bool {
    value
        .get("managed")
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_personal_device_keeps_its_private_life() {
        let manifest = Manifest::of(Ownership::Personal);
        let (kept, dropped) = manifest.filter(vec![
            Observation::set(Category::Network, "phone_number", "+440000000000"),
            Observation::set(Category::Location, "latitude", 51.5),
            Observation::set(Category::Os, "version", "18.1"),
            Observation::Replace {
                category: Category::Apps,
                entries: BTreeMap::from([
                    ("com.example.private".to_owned(), json!({"managed": false})),
                    ("com.example.work".to_owned(), json!({"managed": true})),
                ]),
            },
        ]);
        assert_eq!(
            dropped,
            Dropped::from([
                (Category::Network, 1),
                (Category::Location, 1),
                (Category::Apps, 1)
            ])
        );
        assert_eq!(kept.len(), 2);
        let Observation::Replace { entries, .. } = &kept[1] else {
            panic!("the list stays a list");
        };
        assert_eq!(entries.keys().collect::<Vec<_>>(), ["com.example.work"]);
        assert!(!manifest.keeps_raw());
    }

    #[test]
    fn an_entry_that_does_not_say_it_is_managed_is_private() {
        let manifest = Manifest::of(Ownership::Personal);
        assert!(!manifest.allows(Category::Apps, "com.example.app", &json!({})));
    }

    #[test]
    fn a_corporate_device_reports_everything() {
        let manifest = Manifest::of(Ownership::Corporate);
        assert!(manifest.allows(Category::Location, "latitude", &json!(1.0)));
        assert!(manifest.keeps_raw());
    }
}
