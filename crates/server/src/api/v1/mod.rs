//! The first version: one folder per subject, one file per endpoint.

mod api_tokens;
mod certificates;
mod command_types;
mod commands;
mod declarations;
mod devices;
mod enrollment_tokens;
mod journal;
mod push_certificates;
mod secrets;
mod system;
mod units;
mod webhooks;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// All endpoints.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(devices::routes())
        .merge(commands::routes())
        .merge(command_types::routes())
        .merge(secrets::routes())
        .merge(enrollment_tokens::routes())
        .merge(declarations::routes())
        .merge(journal::routes())
        .merge(webhooks::routes())
        .merge(api_tokens::routes())
        .merge(push_certificates::routes())
        .merge(certificates::routes())
        .merge(units::routes())
        .merge(system::routes())
}
