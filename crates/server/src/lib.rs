//! HTTP only: device endpoints, admin API, console, portal. Thin.
//!
//! A handler extracts, calls one use case of the engine, and wraps the answer.
//! Errors leave in one place each: [`problem`] for people and programs,
//! [`device`] for devices.

pub mod api;
mod auth;
pub mod console;
pub mod device;
mod enroll;
pub mod listener;
mod ops;
mod pki;
pub mod problem;
mod scep;
pub mod state;
pub mod tls;

use axum::{Router, middleware};

pub use ops::ops_router;
pub use state::{App, ClientAddress, Options, Peer, Role};

/// Everything this process serves on its main listener.
pub fn router(app: App) -> Router {
    let mut router = Router::new().merge(ops::health_routes());
    if app.options.role.serves_devices() {
        router = router
            .merge(device::routes(&app))
            .merge(scep::routes())
            .merge(pki::routes())
            .merge(enroll::routes())
            .merge(console::routes::public_routes(&app));
    }
    if app.options.role.serves_people() {
        router = router
            .merge(api::router(&app))
            .merge(console::routes::routes(&app));
        if !app.options.role.serves_devices() {
            router = router.merge(console::routes::asset_routes());
        }
    }
    router
        .layer(middleware::from_fn(state::common_headers))
        .with_state(app)
}
