//! The schema of a command order, from the registry of commands.

use std::borrow::Cow;

use apple::commands::{ALL, Meta, Parameter, ParameterKind};
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema,
        SchemaFormat,
        schema::{AdditionalProperties, Type},
    },
};

/// Schema of what is posted to order a command.
pub(crate) enum CommandOrder {}

impl PartialSchema for CommandOrder {
    fn schema() -> RefOr<Schema> {
        ALL.iter()
            .fold(OneOfBuilder::new(), |one_of, meta| one_of.item(order(meta)))
            .description(Some(
                "A command with its parameters. Hazardous ones need a reason.",
            ))
            .examples([json!({ "type": "security_info" })])
            .into()
    }
}

impl ToSchema for CommandOrder {
    fn name() -> Cow<'static, str> {
        "CommandOrder".into()
    }
}

fn order(meta: &Meta) -> Object {
    let text = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
    };
    let mut builder = ObjectBuilder::new()
        .title(Some(meta.title))
        .description(Some(meta.description))
        .property(
            "type",
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some([meta.name])),
        )
        .required("type")
        .property("reason", text("Why, in the person's words"))
        .property(
            "enrollment",
            text("For a user on the device: the enrollment of their channel")
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))),
        )
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    if meta.hazard != domain::command::Hazard::None {
        builder = builder.required("reason");
    }
    for parameter in meta.parameters {
        builder = builder.property(parameter.name, schema(parameter));
        // The unlock token is taken from escrow when it is not given.
        if parameter.required && parameter.name != "unlock_token" {
            builder = builder.required(parameter.name);
        }
    }
    builder.build()
}

fn schema(parameter: &Parameter) -> RefOr<Schema> {
    let free = || {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
    };
    let of = |kind: Type| {
        let builder = ObjectBuilder::new()
            .description(Some(parameter.description))
            .schema_type(kind);
        match parameter.secret {
            true => builder.write_only(true),
            false => builder,
        }
    };
    match parameter.kind {
        ParameterKind::Text => of(Type::String).into(),
        ParameterKind::Flag => of(Type::Boolean).into(),
        ParameterKind::Integer => of(Type::Integer).into(),
        ParameterKind::Data => of(Type::String).content_encoding("base64").into(),
        ParameterKind::Choice(words) => of(Type::String)
            .enum_values(Some(words.iter().copied()))
            .into(),
        ParameterKind::Object => of(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into(),
        ParameterKind::Texts => ArrayBuilder::new()
            .items(Object::with_type(Type::String))
            .description(Some(parameter.description))
            .into(),
        ParameterKind::Objects => ArrayBuilder::new()
            .items(free().build())
            .description(Some(parameter.description))
            .into(),
    }
}
