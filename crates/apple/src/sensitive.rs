//! Secrets inside command parameters.

use std::fmt;

use domain::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is secret but must survive in a stored command: a PIN, a password.
///
/// `Debug` hides it. Serialization reveals it, so whatever stores a command
/// seals the bytes; what people see comes from
/// [`Command::redacted`](crate::commands::Command::redacted).
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(Secret<String>);

impl Sensitive {
    /// Guards a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text.into()))
    }

    /// The text itself. Name the reason where you call this.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&str> for Sensitive {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
