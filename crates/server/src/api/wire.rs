//! Shapes that several endpoints share, and schemas of the domain's words.

use std::borrow::Cow;

use domain::scope::{Actor, ActorKind};
use serde::Serialize;
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{AdditionalProperties, SchemaType, Type},
    },
};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T: ToSchema> {
    /// The items, in order.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// How many items there are in all, counted up to 100,000; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<i64>,
}

impl<T: ToSchema> Page<T> {
    /// A page that is followed by another when there is a cursor.
    pub(crate) fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self {
            items,
            next,
            total: None,
        }
    }

    /// Everything there is.
    pub(crate) fn whole<S: Into<T>>(all: impl IntoIterator<Item = S>) -> Self {
        Self::new(all.into_iter().map(Into::into).collect(), None)
    }
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub(crate) struct ActorInfo {
    /// What kind of party.
    #[schema(value_type = ActorKindWord)]
    kind: ActorKind,
    /// Its identifier; empty for the system.
    id: String,
    /// Its name as it was then.
    #[schema(example = "Inventory export")]
    name: String,
    /// The network address it came from.
    #[schema(example = "192.0.2.10")]
    address: String,
}

impl From<Actor> for ActorInfo {
    fn from(actor: Actor) -> Self {
        Self {
            kind: actor.kind,
            id: actor.id,
            name: actor.name,
            address: actor.address,
        }
    }
}

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $marker:ident, $name:literal, $all:expr;)+) => {$(
        $(#[$doc])*
        pub(crate) enum $marker {}

        impl PartialSchema for $marker {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some($all))
                    .into()
            }
        }

        impl ToSchema for $marker {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )+};
}

vocabulary! {
    /// Schema of platforms.
    PlatformWord, "Platform", domain::Platform::ALL.iter().map(|word| word.as_str());
    /// Schema of ownerships.
    OwnershipWord, "Ownership", domain::Ownership::ALL.iter().map(|word| word.as_str());
    /// Schema of device states.
    DeviceStateWord, "DeviceState", domain::DeviceState::ALL.iter().map(|word| word.as_str());
    /// Schema of channels.
    ChannelWord, "Channel", domain::Channel::ALL.iter().map(|word| word.as_str());
    /// Schema of enrollment kinds.
    EnrollmentKindWord, "EnrollmentKind", domain::EnrollmentKind::ALL.iter().map(|word| word.as_str());
    /// Schema of enrollment states.
    EnrollmentStateWord, "EnrollmentState",
        domain::enrollment::EnrollmentState::ALL.iter().map(|word| word.as_str());
    /// Schema of command states.
    CommandStateWord, "CommandState", domain::command::CommandState::ALL.iter().map(|word| word.as_str());
    /// Schema of hazards.
    HazardWord, "Hazard", ["none", "lock", "wipe", "passcode_clear", "unenroll", "publish", "raw"];
    /// Schema of scopes.
    ScopeWord, "Scope", domain::scope::Scope::ALL.iter().map(|word| word.as_str());
    /// Schema of kinds of actors.
    ActorKindWord, "ActorKind", ActorKind::ALL.iter().map(|word| word.as_str());
    /// Schema of fact categories.
    CategoryWord, "FactCategory", domain::facts::Category::ALL.iter().map(|word| word.as_str());
    /// Schema of assurances.
    AssuranceWord, "Assurance", domain::facts::Assurance::ALL.iter().map(|word| word.as_str());
}

/// Schema of times.
pub(crate) enum Time {}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC, with milliseconds."))
            .examples([json!("2026-03-11T01:30:00.250Z")])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// Schema of an object that may hold anything.
pub(crate) enum AnyObject {}

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for AnyObject {
    fn name() -> Cow<'static, str> {
        "AnyObject".into()
    }
}

/// Schema of any JSON value.
pub(crate) enum AnyValue {}

impl PartialSchema for AnyValue {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([
                Type::Object,
                Type::Array,
                Type::String,
                Type::Number,
                Type::Boolean,
                Type::Null,
            ]))
            .description(Some("Any JSON value."))
            .into()
    }
}

impl ToSchema for AnyValue {
    fn name() -> Cow<'static, str> {
        "AnyValue".into()
    }
}
