//! Parameters of commands: as fields of a form, and back as what the engine reads.

use apple::commands::{Meta, Parameter as Spec, ParameterKind as Kind};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value as Json, json};

use super::{forms::Sent, words::capital};
use crate::console::{
    components::{Choice, Form},
    views::{Parameter, ParameterKind},
};

/// The fields of a command.
pub(super) fn fields(meta: &Meta) -> Vec<Parameter> {
    meta.parameters
        .iter()
        .map(|spec| Parameter {
            name: spec.name.to_owned(),
            label: capital(&spec.name.replace('_', " ")),
            hint: hint(spec),
            kind: match spec.kind {
                Kind::Text => ParameterKind::Text,
                Kind::Integer => ParameterKind::Number,
                Kind::Flag => ParameterKind::Boolean,
                Kind::Texts => ParameterKind::Lines,
                Kind::Data | Kind::Object | Kind::Objects => ParameterKind::Document,
                Kind::Choice(words) => ParameterKind::Choice(
                    words.iter().map(|word| Choice::new(*word, *word)).collect(),
                ),
            },
            required: spec.required,
        })
        .collect()
}

/// A form that is shown again: without what is secret.
pub(super) fn again(meta: &Meta, sent: &Sent) -> Form {
    let secrets: Vec<String> = meta
        .parameters
        .iter()
        .filter(|spec| spec.secret)
        .map(|spec| field(spec.name))
        .collect();
    let kept = sent
        .0
        .iter()
        .filter(|(name, _)| !secrets.contains(name))
        .cloned()
        .collect();
    Sent(kept).again()
}

/// The command as the engine reads it.
///
/// # Errors
/// What is wrong with which field.
pub(super) fn command_json(meta: &Meta, sent: &Sent) -> Result<Json, Vec<(String, String)>> {
    let mut map = Map::from_iter([("type".to_owned(), json!(meta.name))]);
    let mut problems = Vec::new();
    for spec in meta.parameters {
        let name = field(spec.name);
        match value(spec, sent, &name) {
            Ok(Some(value)) => {
                map.insert(spec.name.to_owned(), value);
            }
            Ok(None) if spec.required => {
                let label = capital(&spec.name.replace('_', " "));
                problems.push((name, format!("{label}: enter a value")));
            }
            Ok(None) => {}
            Err(problem) => problems.push((name, problem)),
        }
    }
    if problems.is_empty() {
        Ok(Json::Object(map))
    } else {
        Err(problems)
    }
}

/// The name of a parameter's field.
pub(super) fn field(name: &str) -> String {
    format!("p.{name}")
}

fn hint(spec: &Spec) -> String {
    let form = match spec.kind {
        Kind::Texts => " One on each line.",
        Kind::Data => " As text (such as a profile) or base64.",
        Kind::Object => " A JSON object.",
        Kind::Objects => " A JSON array of objects.",
        _ => "",
    };
    let stop = if spec.description.ends_with('.') {
        ""
    } else {
        "."
    };
    format!("{}{stop}{form}", spec.description)
}

fn value(spec: &Spec, sent: &Sent, name: &str) -> Result<Option<Json>, String> {
    let text = sent.value(name);
    if text.is_empty() {
        return Ok(None);
    }
    match spec.kind {
        Kind::Text => Ok(Some(text.into())),
        Kind::Flag => Ok((text == "true").then(|| true.into())),
        Kind::Integer => text
            .parse::<i64>()
            .map(|number| Some(number.into()))
            .map_err(|_| "Enter a whole number".to_owned()),
        Kind::Data => data(text).map(Some),
        Kind::Texts => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(Some(lines.collect()))
        }
        Kind::Object => parsed(text, Json::is_object).ok_or("Enter a JSON object".to_owned()),
        Kind::Objects => parsed(text, |json| {
            json.as_array()
                .is_some_and(|items| items.iter().all(Json::is_object))
        })
        .ok_or("Enter a JSON array of objects".to_owned()),
        Kind::Choice(words) if words.contains(&text) => Ok(Some(text.into())),
        Kind::Choice(_) => Err("Choose one of the list".to_owned()),
    }
}

/// Bytes: a document as it is, or base64.
fn data(text: &str) -> Result<Json, String> {
    if text.starts_with(['<', '{']) {
        return Ok(BASE64_STANDARD.encode(text).into());
    }
    let compact: String = text.split_whitespace().collect();
    match BASE64_STANDARD.decode(&compact) {
        Ok(_) => Ok(compact.into()),
        Err(_) => Err("Paste the document itself, or base64".to_owned()),
    }
}

fn parsed(text: &str, fits: impl Fn(&Json) -> bool) -> Option<Option<Json>> {
    serde_json::from_str(text).ok().filter(fits).map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        Sent(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn every_command_has_fields_and_an_empty_form_is_a_command_or_names_what_is_missing() {
        for meta in apple::commands::ALL {
            assert_eq!(fields(meta).len(), meta.parameters.len());
            match command_json(meta, &sent(&[])) {
                Ok(json) => assert_eq!(json["type"], meta.name),
                Err(problems) => {
                    let required = meta.parameters.iter().filter(|one| one.required).count();
                    assert_eq!(problems.len(), required, "{}", meta.name);
                }
            }
        }
    }

    #[test]
    fn a_profile_is_taken_as_text_and_as_base64() {
        let meta = apple::commands::find("install_profile").unwrap();
        for text in ["<plist/>", "PHBsaXN0Lz4=", " PHBs\n aXN0Lz4= "] {
            let json = command_json(meta, &sent(&[("p.payload", text)])).unwrap();
            assert_eq!(json["payload"], "PHBsaXN0Lz4=");
        }
        assert!(command_json(meta, &sent(&[("p.payload", "plist!")])).is_err());
    }

    #[test]
    fn a_secret_is_not_sent_back() {
        let meta = apple::commands::find("device_lock").unwrap();
        let form = again(meta, &sent(&[("p.pin", "123456"), ("p.message", "hello")]));
        assert_eq!(form.value("p.pin"), "");
        assert_eq!(form.value("p.message"), "hello");
    }
}
