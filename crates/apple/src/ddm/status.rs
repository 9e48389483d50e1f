//! Status reports and the state they add up to.

use domain::facts::{Category, Observation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::declaration::DeclarationKind;

/// Largest report, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// Errors and reasons kept of one report.
const MOST_ERRORS: usize = 500;

/// Entries kept of a list: a device cannot make us remember without end.
const MOST_ENTRIES: usize = 20_000;

/// Values kept altogether; beyond that the latest report counts alone.
const MOST_VALUES: usize = 300_000;

/// Status items whose value is an object that is always reported whole.
const WHOLE: &[&str] = &[
    "management.client-capabilities",
    "management.declarations",
    "softwareupdate.failure-reason",
    "softwareupdate.install-reason",
    "softwareupdate.pending-version",
    "test.dictionary-value",
];

/// A status report of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusReport {
    /// `StatusItems`: a tree whose paths are the dotted names of items.
    pub items: Map<String, Value>,
    /// Items that could not be reported.
    pub errors: Vec<StatusError>,
    /// It replaces all earlier state instead of adding to it.
    pub full: bool,
    /// The bytes as received.
    pub raw: Vec<u8>,
}

/// An item that could not be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusError {
    /// The dotted name of the item.
    pub item: String,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// A reason in an error or in the state of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For example `Error.ConfigurationCannotBeApplied`.
    pub code: String,
    /// For people.
    pub description: Option<String>,
}

/// Why bytes are not a status report. Answer 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAStatus {
    /// Larger than 8 MiB.
    #[error("the status report has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or nested too deeply.
    #[error("not JSON: {0}")]
    Json(String),
    /// Not an object, or `StatusItems` is none.
    #[error("StatusItems is missing")]
    NoItems,
}

impl StatusReport {
    /// Reads the `Data` of a DeclarativeManagement check-in with the endpoint `status`.
    ///
    /// # Errors
    /// When it is too large, not JSON, or has no `StatusItems`.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAStatus> {
        if bytes.len() > MOST_BYTES {
            return Err(NotAStatus::TooLarge);
        }
        let json: Value =
            serde_json::from_slice(bytes).map_err(|error| NotAStatus::Json(error.to_string()))?;
        let items = json
            .get("StatusItems")
            .and_then(Value::as_object)
            .ok_or(NotAStatus::NoItems)?
            .clone();
        let errors = list(&json, "Errors")
            .iter()
            .take(MOST_ERRORS)
            .map(|error| StatusError {
                item: text(error, "StatusItem").unwrap_or_default(),
                reasons: reasons(error, "Reasons"),
            })
            .collect();
        Ok(Self {
            items,
            errors,
            full: json.get("FullReport").and_then(Value::as_bool) == Some(true),
            raw: bytes.to_vec(),
        })
    }
}

/// What all reports of one channel add up to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatusState {
    /// The tree of status items.
    pub items: Map<String, Value>,
}

/// The state after a report.
///
/// A full report replaces everything. Otherwise items replace items of the same name,
/// except lists of objects with an `identifier`, where only the listed ones change and
/// those marked `_removed` go.
#[must_use]
pub fn merge(state: &StatusState, report: &StatusReport) -> StatusState {
    let mut items = if report.full {
        Map::new()
    } else {
        state.items.clone()
    };
    merge_tree(&mut items, &report.items, "");
    if !report.full && items.values().map(count).sum::<usize>() > MOST_VALUES {
        items = Map::new();
        merge_tree(&mut items, &report.items, "");
    }
    StatusState { items }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// What the device says of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationState {
    /// Its kind.
    pub kind: DeclarationKind,
    /// Its identifier.
    pub identifier: String,
    /// The version the device has.
    pub server_token: String,
    /// Whether it is in force.
    pub active: bool,
    /// Whether it is valid.
    pub validity: Validity,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// What the device thinks of a declaration's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Not yet processed.
    Unknown,
    /// Refused.
    Invalid,
    /// Accepted.
    Valid,
}

impl Validity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
            Self::Valid => "valid",
        }
    }
}

