//! XML as Apple's writers lay it out.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Value;
use crate::der::rfc3339;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                    \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n";

/// The XML form with the document type Apple's devices send.
#[must_use]
pub fn to_xml(value: &Value) -> Vec<u8> {
    let mut out = String::from(HEAD);
    write(&mut out, value, 0);
    out.push_str("</plist>\n");
    out.into_bytes()
}

fn write(out: &mut String, value: &Value, depth: usize) {
    let indent = "\t".repeat(depth);
    out.push_str(&indent);
    match value {
        Value::Dictionary(members) if members.is_empty() => out.push_str("<dict/>"),
        Value::Dictionary(members) => {
            out.push_str("<dict>\n");
            for (key, member) in members {
                out.push_str(&indent);
                out.push_str("\t<key>");
                escape(out, key);
                out.push_str("</key>\n");
                write(out, member, depth + 1);
            }
            out.push_str(&indent);
            out.push_str("</dict>");
        }
        Value::Array(items) if items.is_empty() => out.push_str("<array/>"),
        Value::Array(items) => {
            out.push_str("<array>\n");
            for item in items {
                write(out, item, depth + 1);
            }
            out.push_str(&indent);
            out.push_str("</array>");
        }
        Value::String(text) => {
            out.push_str("<string>");
            escape(out, text);
            out.push_str("</string>");
        }
        Value::Integer(number) => out.push_str(&format!("<integer>{number}</integer>")),
        Value::Real(number) => out.push_str(&format!("<real>{number:?}</real>")),
        Value::Boolean(true) => out.push_str("<true/>"),
        Value::Boolean(false) => out.push_str("<false/>"),
        Value::Data(bytes) => {
            out.push_str("<data>\n");
            let text = STANDARD.encode(bytes);
            for start in (0..text.len()).step_by(68) {
                out.push_str(&indent);
                out.push_str(&text[start..text.len().min(start + 68)]);
                out.push('\n');
            }
            out.push_str(&indent);
            out.push_str("</data>");
        }
        Value::Date(seconds) => out.push_str(&format!("<date>{}</date>", rfc3339(*seconds))),
    }
    out.push('\n');
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}
