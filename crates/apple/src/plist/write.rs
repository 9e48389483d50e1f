//! Writing XML property lists.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::value::{Dict, Value};

const PROLOGUE: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" ",
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n",
);

/// Writes an XML property list; the same value always gives the same bytes.
///
/// Characters that XML 1.0 cannot carry are left out of strings.
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = String::with_capacity(512);
    out.push_str(PROLOGUE);
    put(&mut out, value, 0);
    out.push_str("</plist>\n");
    out.into_bytes()
}

/// Writes a dictionary as an XML property list.
pub fn write_dict(dict: &Dict) -> Vec<u8> {
    let mut out = String::with_capacity(512);
    out.push_str(PROLOGUE);
    put_dict(&mut out, dict, 0);
    out.push_str("</plist>\n");
    out.into_bytes()
}

fn put(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Dict(dict) => return put_dict(out, dict, depth),
        Value::Array(items) if items.is_empty() => {
            indent(out, depth);
            out.push_str("<array/>");
        }
        Value::Array(items) => {
            indent(out, depth);
            out.push_str("<array>\n");
            for item in items {
                put(out, item, depth + 1);
            }
            indent(out, depth);
            out.push_str("</array>");
        }
        _ => {
            indent(out, depth);
            put_scalar(out, value);
        }
    }
    out.push('\n');
}

fn put_dict(out: &mut String, dict: &Dict, depth: usize) {
    indent(out, depth);
    if dict.is_empty() {
        out.push_str("<dict/>\n");
        return;
    }
    out.push_str("<dict>\n");
    for (key, value) in dict.iter() {
        indent(out, depth + 1);
        element(out, "key", key);
        out.push('\n');
        put(out, value, depth + 1);
    }
    indent(out, depth);
    out.push_str("</dict>\n");
}

fn put_scalar(out: &mut String, value: &Value) {
    match value {
        Value::Bool(true) => out.push_str("<true/>"),
        Value::Bool(false) => out.push_str("<false/>"),
        Value::Integer(number) => element(out, "integer", &number.to_string()),
        Value::Real(number) => element(out, "real", &number.to_string()),
        Value::String(text) => element(out, "string", text),
        Value::Data(bytes) => element(out, "data", &BASE64_STANDARD.encode(bytes)),
        Value::Date(at) => {
            // Property lists carry whole seconds.
            let text = at.to_string();
            let seconds = text.split('.').next().unwrap_or_default();
            element(out, "date", &format!("{seconds}Z"));
        }
        Value::Array(_) | Value::Dict(_) => {}
    }
}

fn element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A bare carriage return would come back as a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(character),
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push('\t');
    }
}