impl StatusState {
    /// An item by its dotted name.
    pub fn item(&self, name: &str) -> Option<&Value> {
        let mut parts = name.split('.');
        let first = self.items.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// What the device says of each declaration.
    pub fn declarations(&self) -> Vec<DeclarationState> {
        let Some(item) = self.item("management.declarations") else {
            return Vec::new();
        };
        DeclarationKind::ALL
            .into_iter()
            .flat_map(|kind| {
                list(item, kind.status_key())
                    .iter()
                    .filter_map(move |entry| declaration_state(kind, entry))
            })
            .collect()
    }

    /// The facts in this state: mapped status items, and the state of declarations once reported.
    pub fn observations(&self) -> Vec<Observation> {
        let mut observations = crate::facts::from_status_items(&Value::Object(self.items.clone()));
        if self.item("management.declarations").is_some() {
            observations.push(Observation::Replace {
                category: Category::Declarations,
                entries: self
                    .declarations()
                    .into_iter()
                    .map(|state| {
                        let entry = json!({
                            "kind": state.kind,
                            "server_token": state.server_token,
                            "active": state.active,
                            "validity": state.validity.as_str(),
                            "reasons": state.reasons,
                        });
                        (state.identifier, entry)
                    })
                    .collect(),
            });
        }
        observations
    }
}

fn merge_tree(into: &mut Map<String, Value>, from: &Map<String, Value>, path: &str) {
    for (key, value) in from {
        let name = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            Value::Null => {
                into.remove(key);
            }
            Value::Object(map) if !WHOLE.contains(&name.as_str()) => {
                let slot = into
                    .entry(key.clone())
                    .or_insert_with(|| Value::Object(Map::new()));
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(slot) = slot {
                    merge_tree(slot, map, &name);
                }
            }
            Value::Array(changes) if is_keyed(changes) => {
                let known = match into.remove(key) {
                    Some(Value::Array(known)) if is_keyed(&known) => known,
                    _ => Vec::new(),
                };
                into.insert(key.clone(), merge_list(known, changes));
            }
            other => {
                into.insert(key.clone(), other.clone());
            }
        }
    }
}

/// Whether a list is one whose entries are told apart by `identifier`; an empty one is not.
fn is_keyed(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| identifier(item).is_some())
}

fn identifier(item: &Value) -> Option<&str> {
    item.get("identifier").and_then(Value::as_str)
}

/// Keeps the order of what is known, new entries come after it.
fn merge_list(known: Vec<Value>, changes: &[Value]) -> Value {
    let mut out: Vec<Value> = known;
    let mut places: std::collections::HashMap<String, usize> = out
        .iter()
        .enumerate()
        .filter_map(|(place, item)| Some((identifier(item)?.to_owned(), place)))
        .collect();
    for change in changes {
        let Some(key) = identifier(change) else {
            continue;
        };
        if let Some(slot) = places.get(key).and_then(|place| out.get_mut(*place)) {
            slot.clone_from(change);
        } else if out.len() < MOST_ENTRIES {
            places.insert(key.to_owned(), out.len());
            out.push(change.clone());
        }
    }
    out.retain(|item| item.get("_removed").and_then(Value::as_bool) != Some(true));
    Value::Array(out)
}

fn declaration_state(kind: DeclarationKind, entry: &Value) -> Option<DeclarationState> {
    Some(DeclarationState {
        kind,
        identifier: text(entry, "identifier")?,
        server_token: text(entry, "server-token").unwrap_or_default(),
        active: entry.get("active").and_then(Value::as_bool) == Some(true),
        validity: match entry.get("valid").and_then(Value::as_str) {
            Some("valid") => Validity::Valid,
            Some("invalid") => Validity::Invalid,
            _ => Validity::Unknown,
        },
        reasons: reasons(entry, "reasons"),
    })
}

/// Reports write `Code`, status items write `code`.
fn reasons(value: &Value, key: &str) -> Vec<Reason> {
    list(value, key)
        .iter()
        .take(MOST_ERRORS)
        .map(|reason| Reason {
            code: text(reason, "code")
                .or_else(|| text(reason, "Code"))
                .unwrap_or_default(),
            description: text(reason, "description").or_else(|| text(reason, "Description")),
        })
        .collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> Option<String> {
    value
        .get(key)
        .and_then(Value::as_str)
        .map(|text| text.chars().take(1024).collect())
}
