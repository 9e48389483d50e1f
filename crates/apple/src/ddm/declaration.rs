//! Declarations.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::canonical::canonical;
use crate::sha256;

/// Longest identifier and server token, in octets.
const MOST_OCTETS: usize = 64;
/// Largest declaration, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// The four kinds of declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclarationKind {
    /// Which configurations apply, and when.
    Activation,
    /// What shall be.
    Configuration,
    /// Data that configurations refer to.
    Asset,
    /// What the device shall know of the organisation and the server.
    Management,
}

impl DeclarationKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Activation,
        Self::Configuration,
        Self::Asset,
        Self::Management,
    ];

    /// The word in endpoints, for example `configuration`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Configuration => "configuration",
            Self::Asset => "asset",
            Self::Management => "management",
        }
    }

    /// The key in the manifest of declarations, for example `Configurations`.
    pub(super) const fn manifest_key(self) -> &'static str {
        match self {
            Self::Activation => "Activations",
            Self::Configuration => "Configurations",
            Self::Asset => "Assets",
            Self::Management => "Management",
        }
    }

    /// The key in the status item `management.declarations`.
    pub(super) const fn status_key(self) -> &'static str {
        match self {
            Self::Activation => "activations",
            Self::Configuration => "configurations",
            Self::Asset => "assets",
            Self::Management => "management",
        }
    }

    /// From the word in endpoints.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// From a declaration's `Type`, for example `com.apple.configuration.passcode.settings`.
    pub fn of_type(declaration_type: &str) -> Option<Self> {
        let rest = declaration_type.strip_prefix("com.apple.")?;
        let (word, name) = rest.split_once('.')?;
        if name.is_empty() {
            return None;
        }
        Self::from_word(word)
    }
}

impl fmt::Display for DeclarationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a declaration cannot be served. It fails alone; the others go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// Not JSON, or nested too deeply.
    #[error("not JSON: {0}")]
    Json(String),
    /// Larger than 1 MiB.
    #[error("the declaration has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// Not a JSON object.
    #[error("the declaration is not an object")]
    NotAnObject,
    /// `Identifier` is missing, empty, not text, or longer than 64 octets.
    #[error("Identifier must be text of 1 to {MOST_OCTETS} octets without control characters")]
    Identifier,
    /// `Type` is missing or none of the four kinds.
    #[error("Type must begin with com.apple.activation., .configuration., .asset. or .management.")]
    Type,
    /// `Payload` is missing or not an object.
    #[error("Payload must be an object")]
    Payload,
    /// An identifier is used twice.
    #[error("another declaration has the same Identifier")]
    Duplicate,
}

/// A valid declaration with its server token.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    identifier: String,
    kind: DeclarationKind,
    declaration_type: String,
    /// Everything but `ServerToken`.
    document: Map<String, Value>,
    server_token: String,
}

impl Declaration {
    /// A declaration from its parts.
    ///
    /// # Errors
    /// Names the part that is wrong.
    pub fn new(
        identifier: &str,
        declaration_type: &str,
        payload: Value,
    ) -> Result<Self, DeclarationError> {
        Self::from_json(json!({
            "Identifier": identifier,
            "Type": declaration_type,
            "Payload": payload,
        }))
    }

    /// Reads a declaration. A `ServerToken` in it is ignored and computed anew; keys of
    /// later releases are kept.
    ///
    /// # Errors
    /// Names the part that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, DeclarationError> {
        if bytes.len() > MOST_BYTES {
            return Err(DeclarationError::TooLarge);
        }
        let json = serde_json::from_slice(bytes)
            .map_err(|error| DeclarationError::Json(error.to_string()))?;
        Self::from_json(json)
    }

    /// The same from parsed JSON.
    ///
    /// # Errors
    /// Names the part that is wrong.
    pub fn from_json(json: Value) -> Result<Self, DeclarationError> {
        let Value::Object(mut document) = json else {
            return Err(DeclarationError::NotAnObject);
        };
        document.remove("ServerToken");
        let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
        let identifier = text("Identifier")
            .filter(|text| {
                (1..=MOST_OCTETS).contains(&text.len()) && !text.chars().any(char::is_control)
            })
            .ok_or(DeclarationError::Identifier)?;
        let declaration_type = text("Type").ok_or(DeclarationError::Type)?;
        let kind = DeclarationKind::of_type(&declaration_type).ok_or(DeclarationError::Type)?;
        if !document.get("Payload").is_some_and(Value::is_object) {
            return Err(DeclarationError::Payload);
        }
        let document_text = canonical(&Value::Object(document.clone()));
        let digest = sha256(&[b"declaration\n", document_text.as_bytes()]);
        Ok(Self {
            identifier,
            kind,
            declaration_type,
            document,
            // 160 bits: short on the wire, and no two contents share it.
            server_token: hex::encode(digest.get(..20).unwrap_or(&digest)),
        })
    }

    /// `Identifier`.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The kind.
    pub const fn kind(&self) -> DeclarationKind {
        self.kind
    }

    /// `Type`.
    pub fn declaration_type(&self) -> &str {
        &self.declaration_type
    }

    /// `Payload`.
    pub fn payload(&self) -> &Value {
        self.document.get("Payload").unwrap_or(&Value::Null)
    }

    /// `ServerToken`: the same for the same content, whatever the order of keys.
    pub fn server_token(&self) -> &str {
        &self.server_token
    }

    /// The declaration as it is served, `ServerToken` included.
    pub fn to_json(&self) -> Value {
        let mut document = self.document.clone();
        document.insert("ServerToken".into(), self.server_token.clone().into());
        Value::Object(document)
    }

    /// The bytes that are served.
    pub fn encode(&self) -> Vec<u8> {
        canonical(&self.to_json()).into_bytes()
    }
}

impl Serialize for Declaration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Declaration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Reads declarations, each on its own: a bad one does not spoil the others.
pub fn parse_all<'a>(
    documents: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<Declaration, DeclarationError>> {
    documents.into_iter().map(Declaration::parse).collect()
}
