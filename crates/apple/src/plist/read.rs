//! Reading with limits.

use std::{io::Cursor, time::SystemTime};

use ::plist::stream::{BinaryReader, Event, XmlReader};
use domain::Timestamp;

use super::value::{Dict, Value};

/// What a property list may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the message in bytes.
    pub bytes: usize,
    /// Nested arrays and dictionaries.
    pub depth: usize,
    /// Values, keys and collections altogether.
    pub events: usize,
}

impl Limits {
    /// 4 MiB, depth 64, 262,144 values: enough for the longest app lists.
    pub const DEFAULT: Self = Self {
        bytes: 4 << 20,
        depth: 64,
        events: 1 << 18,
    };

    /// The default limits with another size in bytes.
    pub const fn with_bytes(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::DEFAULT
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why bytes are not an acceptable property list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bytes than allowed.
    #[error("the property list has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Nested too deeply.
    #[error("the property list is nested deeper than {0}")]
    TooDeep(usize),
    /// Too many values.
    #[error("the property list has more than {0} values")]
    TooMany(usize),
    /// Strings and data add up to more than such a message can honestly hold.
    #[error("the property list unfolds to more than {0} bytes")]
    TooMuch(usize),
    /// Not well formed, or cut off.
    #[error("not a property list: {0}")]
    Malformed(String),
    /// The top is not a dictionary.
    #[error("the property list is not a dictionary")]
    NotADictionary,
}

/// Reads an XML or binary property list.
///
/// # Errors
/// When it is malformed, cut off, or beyond `limits`.
pub fn read(bytes: &[u8], limits: Limits) -> Result<Value, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooLarge {
            size: bytes.len(),
            limit: limits.bytes,
        });
    }
    if bytes.starts_with(b"bplist0") {
        build(BinaryReader::new(Cursor::new(bytes)), limits)
    } else {
        let trimmed = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let start = trimmed
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .ok_or_else(|| Error::Malformed("it is empty".into()))?;
        let xml = trimmed.get(start..).unwrap_or_default();
        if !xml.starts_with(b"<") {
            return Err(Error::Malformed("neither XML nor binary".into()));
        }
        let value = build(XmlReader::new(xml), limits)?;
        // The reader is content when the root's value ends; a message cut off after that is still cut off.
        if closes_root(xml) {
            Ok(value)
        } else {
            Err(Error::Malformed("the end is missing".into()))
        }
    }
}

/// Reads a property list whose top is a dictionary, as every device message is.
///
/// # Errors
/// Those of [`read`], and when the top is something else.
pub fn read_dict(bytes: &[u8], limits: Limits) -> Result<Dict, Error> {
    match read(bytes, limits)? {
        Value::Dict(dict) => Ok(dict),
        _ => Err(Error::NotADictionary),
    }
}

fn closes_root(xml: &[u8]) -> bool {
    let end = xml.trim_ascii_end();
    !contains(xml, b"<plist") || end.ends_with(b"</plist>") || end.ends_with(b"-->")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .take(1024)
        .any(|window| window == needle)
}

enum Open {
    Array(Vec<Value>),
    Dict { dict: Dict, key: Option<String> },
}

fn build<'a, I>(events: I, limits: Limits) -> Result<Value, Error>
where
    I: Iterator<Item = Result<Event<'a>, ::plist::Error>>,
{
    // Binary lists share equal strings and widen UTF-16, so content may exceed the message, but not by much.
    let content_limit = limits.bytes.saturating_mul(4);
    let mut content = 0_usize;
    let mut count = 0_usize;
    let mut stack: Vec<Open> = Vec::new();
    let mut root: Option<Value> = None;
    for event in events {
        let event = event.map_err(|error| Error::Malformed(error.to_string()))?;
        count += 1;
        if count > limits.events {
            return Err(Error::TooMany(limits.events));
        }
        if root.is_some() {
            return Err(Error::Malformed("something follows the end".into()));
        }
        let value = match event {
            Event::StartArray(_) | Event::StartDictionary(_) => {
                if stack.len() >= limits.depth {
                    return Err(Error::TooDeep(limits.depth));
                }
                stack.push(if matches!(event, Event::StartArray(_)) {
                    Open::Array(Vec::new())
                } else {
                    Open::Dict {
                        dict: Dict::new(),
                        key: None,
                    }
                });
                continue;
            }
            Event::EndCollection => match stack.pop() {
                Some(Open::Array(items)) => Value::Array(items),
                Some(Open::Dict { dict, key: None }) => Value::Dict(dict),
                Some(Open::Dict { .. }) => {
                    return Err(Error::Malformed("a key has no value".into()));
                }
                None => return Err(Error::Malformed("an end without a start".into())),
            },
            Event::String(text) => {
                content += text.len();
                if let Some(Open::Dict {
                    key: key @ None, ..
                }) = stack.last_mut()
                {
                    *key = Some(text.into_owned());
                    check_content(content, content_limit)?;
                    continue;
                }
                Value::String(text.into_owned())
            }
            Event::Data(data) => {
                content += data.len();
                Value::Data(data.into_owned())
            }
            Event::Boolean(flag) => Value::Bool(flag),
            Event::Integer(number) => integer(number),
            Event::Real(number) => Value::Real(number),
            Event::Date(date) => Value::Date(timestamp(date.into())),
            Event::Uid(uid) => Value::Integer(i64::try_from(uid.get()).unwrap_or(i64::MAX)),
            _ => return Err(Error::Malformed("an unknown kind of value".into())),
        };
        check_content(content, content_limit)?;
        match stack.last_mut() {
            None => root = Some(value),
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Dict { dict, key }) => match key.take() {
                Some(key) => dict.insert(key, value),
                None => return Err(Error::Malformed("a key is not a string".into())),
            },
        }
    }
    if !stack.is_empty() {
        return Err(Error::Malformed("the end is missing".into()));
    }
    root.ok_or_else(|| Error::Malformed("it is empty".into()))
}

const fn check_content(content: usize, limit: usize) -> Result<(), Error> {
    if content > limit {
        Err(Error::TooMuch(limit))
    } else {
        Ok(())
    }
}

fn integer(number: ::plist::Integer) -> Value {
    match (number.as_signed(), number.as_unsigned()) {
        (Some(signed), _) => Value::Integer(signed),
        // Beyond i64 nothing in the protocol counts; the magnitude is kept.
        (None, Some(unsigned)) => Value::Real(unsigned as f64),
        (None, None) => Value::Integer(0),
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    let millis =
        |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Timestamp::from_millis(millis(after)),
        Err(before) => Timestamp::from_millis(millis(before.duration()).saturating_neg()),
    }
}
