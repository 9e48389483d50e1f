//! One text for one value, whatever the order of its keys.

use std::fmt::Write;

use serde_json::Value;

/// JSON without white space, keys sorted by their bytes.
pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value);
    out
}

fn put(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                put(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                put(out, &Value::from(key.as_str()));
                out.push(':');
                if let Some(value) = map.get(key) {
                    put(out, value);
                }
            }
            out.push('}');
        }
        // Writing into a string cannot fail.
        scalar => drop(write!(out, "{scalar}")),
    }
}
