//! The device list.

use domain::{DeviceId, Timestamp};
use store::Device;

use super::{
    answer::{Answer, Fault, Of, Params, invalid, page as answer_page},
    query::{self, Selection},
    visit::By,
};
use crate::console::{
    components::Pager,
    views::{DeviceQuery, DeviceRow, DevicesPage, Shell},
};

/// Rows of one page.
const PAGE: u32 = 50;
/// Devices are counted up to here.
const MOST_COUNTED: u32 = 250_000;

pub(super) async fn page(by: By, Params(query): Params<DeviceQuery>) -> Answer {
    let shell = by.live_shell();
    match query::read(&query, by.now()) {
        Ok(selection) => answer_page(&list(&by, shell, query, selection).await?),
        Err(problems) => invalid(&DevicesPage {
            shell,
            query,
            problems,
            total: 0,
            rows: Vec::new(),
            pager: Pager::default(),
        }),
    }
}

async fn list(
    by: &By,
    shell: Shell,
    query: DeviceQuery,
    selection: Selection,
) -> Result<DevicesPage, Fault> {
    let engine = by.engine();
    let Selection {
        filter,
        order,
        after,
    } = selection;
    let total = engine
        .count_devices(by.authority(), filter.clone(), MOST_COUNTED)
        .await?;
    let found = engine
        .list_devices(by.authority(), filter, order, after, PAGE)
        .await?;
    let now = by.now();
    let pager = Pager {
        label: "Devices".to_owned(),
        first: (!query.after.is_empty()).then(|| query.first_href()),
        previous: None,
        next: found
            .next
            .map(|cursor| query.after_href(&query::cursor_word(&cursor))),
    };
    Ok(DevicesPage {
        shell,
        query,
        problems: Vec::new(),
        total: u64::try_from(total).unwrap_or_default(),
        rows: found
            .devices
            .into_iter()
            .map(|device| row_of(device, now))
            .collect(),
        pager,
    })
}

/// One row, to replace the one shown.
pub(super) async fn row(by: By, Of(id): Of<DeviceId>) -> Answer {
    let detail = by.engine().device(by.authority(), id).await?;
    answer_page(&row_of(detail.device, by.now()))
}

fn row_of(device: Device, now: Timestamp) -> DeviceRow {
    let model = model_of(&device);
    DeviceRow {
        id: device.id.to_string(),
        name: device.name,
        serial: device.serial,
        platform: device.platform.to_string(),
        os_version: device.os_version.to_string(),
        model,
        user: device.user_label,
        ownership: device.ownership.to_string(),
        state: device.state.to_string(),
        supervised: device.supervised,
        last_seen_at: device.last_seen_at,
        now,
    }
}

/// The model as people call it, or its identifier.
pub(super) fn model_of(device: &Device) -> String {
    if device.model_name.is_empty() {
        device.model.clone()
    } else {
        device.model_name.clone()
    }
}
