//! What commands exist, so that the API, the command line and the console can offer them.

use domain::{Platform, command::Hazard};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::target::{Rules, Target, Unfit};

/// Which command goes first; higher is sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Inventory that can wait.
    Background,
    /// Everything else.
    Normal,
    /// Somebody waits for it in front of the device.
    Urgent,
    /// A lost device: lock, locate, erase.
    Lost,
}

impl Priority {
    /// The number stored in the queue.
    pub const fn value(self) -> i64 {
        match self {
            Self::Background => -10,
            Self::Normal => 0,
            Self::Urgent => 50,
            Self::Lost => 100,
        }
    }
}

/// A command as it can be offered to people and programs.
#[derive(Debug)]
pub struct Meta {
    /// The name in the API, for example `device_lock`.
    pub name: &'static str,
    /// Apple's `RequestType`, for example `DeviceLock`.
    pub request_type: &'static str,
    /// A short title.
    pub title: &'static str,
    /// What it does, in one or two sentences.
    pub description: &'static str,
    /// What it can destroy.
    pub hazard: Hazard,
    /// Which goes first.
    pub priority: Priority,
    /// Where it exists.
    pub rules: Rules,
    /// Its parameters.
    pub parameters: &'static [Parameter],
}

/// One parameter of a command.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name in the API.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it must never be shown.
    pub secret: bool,
    /// What it means.
    pub description: &'static str,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// A whole number.
    Integer,
    /// Bytes, as base64.
    Data,
    /// A list of texts.
    Texts,
    /// A list of objects.
    Objects,
    /// An object.
    Object,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Parameter {
    pub(crate) const fn new(
        name: &'static str,
        kind: ParameterKind,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            required: false,
            secret: false,
            description,
        }
    }

    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    pub(crate) const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            ParameterKind::Text => json!({ "type": "string" }),
            ParameterKind::Flag => json!({ "type": "boolean" }),
            ParameterKind::Integer => json!({ "type": "integer" }),
            ParameterKind::Data => json!({ "type": "string", "contentEncoding": "base64" }),
            ParameterKind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            ParameterKind::Objects => json!({ "type": "array", "items": { "type": "object" } }),
            ParameterKind::Object => json!({ "type": "object" }),
            ParameterKind::Choice(words) => json!({ "type": "string", "enum": words }),
        };
        if let Some(map) = schema.as_object_mut() {
            map.insert("description".into(), self.description.into());
            if self.secret {
                map.insert("writeOnly".into(), true.into());
            }
        }
        schema
    }
}

/// The serializable form of [`Meta`].
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The name in the API.
    pub name: &'static str,
    /// Apple's `RequestType`.
    pub request_type: &'static str,
    /// A short title.
    pub title: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What it can destroy.
    pub hazard: Hazard,
    /// The platforms that have it.
    pub platforms: Vec<Platform>,
    /// JSON Schema of the parameters.
    pub parameters: Value,
}

impl Meta {
    /// The serializable form.
    pub fn entry(&self) -> Entry {
        Entry {
            name: self.name,
            request_type: self.request_type,
            title: self.title,
            description: self.description,
            hazard: self.hazard,
            platforms: self.rules.platforms(),
            parameters: self.schema(),
        }
    }

    /// Whether a target has this command at all, whatever the parameters.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn fits(&self, target: &Target) -> Result<(), Unfit> {
        self.rules.check(target)
    }

    /// JSON Schema of the command as the API takes it, `type` included.
    pub fn schema(&self) -> Value {
        let mut properties = Map::new();
        properties.insert("type".into(), json!({ "const": self.name }));
        let mut required = vec!["type"];
        for parameter in self.parameters {
            properties.insert(parameter.name.into(), parameter.schema());
            if parameter.required {
                required.push(parameter.name);
            }
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}
