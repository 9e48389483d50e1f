//! The admin API: everything under `/api`, described by the OpenAPI document that is generated
//! from this code.
//!
//! One endpoint per file: extract, call one use case, wrap. What all endpoints share stands in
//! three places: [`gate`] lets nobody in unknown, [`extract`] reads requests, and
//! [`crate::problem`] says no. Scopes are checked by the engine; the document names the scope of
//! each endpoint, and a test holds every endpoint to it.

mod command_schema;
mod cursor;
mod extract;
mod gate;
mod v1;
mod wire;

use axum::{Router, middleware, routing::any};
use utoipa::openapi::{
    ContactBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, ResponseBuilder, SecurityRequirement, Tag,
    path::Operation,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App,
    problem::{self, Code, Problem},
};

/// Where the present version is.
pub const BASE: &str = "/api/v1";
/// The extension that names the scope of an operation.
pub const SCOPE_EXTENSION: &str = "x-required-scope";

/// Everything under `/api`.
pub fn router(app: &App) -> Router<App> {
    let (routes, document) = described();
    let gate = gate::Gate::new(app.clone(), &document);
    routes
        .route("/api", any(unknown))
        .route("/api/{*path}", any(unknown))
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(gate, gate::pass))
}

/// The OpenAPI 3.1 document of this version.
pub fn openapi() -> OpenApi {
    described().1
}

/// The document as it is checked in: indented, in a stable order.
pub fn openapi_json() -> String {
    let mut text = openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn described() -> (Router<App>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(frame())
        .nest(BASE, v1::routes())
        .split_for_parts();
    for item in document.paths.paths.values_mut() {
        for operation in [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ]
        .into_iter()
        .flatten()
        {
            split_summary(operation);
            add_problems(operation);
        }
    }
    (router, document)
}

async fn unknown() -> Problem {
    Problem::new(Code::NotFound).because("there is no such path")
}

async fn wrong_method() -> Problem {
    Problem::new(Code::WrongMethod)
}

/// The document before its paths.
fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Muster admin API")
        .description(Some(DESCRIPTION))
        .version("1")
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .contact(None::<ContactBuilder>.map(ContactBuilder::build))
        .build();
    let mut document = OpenApiBuilder::new()
        .info(info)
        .tags(Some(TAGS.iter().map(|(name, description)| {
            let mut tag = Tag::new(*name);
            tag.description = Some((*description).to_owned());
            tag
        })))
        .security(Some([SecurityRequirement::new(
            "token",
            Vec::<String>::new(),
        )]))
        .build();
    let mut components = utoipa::openapi::ComponentsBuilder::new()
        .schema_from::<Problem>()
        .build();
    components.add_security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("muster_...")
                .description(Some("An API token, made in the console, by `muster api-token create` or by this API."))
                .build(),
        ),
    );
    document.components = Some(components);
    document
}

const DESCRIPTION: &str = "Administration of Muster. Every request carries an API token, every \
    problem is `application/problem+json` with a stable `code`, lists go by opaque cursors \
    (`next`), and what acts on devices needs an `Idempotency-Key`: a request that is sent twice \
    acts once. The scope an operation needs stands in `x-required-scope`.";

const TAGS: &[(&str, &str)] = &[
    ("devices", "Devices, their facts, reports and enrollments"),
    ("commands", "What devices are told to do"),
    ("secrets", "Escrowed secrets of devices"),
    ("enrollment-tokens", "How devices come in"),
    ("declarations", "Apple declarations and whom they are for"),
    ("journal", "What happened"),
    ("webhooks", "The journal, delivered"),
    ("api-tokens", "Access to this API"),
    (
        "certificates",
        "Certificates of devices and of Apple's push service",
    ),
    ("units", "The organisation tree"),
    ("system", "The installation as a whole"),
];

/// A summary is one sentence on one line; what follows it is the description.
fn split_summary(operation: &mut Operation) {
    let text = operation.summary.take().unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.split_once(". ") {
        Some((first, rest)) => {
            operation.summary = Some(first.to_owned());
            operation.description = Some(rest.to_owned());
        }
        None => operation.summary = Some(text.trim_end_matches('.').to_owned()),
    }
}

/// The answers that every operation can give.
fn add_problems(operation: &mut Operation) {
    let problem = |description: &str| {
        RefOr::T(
            ResponseBuilder::new()
                .description(description)
                .content(
                    problem::MEDIA_TYPE,
                    ContentBuilder::new()
                        .schema(Some(Ref::from_schema_name("Problem")))
                        .build(),
                )
                .build(),
        )
    };
    let responses = &mut operation.responses.responses;
    responses.insert(
        "401".into(),
        problem("No acceptable token came with the request"),
    );
    let scoped = operation
        .extensions
        .as_ref()
        .is_some_and(|extensions| extensions.contains_key(SCOPE_EXTENSION));
    if scoped {
        responses.insert("403".into(), problem("The token lacks the scope"));
    }
    responses.insert("default".into(), problem("Anything else that went wrong"));
}
