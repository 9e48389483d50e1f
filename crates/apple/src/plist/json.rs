//! Between property lists and JSON.
//!
//! JSON has neither bytes nor dates: they travel as `{"$data": "<base64>"}` and `{"$date": "<RFC 3339>"}`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value as Json, json};

use super::value::{Dict, Value};

/// Nesting allowed in JSON that becomes a property list.
const DEPTH: usize = 64;

/// Why JSON has no property-list form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPlist {
    /// A property list has no null.
    #[error("null has no property-list form")]
    Null,
    /// The text of `$data` is not base64.
    #[error("$data is not base64")]
    Data,
    /// The text of `$date` is not RFC 3339.
    #[error("$date is not an RFC 3339 date and time")]
    Date,
    /// Deeper than 64.
    #[error("nested deeper than {DEPTH}")]
    TooDeep,
}

/// The property-list form of JSON.
///
/// # Errors
/// For null, wrong `$data` or `$date`, and nesting beyond 64.
pub fn from_json(json: &Json) -> Result<Value, NotAPlist> {
    convert(json, DEPTH)
}

/// The JSON form of a property list.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::String(text) => Json::String(text.clone()),
        Value::Data(bytes) => json!({ "$data": BASE64_STANDARD.encode(bytes) }),
        Value::Date(at) => json!({ "$date": at.to_string() }),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Dict(dict) => Json::Object(
            dict.iter()
                .map(|(key, value)| (key.to_owned(), to_json(value)))
                .collect(),
        ),
    }
}

fn convert(json: &Json, depth: usize) -> Result<Value, NotAPlist> {
    let depth = depth.checked_sub(1).ok_or(NotAPlist::TooDeep)?;
    Ok(match json {
        Json::Null => return Err(NotAPlist::Null),
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number.as_i64().map_or_else(
            || Value::Real(number.as_f64().unwrap_or_default()),
            Value::Integer,
        ),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| convert(item, depth))
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(map) => match special(map)? {
            Some(value) => value,
            None => Value::Dict(
                map.iter()
                    .map(|(key, value)| Ok((key.clone(), convert(value, depth)?)))
                    .collect::<Result<Dict, _>>()?,
            ),
        },
    })
}

fn special(map: &Map<String, Json>) -> Result<Option<Value>, NotAPlist> {
    let (Some((key, Json::String(text))), 1) = (map.iter().next(), map.len()) else {
        return Ok(None);
    };
    match key.as_str() {
        "$data" => BASE64_STANDARD
            .decode(text)
            .map(|bytes| Some(Value::Data(bytes)))
            .map_err(|_| NotAPlist::Data),
        "$date" => text
            .parse()
            .map(|at| Some(Value::Date(at)))
            .map_err(|_| NotAPlist::Date),
        _ => Ok(None),
    }
}
