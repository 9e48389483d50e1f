//! A message of a device as it came, for people: secrets masked, long ones cut.

use apple::plist::{self, Dict, Limits, Value};
use domain::{DeviceId, ReportId};

use super::{
    answer::{Answer, Fault, Of, page as answer_page},
    device::identity_of,
    visit::By,
};
use crate::console::views::{ReportPage, ReportRow};

/// The longest text that is shown, in characters.
const LONGEST: usize = 100_000;
/// What is shown of a secret.
const MASK: &str = "[secret]";
/// Keys of reports that hold secrets, in lower case (Apple's Device Management reference).
const SECRET_KEYS: [&str; 17] = [
    "unlocktoken",
    "token",
    "pushmagic",
    "bootstraptoken",
    "bypasscode",
    "activationlockbypasscode",
    "personalrecoverykey",
    "personalrecoverykeycms",
    "fde_personalrecoverykeycms",
    "newrecoverykey",
    "recoverykey",
    "escrowedkey",
    "password",
    "newpassword",
    "pin",
    "challenge",
    "rotateresult",
];

pub(super) async fn page(by: By, Of((device, report)): Of<(DeviceId, ReportId)>) -> Answer {
    let raw = by.engine().raw_report(by.authority(), report).await?;
    if raw.device_id != device {
        return Err(Fault::nothing_here());
    }
    let detail = by.engine().device(by.authority(), device).await?;
    let (text, cut) = readable(&raw.body);
    answer_page(&ReportPage {
        shell: by.shell(),
        device: identity_of(&detail.device),
        report: ReportRow {
            id: raw.id.to_string(),
            kind: raw.kind,
            received_at: raw.received_at,
            bytes: raw.body.len() as u64,
        },
        text,
        truncated: raw.truncated || cut,
    })
}

/// A report as text without secrets, and whether it was cut. What cannot be read cannot be
/// masked, so it is not shown.
fn readable(body: &[u8]) -> (String, bool) {
    let text = if let Ok(value) = plist::read(body, Limits::DEFAULT) {
        String::from_utf8_lossy(&plist::write(&masked(value))).into_owned()
    } else if let Ok(mut json) = serde_json::from_slice(body) {
        mask_json(&mut json);
        serde_json::to_string_pretty(&json).unwrap_or_default()
    } else {
        return (
            format!(
                "{} bytes that are no property list and no JSON.",
                body.len()
            ),
            false,
        );
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => (text[..end].to_owned(), true),
        None => (text, false),
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_KEYS.contains(&key.as_str())
}

fn masked(value: Value) -> Value {
    match value {
        Value::Dict(dict) => {
            let mut out = Dict::new();
            for (key, item) in dict.iter() {
                let item = if is_secret(key) {
                    Value::from(MASK)
                } else {
                    masked(item.clone())
                };
                out.insert(key, item);
            }
            Value::Dict(out)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(masked).collect()),
        other => other,
    }
}

fn mask_json(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(map) => {
            for (key, item) in map {
                if is_secret(key) {
                    *item = MASK.into();
                } else {
                    mask_json(item);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(mask_json),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_shown_without_its_secrets() {
        let dict = Dict::new()
            .with("Status", "Acknowledged")
            .with("UnlockToken", "planted")
            .with("Nested", Dict::new().with("PersonalRecoveryKey", "planted"));
        let (text, cut) = readable(&plist::write_dict(&dict));
        assert!(
            text.contains("Acknowledged") && text.contains(MASK),
            "{text}"
        );
        assert!(!text.contains("planted") && !cut, "{text}");
        let (text, _) = readable(br#"{"a": [{"PushMagic": "planted"}], "b": 1}"#);
        assert!(
            !text.contains("planted") && text.contains("\"b\": 1"),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        let (text, _) = readable(b"planted <plist");
        assert!(!text.contains("planted"), "{text}");
    }
}
