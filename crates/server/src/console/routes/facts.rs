//! What is known of a device, in words.

use std::collections::BTreeMap;

use domain::{
    Ownership, Timestamp,
    facts::{Assurance, Category, Fact},
};
use serde_json::Value as Json;
use store::FactSheet;

use super::words::capital;
use crate::console::{
    components::{Tag, Tone},
    format,
    views::{AppRow, CertificateRow, DeclarationRow, FactGroup, FactRow, ProfileRow},
};

/// The longest value that is shown, in characters.
const LONGEST_VALUE: usize = 300;

/// The facts of a device by what they are about.
pub(super) struct Facts(BTreeMap<Category, FactSheet>);

impl Facts {
    pub(super) fn new(sheets: Vec<FactSheet>) -> Self {
        Self(
            sheets
                .into_iter()
                .map(|sheet| (sheet.category, sheet))
                .collect(),
        )
    }

    /// One value.
    pub(super) fn value(&self, category: Category, key: &str) -> Option<&Json> {
        Some(&self.0.get(&category)?.document.get(key)?.value)
    }

    fn entries(&self, category: Category) -> impl Iterator<Item = (&str, &Fact)> {
        self.0
            .get(&category)
            .into_iter()
            .flat_map(|sheet| &sheet.document)
            .map(|(key, fact)| (key.as_str(), fact))
    }

    /// Single facts, grouped; lists have tables of their own.
    pub(super) fn groups(&self) -> Vec<FactGroup> {
        let groups = [
            (Category::Identity, "Identity"),
            (Category::Hardware, "Hardware"),
            (Category::Os, "System"),
            (Category::Security, "Security"),
            (Category::Network, "Network"),
            (Category::Location, "Location"),
            (Category::Users, "Users"),
            (Category::ProvisioningProfiles, "Provisioning profiles"),
            (Category::Capabilities, "Capabilities"),
        ];
        groups
            .into_iter()
            .map(|(category, title)| FactGroup {
                title: title.to_owned(),
                facts: self
                    .entries(category)
                    .map(|(key, fact)| FactRow {
                        name: match category {
                            // Names of accounts and identifiers are shown as they are.
                            Category::Users | Category::ProvisioningProfiles => key.to_owned(),
                            _ => name(key),
                        },
                        value: value(&fact.value),
                        reported_at: fact.observed_at,
                        attested: fact.assurance == Assurance::Attested,
                    })
                    .collect(),
            })
            .filter(|group| !group.facts.is_empty())
            .collect()
    }

    pub(super) fn profiles(&self) -> Vec<ProfileRow> {
        self.entries(Category::Profiles)
            .map(|(key, fact)| {
                let managed = flag(&fact.value, "managed");
                ProfileRow {
                    name: text(&fact.value, "name").unwrap_or(key).to_owned(),
                    identifier: key.to_owned(),
                    source: match managed {
                        Some(true) => "Muster",
                        Some(false) => "Somebody else",
                        None => "Not known",
                    }
                    .to_owned(),
                    state: Tag::new("Installed", Tone::Good),
                }
            })
            .collect()
    }

    /// Apps of both lists; the one of managed apps knows which are ours.
    pub(super) fn apps(&self) -> Vec<AppRow> {
        let ours: BTreeMap<&str, &Fact> = self.entries(Category::ManagedApps).collect();
        let row = |key: &str, fact: &Fact, managed: bool| AppRow {
            name: text(&fact.value, "name").unwrap_or(key).to_owned(),
            identifier: key.to_owned(),
            version: text(&fact.value, "short_version")
                .or_else(|| text(&fact.value, "version"))
                .unwrap_or_default()
                .to_owned(),
            managed,
        };
        let mut rows: Vec<AppRow> = self
            .entries(Category::Apps)
            .map(|(key, fact)| {
                let managed =
                    ours.contains_key(key) || flag(&fact.value, "managed").unwrap_or(false);
                row(key, fact, managed)
            })
            .collect();
        let listed: Vec<String> = rows.iter().map(|row| row.identifier.clone()).collect();
        rows.extend(
            ours.into_iter()
                .filter(|(key, _)| !listed.iter().any(|known| known == key))
                .map(|(key, fact)| row(key, fact, true)),
        );
        rows.sort_by_key(|row| row.name.to_lowercase());
        rows
    }

    pub(super) fn certificates(&self) -> Vec<CertificateRow> {
        let mut rows: Vec<CertificateRow> = self
            .entries(Category::Certificates)
            .map(|(key, fact)| CertificateRow {
                name: text(&fact.value, "common_name").unwrap_or(key).to_owned(),
                issuer: text(&fact.value, "issuer").unwrap_or_default().to_owned(),
                expires_at: text(&fact.value, "expires").and_then(|at| at.parse().ok()),
                is_identity: flag(&fact.value, "identity").unwrap_or(false),
            })
            .collect();
        rows.sort_by_key(|row| row.name.to_lowercase());
        rows
    }

