//! Parameters of a command, as they stand on the command line.

use std::{path::Path, str::FromStr};

use apple::commands::{Meta, ParameterKind};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};

use super::exit::{Failure, Result};

/// `NAME=VALUE`, `NAME=@FILE` or `NAME:=JSON`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    name: String,
    value: Given,
}

#[derive(Debug, Clone, PartialEq)]
enum Given {
    Text(String),
    Json(Json),
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or("a parameter is NAME=VALUE, NAME=@FILE or NAME:=JSON")?;
        let (name, value) = match name.strip_suffix(':') {
            None => (name, Given::Text(value.to_owned())),
            Some(name) => {
                let json = serde_json::from_str(value)
                    .map_err(|error| format!("{name} is not JSON: {error}"))?;
                (name, Given::Json(json))
            }
        };
        if name.is_empty() {
            return Err("a parameter needs a name".into());
        }
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }
}

/// The parameters as the API takes them, each in the form that the command wants.
///
/// # Errors
/// [`super::exit::Kind::Usage`] for one that the command does not have or that has another form.
pub(super) fn object(meta: &Meta, given: &[Parameter]) -> Result<Map<String, Json>> {
    let mut object = Map::new();
    for Parameter { name, value } in given {
        let known = meta.parameters.iter().find(|known| known.name == name);
        let Some(known) = known else {
            let names: Vec<_> = meta.parameters.iter().map(|known| known.name).collect();
            return Err(Failure::usage(format!(
                "{} has no parameter {name:?}; it has: {}",
                meta.name,
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            )));
        };
        let value = match value {
            Given::Json(value) => value.clone(),
            Given::Text(text) => typed(name, known.kind, text)?,
        };
        if object.insert(name.clone(), value).is_some() {
            return Err(Failure::usage(format!("{name} is given twice")));
        }
    }
    Ok(object)
}

/// Text, or the text of a file after `@`.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn text(given: &str) -> Result<String> {
    match given.strip_prefix('@') {
        None => Ok(given.to_owned()),
        Some(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches('\n').to_owned())
            .map_err(|error| Failure::file(Path::new(path), error)),
    }
}

fn typed(name: &str, kind: ParameterKind, given: &str) -> Result<Json> {
    let wrong = |what: &str| Failure::usage(format!("{name} must be {what}, not {given:?}"));
    if kind == ParameterKind::Data {
        return match given.strip_prefix('@') {
            None => Ok(given.into()),
            Some(path) => std::fs::read(path)
                .map(|bytes| STANDARD.encode(bytes).into())
                .map_err(|error| Failure::file(Path::new(path), error)),
        };
    }
    let text = text(given)?;
    match kind {
        ParameterKind::Text => Ok(text.into()),
        ParameterKind::Choice(words) if words.contains(&text.as_str()) => Ok(text.into()),
        ParameterKind::Choice(words) => Err(wrong(&format!("one of {}", words.join(", ")))),
        ParameterKind::Flag => text
            .parse::<bool>()
            .map(Json::from)
            .map_err(|_| wrong("true or false")),
        ParameterKind::Integer => text
            .parse::<i64>()
            .map(Json::from)
            .map_err(|_| wrong("a whole number")),
        ParameterKind::Texts => Ok(text.split(',').map(str::trim).collect()),
        _ => serde_json::from_str(&text).map_err(|_| wrong("JSON")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(name: &str, given: &[&str]) -> Result<Json> {
        let given: Vec<Parameter> = given.iter().map(|text| text.parse().unwrap()).collect();
        let meta = apple::commands::find(name).unwrap();
        object(meta, &given).map(Json::Object)
    }

    #[test]
    fn values_take_the_form_that_the_command_wants() {
        let body = parsed("erase_device", &["pin=012345", "preserve_data_plan=true"]).unwrap();
        assert_eq!(body, json!({"pin": "012345", "preserve_data_plan": true}));
        let body = parsed(
            "erase_device",
            &["return_to_service:={\"wifi_profile\":\"AA==\"}"],
        )
        .unwrap();
        assert_eq!(body["return_to_service"]["wifi_profile"], "AA==");
    }

    #[test]
    fn wrong_parameters_are_told_before_anything_is_sent() {
        for (name, given, words) in [
            ("erase_device", &["pins=1"][..], "pin, preserve_data_plan"),
            (
                "erase_device",
                &["preserve_data_plan=maybe"],
                "true or false",
            ),
            ("erase_device", &["pin=1", "pin=2"], "twice"),
            ("erase_device", &["obliteration_behavior=gently"], "one of"),
            (
                "erase_device",
                &["pin=@/nonexistent/pin"],
                "/nonexistent/pin",
            ),
        ] {
            let message = parsed(name, given).unwrap_err().message;
            assert!(message.contains(words), "{message}");
        }
        for text in ["pin", "=1", "a:=", "a:=x"] {
            assert!(text.parse::<Parameter>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_gives_text_or_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        std::fs::write(&path, "123456\n").unwrap();
        let given = format!("pin=@{}", path.display());
        assert_eq!(
            parsed("erase_device", &[&given]).unwrap(),
            json!({"pin": "123456"})
        );
        assert_eq!(
            typed(
                "profile",
                ParameterKind::Data,
                &format!("@{}", path.display())
            )
            .unwrap(),
            json!("MTIzNDU2Cg==")
        );
    }
}
