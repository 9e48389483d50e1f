//! The devices of a list as CSV (RFC 4180), all of them, read and sent page by page.

use axum::{
    body::{Body, Bytes},
    http::header,
    response::IntoResponse as _,
};
use domain::Timestamp;
use futures_util::{TryStreamExt as _, stream};
use store::{Device, DevicePage};

use super::{
    answer::{Answer, Fault, Params},
    query::{self, Selection},
    visit::By,
};
use crate::console::{format, views::DeviceQuery};

/// How many devices are read at once.
const PAGE: u32 = 500;
const COLUMNS: &str = "Name,Serial number,Platform,System version,Model,User,Ownership,State,\
    Supervised,Enrolled,Last seen,Id\r\n";

pub(super) async fn download(by: By, Params(query): Params<DeviceQuery>) -> Answer {
    let selection = query::read(&query, by.now()).map_err(|problems| {
        let messages: Vec<_> = problems.into_iter().map(|(_, message)| message).collect();
        Fault::bad_request(messages.join(". "))
    })?;
    // The first page before the answer begins, so that what is refused is refused properly.
    let first = read(&by, &selection).await?;
    let rows = stream::try_unfold(Some((COLUMNS, first, selection)), move |next| {
        let by = by.clone();
        async move {
            let Some((head, current, mut selection)) = next else {
                return Ok::<_, Fault>(None);
            };
            let mut text = head.to_owned();
            for device in &current.devices {
                push_row(&mut text, device);
            }
            let following = match current.next {
                Some(after) => {
                    selection.after = Some(after);
                    Some(("", read(&by, &selection).await?, selection))
                }
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
    // A body that breaks off tells the browser that it is not whole.
    let rows = rows.map_err(|fault| std::io::Error::other(format!("{fault:?}")));
    Ok((headers, Body::from_stream(rows)).into_response())
}

async fn read(by: &By, selection: &Selection) -> Result<DevicePage, Fault> {
    Ok(by
        .engine()
        .list_devices(
            by.authority(),
            selection.filter.clone(),
            selection.order,
            selection.after.clone(),
            PAGE,
        )
        .await?)
}

fn push_row(text: &mut String, device: &Device) {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let cells = [
        device.name.clone(),
        device.serial.clone(),
        device.platform.title().to_owned(),
        device.os_version.to_string(),
        super::devices::model_of(device),
        device.user_label.clone(),
        format::ownership_short(device.ownership.as_str()).to_owned(),
        format::device_state(device.state.as_str()).text,
        if device.supervised { "Yes" } else { "No" }.to_owned(),
        time(device.enrolled_at),
        time(device.last_seen_at),
        device.id.to_string(),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A cell. People name their devices, and spreadsheets run what looks like a formula, also
/// after spaces: such a cell begins with an apostrophe.
fn quoted(cell: &str) -> String {
    let dangerous = cell.starts_with(['\t', '\r', '\n'])
        || cell
            .trim_start()
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let apostrophe = if dangerous { "'" } else { "" };
    if dangerous || cell.contains([',', '"', '\r', '\n', ';']) {
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
        for cell in ["=1", "+1", "-1", "@x", "\t=1", " =1", "＝1"] {
            assert!(quoted(cell).starts_with("\"'"), "{cell:?}");
        }
    }
}
