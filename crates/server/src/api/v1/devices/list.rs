//! `GET /devices`

use axum::extract::State;
use serde::Deserialize;
use store::DeviceCursor;
use utoipa::IntoParams;

use super::{
    DeviceInfo,
    filter::{Selection, fits},
};
use crate::{
    App,
    api::{
        cursor,
        extract::{Json, Params, page_limit},
        wire::Page,
    },
    auth::By,
    problem::Problem,
};

/// The name of this list in cursors.
const LIST: &str = "devices";
/// Nobody needs to know more exactly.
const MOST_COUNTED: u32 = 100_000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before; valid for the same `sort`.
    cursor: Option<String>,
    /// How many items, 1 to 500; 100 when missing.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Whether to count the whole list into `total`.
    count: Option<bool>,
}

/// Devices, page by page.
#[utoipa::path(
    get, path = "/devices", operation_id = "listDevices", tag = "devices",
    params(Selection, Paging),
    responses((status = 200, description = "One page", body = Page<DeviceInfo>)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    By(by): By,
    Params(selection): Params<Selection>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<DeviceInfo>>, Problem> {
    let (filter, order) = selection.read()?;
    let limit = page_limit(paging.limit)?;
    let after: Option<DeviceCursor> = cursor::decode(LIST, paging.cursor.as_deref())?;
    if after.as_ref().is_some_and(|after| !fits(after, order)) {
        return Err(cursor::bad_cursor());
    }
    let counted = filter.clone();
    let page = app
        .engine
        .list_devices(&by, filter, order, after, limit)
        .await?;
    let next = page.next.and_then(|next| cursor::encode(LIST, &next));
    let items = page.devices.into_iter().map(Into::into).collect();
    let mut answer = Page::new(items, next);
    if paging.count == Some(true) {
        answer.total = Some(app.engine.count_devices(&by, counted, MOST_COUNTED).await?);
    }
    Ok(Json(answer))
}
