//! Which devices a list holds, and in which order.

use domain::{DeviceState, Ownership, Platform, Timestamp};
use serde::Deserialize;
use store::{DeviceCursor, DeviceFilter, DeviceOrder, DeviceSort, SortValue};
use utoipa::IntoParams;

use crate::{
    api::wire::{DeviceStateWord, OwnershipWord, PlatformWord, Time},
    problem::Problem,
};

/// Which devices, in which order. All conditions must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Selection {
    /// Text to find anywhere in serial number, name, UDID, model or person, in any letter case.
    q: Option<String>,
    #[param(value_type = Option<PlatformWord>)]
    platform: Option<Platform>,
    #[param(value_type = Option<OwnershipWord>)]
    ownership: Option<Ownership>,
    #[param(value_type = Option<DeviceStateWord>)]
    state: Option<DeviceState>,
    supervised: Option<bool>,
    /// The version exactly as reported.
    os_version: Option<String>,
    /// Seen at this time or later.
    #[param(value_type = Option<Time>)]
    seen_after: Option<Timestamp>,
    /// Not seen at this time or later.
    #[param(value_type = Option<Time>)]
    seen_before: Option<Timestamp>,
    /// `name`, `serial`, `model`, `os_version`, `last_seen` or `enrolled_at`; with `-` before it,
    /// largest first.
    #[param(example = "-last_seen")]
    sort: Option<String>,
}

impl Selection {
    /// The typed form.
    pub(crate) fn read(self) -> Result<(DeviceFilter, DeviceOrder), Problem> {
        let order = order(self.sort.as_deref().unwrap_or("name"))?;
        let filter = DeviceFilter {
            search: self.q,
            platform: self.platform,
            ownership: self.ownership,
            state: self.state,
            unit_id: None,
            supervised: self.supervised,
            os_version: self.os_version,
            seen_after: self.seen_after,
            seen_before: self.seen_before,
        };
        Ok((filter, order))
    }
}

fn order(text: &str) -> Result<DeviceOrder, Problem> {
    let (descending, key) = match text.strip_prefix('-') {
        Some(key) => (true, key),
        None => (false, text),
    };
    let sort = match key {
        "name" => DeviceSort::Name,
        "serial" => DeviceSort::Serial,
        "model" => DeviceSort::Model,
        "os_version" => DeviceSort::OsVersion,
        "last_seen" => DeviceSort::LastSeen,
        "enrolled_at" => DeviceSort::EnrolledAt,
        _ => {
            return Err(Problem::bad_request(
                "one of name, serial, model, os_version, last_seen, enrolled_at, or - before it",
            )
            .at("sort"));
        }
    };
    Ok(DeviceOrder { sort, descending })
}

/// Whether a cursor belongs to a list in this order.
pub(crate) fn fits(cursor: &DeviceCursor, order: DeviceOrder) -> bool {
    let time = matches!(order.sort, DeviceSort::LastSeen | DeviceSort::EnrolledAt);
    cursor.order == order && matches!(cursor.value, SortValue::Time(_)) == time
}
