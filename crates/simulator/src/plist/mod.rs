//! Property lists: XML (written by hand, read with roxmltree) and binary (`bplist00`).

mod binary;
mod read;
mod write;

use std::collections::BTreeMap;

pub use binary::to_binary;
pub use write::to_xml;

use crate::{Error, Result};

/// A dictionary in key order, as Apple's own writers sort it.
pub type Dictionary = BTreeMap<String, Value>;

/// One property list value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `dict`.
    Dictionary(Dictionary),
    /// `array`.
    Array(Vec<Value>),
    /// `string`.
    String(String),
    /// `integer`.
    Integer(i64),
    /// `real`.
    Real(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// `data`.
    Data(Vec<u8>),
    /// `date`, seconds since 1970.
    Date(i64),
}

impl Value {
    /// Reads an XML or binary property list.
    ///
    /// # Errors
    /// When the bytes are neither.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"bplist00") {
            binary::from_binary(bytes)
        } else {
            read::from_xml(bytes)
        }
    }

    /// The dictionary, if this is one.
    #[must_use]
    pub const fn dictionary(&self) -> Option<&Dictionary> {
        if let Self::Dictionary(dictionary) = self {
            Some(dictionary)
        } else {
            None
        }
    }

    /// The array, if this is one.
    #[must_use]
    pub fn array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The number, if this is an integer.
    #[must_use]
    pub const fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The truth value, if this is a boolean.
    #[must_use]
    pub const fn boolean(&self) -> Option<bool> {
        if let Self::Boolean(flag) = self {
            Some(*flag)
        } else {
            None
        }
    }

    /// The bytes, if this is data.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        if let Self::Data(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    /// The member of a dictionary.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.dictionary().and_then(|dictionary| dictionary.get(key))
    }
}

/// Typed access with an error that names the key: what a strict receiver needs.
pub trait Lookup {
    /// The value under `key`.
    fn find(&self, key: &str) -> Option<&Value>;

    /// A required string.
    ///
    /// # Errors
    /// When it is missing or no string.
    fn need_str(&self, key: &str) -> Result<&str> {
        self.find(key)
            .and_then(Value::str)
            .ok_or_else(|| Error::Plist(format!("{key} is not a string")))
    }

    /// A required array.
    ///
    /// # Errors
    /// When it is missing or no array.
    fn need_array(&self, key: &str) -> Result<&[Value]> {
        self.find(key)
            .and_then(Value::array)
            .ok_or_else(|| Error::Plist(format!("{key} is not an array")))
    }

    /// Required data.
    ///
    /// # Errors
    /// When it is missing or no data.
    fn need_data(&self, key: &str) -> Result<&[u8]> {
        self.find(key)
            .and_then(Value::data)
            .ok_or_else(|| Error::Plist(format!("{key} is not data")))
    }

    /// An optional string that must be a string when present.
    ///
    /// # Errors
    /// When it is something else.
    fn want_str(&self, key: &str) -> Result<Option<&str>> {
        self.find(key)
            .map(|value| {
                value
                    .str()
                    .ok_or_else(|| Error::Plist(format!("{key} is not a string")))
            })
            .transpose()
    }

    /// An optional integer that must be one when present.
    ///
    /// # Errors
    /// When it is something else.
    fn want_integer(&self, key: &str) -> Result<Option<i64>> {
        self.find(key)
            .map(|value| {
                value
                    .integer()
                    .ok_or_else(|| Error::Plist(format!("{key} is not an integer")))
            })
            .transpose()
    }

    /// An optional boolean that must be one when present.
    ///
    /// # Errors
    /// When it is something else.
    fn want_boolean(&self, key: &str) -> Result<Option<bool>> {
        self.find(key)
            .map(|value| {
                value
                    .boolean()
                    .ok_or_else(|| Error::Plist(format!("{key} is not a boolean")))
            })
            .transpose()
    }
}

impl Lookup for Dictionary {
    fn find(&self, key: &str) -> Option<&Value> {
        self.get(key)
    }
}

impl Lookup for Value {
    fn find(&self, key: &str) -> Option<&Value> {
        self.get(key)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::String(text.clone())
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Data(bytes)
    }
}
impl From<Dictionary> for Value {
    fn from(members: Dictionary) -> Self {
        Self::Dictionary(members)
    }
}
impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(items)
    }
}

/// Builds a [`Dictionary`] from `"Key" => value` pairs.
#[macro_export]
macro_rules! dict {
    ($($key:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty dictionary is never changed")]
        let mut members = $crate::plist::Dictionary::new();
        $( members.insert(::std::string::String::from($key), $crate::plist::Value::from($value)); )*
        members
    }};
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample() -> Value {
        let many: Vec<Value> = (0..40).map(Value::Integer).collect();
        Value::from(dict! {
            "Text" => "a < b & c > d é 🙂",
            "Empty" => "",
            "Negative" => -5_i64,
            "Large" => i64::MAX,
            "Real" => 2.5,
            "Yes" => true,
            "No" => false,
            "Bytes" => vec![0_u8, 255, 7],
            "Long" => vec![9_u8; 300],
            "When" => Value::Date(1_772_323_200),
            "List" => vec![Value::from("x"), Value::from(dict! { "Nested" => vec![] as Vec<Value> })],
            "Many" => many,
        })
    }

    #[test]
    fn xml_and_binary_round_trip() {
        assert_eq!(Value::parse(&to_xml(&sample())).unwrap(), sample());
        assert_eq!(Value::parse(&to_binary(&sample())).unwrap(), sample());
    }

    #[test]
    fn every_truncation_is_refused() {
        let (xml, binary) = (to_xml(&sample()), to_binary(&sample()));
        let xml = xml.trim_ascii_end();
        for cut in 0..xml.len() {
            assert!(Value::parse(&xml[..cut]).is_err(), "XML cut at {cut}");
        }
        for cut in 0..binary.len() {
            assert!(Value::parse(&binary[..cut]).is_err(), "binary cut at {cut}");
        }
    }
}
