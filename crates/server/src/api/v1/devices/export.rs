//! `GET /devices.csv`

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use domain::scope::Authority;
use futures_util::stream;
use store::{DeviceCursor, DeviceFilter, DeviceOrder, DevicePage};

use super::{DeviceInfo, filter::Selection};
use crate::{App, api::extract::Params, auth::By, problem::Problem};

/// How many devices are read at once.
const PAGE: u32 = 500;

const COLUMNS: &str = "id,name,serial,udid,platform,model,model_name,os_version,build,ownership,\
    state,supervised,lost_mode,user_label,enrolled_at,last_seen_at\r\n";

/// Devices as CSV (RFC 4180), all of them. Cells that a spreadsheet would take for a formula begin
/// with an apostrophe.
#[utoipa::path(
    get, path = "/devices.csv", operation_id = "exportDevices", tag = "devices",
    params(Selection),
    responses((status = 200, description = "All devices that were selected", content_type = "text/csv", body = String)),
    extensions(("x-required-scope" = json!("devices:read"))),
)]
pub(crate) async fn export(
    State(app): State<App>,
    By(by): By,
    Params(selection): Params<Selection>,
) -> Result<impl IntoResponse, Problem> {
    let (filter, order) = selection.read()?;
    // The first page before the answer begins: what is refused is refused with a problem.
    let first = page(&app, &by, &filter, order, None).await?;
    let rows = stream::try_unfold(Some((COLUMNS, first)), move |next| {
        let (app, by, filter) = (app.clone(), by.clone(), filter.clone());
        async move {
            let Some((head, current)) = next else {
                return Ok::<_, Problem>(None);
            };
            let mut text = String::from(head);
            for device in current.devices {
                push_row(&mut text, &device.into());
            }
            let following = match current.next {
                Some(after) => Some(("", page(&app, &by, &filter, order, Some(after)).await?)),
                None => None,
            };
            Ok(Some((Bytes::from(text), following)))
        }
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present",
        ),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"devices.csv\"",
        ),
    ];
    Ok((headers, Body::from_stream(broken_off(rows))))
}

/// A body that breaks off tells the client that it is not whole.
fn broken_off<T: Send + 'static>(
    rows: impl stream::TryStream<Ok = T, Error = Problem> + Send + 'static,
) -> impl stream::Stream<Item = Result<T, std::io::Error>> + Send + 'static {
    use futures_util::TryStreamExt as _;
    rows.map_err(|problem| std::io::Error::other(format!("{:?}", problem.code())))
}

async fn page(
    app: &App,
    by: &Authority,
    filter: &DeviceFilter,
    order: DeviceOrder,
    after: Option<DeviceCursor>,
) -> Result<DevicePage, Problem> {
    Ok(app
        .engine
        .list_devices(by, filter.clone(), order, after, PAGE)
        .await?)
}

fn push_row(text: &mut String, device: &DeviceInfo) {
    let time = |at: Option<domain::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let yes = |flag: bool| if flag { "true" } else { "false" }.to_owned();
    let cells = [
        device.id.to_string(),
        device.name.clone(),
        device.serial.clone(),
        device.udid.clone(),
        device.platform.to_string(),
        device.model.clone(),
        device.model_name.clone(),
        device.os_version.clone(),
        device.build.clone(),
        device.ownership.to_string(),
        device.state.to_string(),
        yes(device.supervised),
        yes(device.lost_mode),
        device.user_label.clone(),
        time(device.enrolled_at),
        time(device.last_seen_at),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A cell; names of devices are chosen by their users, spreadsheets run what looks like a formula.
fn quoted(cell: &str) -> String {
    let guarded = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let apostrophe = if guarded { "'" } else { "" };
    if guarded || cell.contains([',', '"', '\r', '\n']) {
        format!("\"{apostrophe}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(
            quoted("=HYPERLINK(\"http://x\")"),
            "\"'=HYPERLINK(\"\"http://x\"\")\""
        );
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            assert!(quoted(&format!("{start}1")).starts_with("\"'"), "{start:?}");
        }
    }
}
