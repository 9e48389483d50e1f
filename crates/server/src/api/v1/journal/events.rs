//! `GET /journal/events`

use axum::extract::State;
use domain::DeviceId;
use serde::Deserialize;
use store::EventFilter;
use utoipa::IntoParams;

use super::EventInfo;
use crate::{
    App,
    api::{
        extract::{Json, Params, page_limit},
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Selection {
    /// The `seq` of the last event that is known: later ones, oldest first. Following the journal
    /// this way misses nothing.
    after: Option<u64>,
    /// Earlier ones than this `seq`, newest first; without `after` and `before`, from the newest.
    before: Option<u64>,
    /// Kinds that start with this text.
    #[param(example = "device.")]
    kind: Option<String>,
    /// About this device.
    #[param(value_type = Option<Uuid>)]
    device: Option<DeviceId>,
    /// By this actor: its kind, a colon, its identifier.
    #[param(example = "token:019b0000-0000-7000-8000-000000000000")]
    actor: Option<String>,
    /// How many items, 1 to 500; 100 when missing.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Events of the journal. `next` is the value for `after` (or `before`) that goes on; while
/// following with `after`, it is there on every page that holds an event.
#[utoipa::path(
    get, path = "/journal/events", operation_id = "listEvents", tag = "journal",
    params(Selection),
    responses((status = 200, description = "One page", body = Page<EventInfo>)),
    extensions(("x-required-scope" = json!("journal:read"))),
)]
pub(crate) async fn events(
    State(app): State<App>,
    By(by): By,
    Params(selection): Params<Selection>,
) -> Result<Json<Page<EventInfo>>, Problem> {
    let limit = page_limit(selection.limit)?;
    let filter = EventFilter {
        device: selection.device,
        kind_prefix: selection.kind,
        actor: selection.actor,
    };
    let (events, following) = match (selection.after, selection.before) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request("give after or before, not both").at("before"));
        }
        (Some(after), None) => {
            // Nothing comes after the largest number that databases know.
            let after = after.min(i64::MAX.unsigned_abs());
            let events = app.engine.events_after(&by, filter, after, limit).await?;
            (events, true)
        }
        (None, before) => {
            let before = before.map(|seq| seq.min(i64::MAX.unsigned_abs()));
            let events = app.engine.events_before(&by, filter, before, limit).await?;
            (events, false)
        }
    };
    let full = events.len() == limit as usize;
    let next = events
        .last()
        .filter(|_| following || full)
        .map(|last| last.seq.to_string());
    let items = events.into_iter().map(Into::into).collect();
    Ok(Json(Page::new(items, next)))
}