    pub(super) fn declarations(&self) -> Vec<DeclarationRow> {
        self.entries(Category::Declarations)
            .map(|(key, fact)| {
                let active = flag(&fact.value, "active").unwrap_or(false);
                let state = match (text(&fact.value, "validity"), active) {
                    (Some("valid"), true) => Tag::new("Active", Tone::Good),
                    (Some("valid"), false) => Tag::new("Valid, not active", Tone::Info),
                    (Some("invalid"), _) => Tag::new("Invalid", Tone::Bad),
                    _ => Tag::new("Not decided", Tone::Neutral),
                };
                DeclarationRow {
                    kind: capital(text(&fact.value, "kind").unwrap_or("declaration")),
                    identifier: key.to_owned(),
                    state,
                    reasons: reasons(&fact.value["reasons"]),
                    reported_at: Some(fact.observed_at),
                }
            })
            .collect()
    }
}

/// What the ownership forbids to collect, in words.
pub(super) fn withheld(ownership: Ownership) -> &'static str {
    match ownership {
        Ownership::Corporate => "",
        Ownership::Cope => {
            "Private use is allowed on this device, so apps that the organisation did not install \
             are not collected, and reports are not kept as they came."
        }
        Ownership::Personal => {
            "This device belongs to the person who uses it, so private apps, profiles and \
             certificates, telephone numbers, network addresses and the location are not \
             collected, and reports are not kept as they came."
        }
    }
}

/// Reasons a device gave for a declaration: an array of objects, `[]` or null.
fn reasons(value: &Json) -> String {
    let Some(list) = value.as_array() else {
        return String::new();
    };
    let texts: Vec<String> = list
        .iter()
        .map(|reason| {
            ["description", "Description", "code", "Code"]
                .into_iter()
                .find_map(|key| reason[key].as_str())
                .map_or_else(|| reason.to_string(), str::to_owned)
        })
        .collect();
    clipped(&texts.join("; "))
}

/// A key of a fact in words: `battery_percent` is "Battery percent".
fn name(key: &str) -> String {
    const SHORT: [(&str, &str); 22] = [
        ("udid", "UDID"),
        ("imei", "IMEI"),
        ("meid", "MEID"),
        ("iccid", "ICCID"),
        ("eid", "EID"),
        ("mac", "MAC"),
        ("wifi", "Wi-Fi"),
        ("os", "system"),
        ("ip", "IP"),
        ("id", "id"),
        ("gb", "(GB)"),
        ("percent", "(%)"),
        ("filevault", "FileVault"),
        ("mdm", "MDM"),
        ("sip", "SIP"),
        ("prk", "personal recovery key"),
        ("irk", "institutional recovery key"),
        ("itunes", "iTunes"),
        ("bluetooth", "Bluetooth"),
        ("apple", "Apple"),
        ("esim", "eSIM"),
        ("5g", "5G"),
    ];
    let words: Vec<&str> = key
        .split(['_', '.'])
        .map(|word| {
            SHORT
                .iter()
                .find(|(short, _)| *short == word)
                .map_or(word, |(_, long)| long)
        })
        .collect();
    capital(&words.join(" "))
}

fn value(value: &Json) -> String {
    match value {
        Json::Null => "–".to_owned(),
        Json::Bool(true) => "Yes".to_owned(),
        Json::Bool(false) => "No".to_owned(),
        Json::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() => format!("{real:.1}"),
            _ => number.to_string(),
        },
        Json::String(text) => match text.parse::<Timestamp>() {
            // Only whole RFC 3339 times are times; versions and numbers are not.
            Ok(at) if text.contains('T') => format::date_time(&at).text().to_owned(),
            _ => clipped(text),
        },
        Json::Array(items) => {
            let texts: Vec<String> = items.iter().map(self::value).collect();
            clipped(&texts.join(", "))
        }
        Json::Object(map) => {
            let texts: Vec<String> = map
                .iter()
                .map(|(key, item)| format!("{}: {}", name(key), self::value(item)))
                .collect();
            clipped(&texts.join("; "))
        }
    }
}

fn clipped(text: &str) -> String {
    let mut clipped: String = text.chars().take(LONGEST_VALUE).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

fn text<'a>(value: &'a Json, key: &str) -> Option<&'a str> {
    value[key].as_str().filter(|text| !text.is_empty())
}

fn flag(value: &Json, key: &str) -> Option<bool> {
    value[key].as_bool()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_values_read_as_words() {
        assert_eq!(name("battery_percent"), "Battery (%)");
        assert_eq!(name("filevault_enabled"), "FileVault enabled");
        assert_eq!(value(&json!(true)), "Yes");
        assert_eq!(value(&json!("2026-11-21T14:03:00Z")), "21 Nov 2026, 14:03");
        assert_eq!(value(&json!("26.1")), "26.1");
        assert_eq!(value(&json!({"a_b": [1, 2]})), "A b: 1, 2");
        assert_eq!(value(&json!("x".repeat(400))).chars().count(), 301);
    }
}
