//! The XML reader: strict about structure, because devices are.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use roxmltree::{Document, Node, ParsingOptions};

use super::{Dictionary, Value};
use crate::{Error, Result, der::parse_rfc3339};

const MAX_DEPTH: usize = 64;

pub(super) fn from_xml(bytes: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(bytes).map_err(|_| bad("not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(text, options).map_err(|error| bad(&error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "plist" {
        return Err(bad("the root element is not plist"));
    }
    let mut children = elements(root)?;
    let (Some(only), None) = (children.next(), children.next()) else {
        return Err(bad("plist must hold one value"));
    };
    value(only, 0)
}

fn value(node: Node<'_, '_>, depth: usize) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(bad("nested too deeply"));
    }
    Ok(match node.tag_name().name() {
        "dict" => Value::Dictionary(dictionary(node, depth)?),
        "array" => Value::Array(
            elements(node)?
                .map(|child| value(child, depth + 1))
                .collect::<Result<_>>()?,
        ),
        "string" => Value::String(text(node)),
        "integer" => {
            let text = text(node);
            let text = text.trim();
            let parsed = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16),
                None => text.parse(),
            };
            Value::Integer(parsed.map_err(|_| bad("malformed integer"))?)
        }
        "real" => Value::Real(
            text(node)
                .trim()
                .parse()
                .map_err(|_| bad("malformed real"))?,
        ),
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        "data" => {
            let compact: String = text(node)
                .chars()
                .filter(|c| !c.is_ascii_whitespace())
                .collect();
            Value::Data(
                STANDARD
                    .decode(compact)
                    .map_err(|_| bad("malformed data"))?,
            )
        }
        "date" => Value::Date(parse_rfc3339(text(node).trim()).map_err(|_| bad("malformed date"))?),
        other => return Err(bad(&format!("unknown element {other}"))),
    })
}

fn dictionary(node: Node<'_, '_>, depth: usize) -> Result<Dictionary> {
    let mut members = Dictionary::new();
    let mut children = elements(node)?;
    while let Some(key) = children.next() {
        if key.tag_name().name() != "key" {
            return Err(bad("a value without key"));
        }
        let member = children.next().ok_or_else(|| bad("a key without value"))?;
        if members
            .insert(text(key), value(member, depth + 1)?)
            .is_some()
        {
            return Err(bad("a key appears twice"));
        }
    }
    Ok(members)
}

fn elements<'a, 'i: 'a>(node: Node<'a, 'i>) -> Result<impl Iterator<Item = Node<'a, 'i>>> {
    if node
        .children()
        .any(|child| child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()))
    {
        return Err(bad("text between elements"));
    }
    Ok(node.children().filter(Node::is_element))
}

/// All text inside, across comments and CDATA sections.
fn text(node: Node<'_, '_>) -> String {
    node.children()
        .filter_map(|child| if child.is_text() { child.text() } else { None })
        .collect()
}

fn bad(why: &str) -> Error {
    Error::Plist(why.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(inside: &str) -> Result<Value> {
        from_xml(format!("<plist version=\"1.0\">{inside}</plist>").as_bytes())
    }

    #[test]
    fn reads_what_other_writers_write() {
        assert_eq!(
            read("<string>a<!-- no -->b</string>").unwrap(),
            Value::from("ab")
        );
        assert_eq!(
            read("<string><![CDATA[<x>]]></string>").unwrap(),
            Value::from("<x>")
        );
        assert_eq!(read("<integer>0x1F</integer>").unwrap(), Value::Integer(31));
        assert_eq!(
            read("<data> AQI\n D </data>").unwrap(),
            Value::Data(vec![1, 2, 3])
        );
    }

    #[test]
    fn refuses_what_a_device_would() {
        for wrong in [
            "",
            "<dict><string/></dict>",
            "<dict><key>a</key></dict>",
            "<integer>x</integer>",
            "<data>!</data>",
            "<date>today</date>",
            "<odd/>",
            "<true/><true/>",
            "<array>text</array>",
            "<dict><key>a</key><true/><key>a</key><true/></dict>",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(from_xml(b"<dict/>").is_err());
        assert!(
            read(&format!(
                "{}{}",
                "<array>".repeat(100),
                "</array>".repeat(100)
            ))
            .is_err()
        );
    }
}
