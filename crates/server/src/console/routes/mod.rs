//! The console's addresses: who may ask, what is gathered, which page answers.
//!
//! [`addresses`] is the one table of them: [`routes`] registers exactly what stands there, and
//! every entry passes the gate ([`gate`]), which knows the person, refuses forms from elsewhere
//! and dresses the answer. A handler reads what was asked, calls the engine and fills a page.

mod account;
mod answer;
mod cookies;
mod csv;
mod device;
mod devices;
mod enroll;
mod events;
mod facts;
mod forms;
mod gate;
mod hazards;
mod journal;
mod overview;
mod parameters;
mod public;
mod query;
mod reports;
mod secrets;
mod send;
mod settings;
mod sign_in;
mod visit;
mod words;

use axum::{
    Extension, Router,
    extract::Request,
    http::HeaderMap,
    middleware,
    response::Response,
    routing::{MethodRouter, get, post},
};

pub use gate::Access;

use crate::{App, console::assets};
use events::Streams;

/// One address of the console.
#[derive(Debug)]
pub struct Address {
    /// Its path, with variable parts in braces.
    pub path: &'static str,
    /// Who may ask for it.
    pub access: Access,
    handlers: MethodRouter<App>,
}

/// Everything the console answers for people who administer.
pub fn routes(app: &App) -> Router<App> {
    register(app, addresses()).fallback(gate::nothing_here)
}

/// What people see who bring a device: the enrollment page and what it is drawn with.
pub fn public_routes(app: &App) -> Router<App> {
    let page = Address {
        path: "/enroll/{token}",
        access: Access::Anyone,
        handlers: get(public::page),
    };
    register(app, vec![page]).merge(asset_routes())
}

/// What all pages are drawn with.
pub fn asset_routes() -> Router<App> {
    Router::new().route("/assets/{file}", get(asset))
}

fn register(app: &App, addresses: Vec<Address>) -> Router<App> {
    let streams = Streams::default();
    addresses
        .into_iter()
        .fold(Router::new(), |router, address| {
            let gate = middleware::from_fn_with_state((app.clone(), address.access), gate::pass);
            // The whole method router, so that the answer to a wrong method tells a stranger nothing.
            router.route(address.path, address.handlers.layer(gate))
        })
        .layer(Extension(streams))
}

async fn asset(headers: HeaderMap, request: Request) -> Response {
    assets::respond(request.uri().path(), &headers)
}

/// Every address for people who administer.
pub fn addresses() -> Vec<Address> {
    let anyone = |path, handlers| Address {
        path,
        access: Access::Anyone,
        handlers,
    };
    let stranger = |path, handlers| Address {
        path,
        access: Access::AnyoneScript,
        handlers,
    };
    let person = |path, handlers| Address {
        path,
        access: Access::Person,
        handlers,
    };
    let script = |path, handlers| Address {
        path,
        access: Access::PersonScript,
        handlers,
    };
    vec![
        anyone("/sign-in", get(sign_in::page)),
        anyone(
            "/sign-in/link/{token}",
            get(sign_in::confirm).post(sign_in::use_link),
        ),
        stranger("/sign-in/passkey/start", post(sign_in::start_passkey)),
        stranger("/sign-in/passkey/finish", post(sign_in::finish_passkey)),
        person("/sign-out", post(sign_in::sign_out)),
        person("/", get(overview::page)),
        person("/account", get(account::page)),
        script("/account/passkeys/start", post(account::start_passkey)),
        script("/account/passkeys/finish", post(account::finish_passkey)),
        person(
            "/account/passkeys/{id}/remove",
            post(account::remove_passkey),
        ),
        person("/account/theme", post(account::set_theme)),
        person("/devices", get(devices::page)),
        person("/devices.csv", get(csv::download)),
        person("/devices/{id}", get(device::page)),
        script("/devices/{id}/row", get(devices::row)),
        script("/devices/{id}/summary", get(device::summary)),
        script("/devices/{id}/commands", get(device::commands)),
        person("/devices/{id}/refresh", post(device::refresh)),
        person(
            "/devices/{id}/commands/{command}/cancel",
            post(device::cancel),
        ),
        person(
            "/devices/{id}/lock",
            get(hazards::lock_page).post(hazards::lock),
        ),
        person(
            "/devices/{id}/wipe",
            get(hazards::wipe_page).post(hazards::wipe),
        ),
        person("/devices/{id}/send", get(send::page).post(send::send)),
        person(
            "/devices/{id}/secrets/{secret}",
            get(secrets::page).post(secrets::reveal),
        ),
        person("/devices/{id}/reports/{report}", get(reports::page)),
        person("/enrol", get(enroll::list)),
        person("/enrol/new", get(enroll::new).post(enroll::create)),
        person("/enrol/{id}", get(enroll::page)),
        person("/enrol/{id}/sheet", post(enroll::sheet)),
        person("/enrol/{id}/revoke", post(enroll::revoke)),
        person("/journal", get(journal::page)),
        person(
            "/settings/push",
            get(settings::push::page).post(settings::push::import),
        ),
        person("/settings/push/request", post(settings::push::request)),
        person(
            "/settings/tokens",
            get(settings::tokens::page).post(settings::tokens::create),
        ),
        person(
            "/settings/tokens/{id}/revoke",
            post(settings::tokens::revoke),
        ),
        person(
            "/settings/webhooks",
            get(settings::webhooks::page).post(settings::webhooks::create),
        ),
        person(
            "/settings/webhooks/{id}/remove",
            post(settings::webhooks::remove),
        ),
        person(
            "/settings/webhooks/{id}/test",
            post(settings::webhooks::test),
        ),
        script("/events", get(events::stream)),
    ]
}
