//! The value type and its lenient accessors.

use std::{collections::BTreeMap, fmt};

use domain::Timestamp;

/// One value of a property list.
///
/// `Debug` shows kinds and keys, never strings or data: messages carry tokens and keys.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `<true/>` or `<false/>`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    String(String),
    /// Bytes.
    Data(Vec<u8>),
    /// A date and time in UTC.
    Date(Timestamp),
    /// A list.
    Array(Vec<Value>),
    /// A dictionary.
    Dict(Dict),
}

impl Value {
    /// The text, when it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A boolean, also as 1 or 0, or as the text true, false, yes, no, 1 or 0 in any case.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Integer(0) => Some(false),
            Self::Integer(1) => Some(true),
            Self::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Some(true),
                "false" | "no" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A whole number, also as text or as a real without a fraction.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(*number as i64)
            }
            Self::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A number of either kind, also as text.
    pub fn as_real(&self) -> Option<f64> {
        match self {
            Self::Real(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            Self::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Bytes, when they are data.
    pub fn as_data(&self) -> Option<&[u8]> {
        match self {
            Self::Data(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A date, also as RFC 3339 text.
    pub fn as_date(&self) -> Option<Timestamp> {
        match self {
            Self::Date(at) => Some(*at),
            Self::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The dictionary.
    pub const fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::String(text) => write!(f, "string of {}", text.len()),
            Self::Data(bytes) => write!(f, "data of {}", bytes.len()),
            Self::Date(at) => write!(f, "{at}"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Dict(dict) => dict.fmt(f),
        }
    }
}

/// A dictionary with its keys in order.
#[derive(Clone, PartialEq, Default)]
pub struct Dict(BTreeMap<String, Value>);

impl Dict {
    /// An empty one.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Text; empty text counts as absent, as devices send it for what they do not have.
    pub fn string(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// A boolean, leniently ([`Value::as_bool`]).
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// A whole number, leniently ([`Value::as_integer`]).
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_integer()
    }

    /// A number, leniently ([`Value::as_real`]).
    pub fn real(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_real()
    }

    /// Bytes; empty data counts as absent.
    pub fn data(&self, key: &str) -> Option<&[u8]> {
        self.get(key)?.as_data().filter(|bytes| !bytes.is_empty())
    }

    /// A date, leniently ([`Value::as_date`]).
    pub fn date(&self, key: &str) -> Option<Timestamp> {
        self.get(key)?.as_date()
    }

    /// A list; anything else counts as an empty one.
    pub fn array(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).unwrap_or_default()
    }

    /// The dictionaries in a list, others skipped.
    pub fn dicts(&self, key: &str) -> impl Iterator<Item = &Self> {
        self.array(key).iter().filter_map(Value::as_dict)
    }

    /// A dictionary.
    pub fn dict(&self, key: &str) -> Option<&Self> {
        self.get(key)?.as_dict()
    }

    /// Sets a key; an earlier value of it is replaced.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets a key when there is a value.
    pub fn insert_some<V: Into<Value>>(&mut self, key: &str, value: Option<V>) {
        if let Some(value) = value {
            self.insert(key, value);
        }
    }

    /// This dictionary with one more key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// Removes a key and gives its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    /// Keys and values in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

impl FromIterator<(String, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr;)+) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        }
    )+};
}

from! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Integer(value);
    i32 => |value| Self::Integer(value.into());
    u32 => |value| Self::Integer(value.into());
    f64 => |value| Self::Real(value);
    &str => |value| Self::String(value.to_owned());
    &String => |value| Self::String(value.clone());
    String => |value| Self::String(value);
    Vec<u8> => |value| Self::Data(value);
    &[u8] => |value| Self::Data(value.to_vec());
    Timestamp => |value| Self::Date(value);
    Dict => |value| Self::Dict(value);
    Vec<Value> => |value| Self::Array(value);
    Vec<String> => |value| Self::Array(value.into_iter().map(Self::String).collect());
    &[String] => |value| Self::Array(value.iter().cloned().map(Self::String).collect());
    &[&str] => |value| Self::Array(value.iter().map(|text| Self::String((*text).to_owned())).collect());
    Vec<Dict> => |value| Self::Array(value.into_iter().map(Self::Dict).collect());
}
