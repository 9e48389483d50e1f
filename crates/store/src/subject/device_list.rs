//! The device list: typed filter, typed sort, keyset cursor.

use domain::{DeviceId, DeviceState, Ownership, Platform, Timestamp, UnitId};
use serde::{Deserialize, Serialize};

use super::Device;
use crate::Result;

/// Which devices. `None` does not restrict; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Text to find anywhere in serial number, name, UDID, model or person, in any letter case.
    pub search: Option<String>,
    /// Operating system.
    pub platform: Option<Platform>,
    /// Who owns it.
    pub ownership: Option<Ownership>,
    /// Where it stands.
    pub state: Option<DeviceState>,
    /// The unit it belongs to, itself.
    pub unit_id: Option<UnitId>,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// The version exactly as reported.
    pub os_version: Option<String>,
    /// Seen at this time or later.
    pub seen_after: Option<Timestamp>,
    /// Not seen at this time or later.
    pub seen_before: Option<Timestamp>,
}

/// What the list is sorted by. Ties are broken by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceSort {
    /// Name, letter case ignored.
    Name,
    /// Serial number.
    Serial,
    /// Model identifier.
    Model,
    /// Operating system version, by its numbers.
    OsVersion,
    /// Last connection; never seen first.
    LastSeen,
    /// When it enrolled; never enrolled first.
    EnrolledAt,
}

/// Sort key and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceOrder {
    /// By what.
    pub sort: DeviceSort,
    /// Largest first.
    pub descending: bool,
}

/// The value of the sort key in the last row of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SortValue {
    /// Of a textual key.
    Text(String),
    /// Of a time.
    Time(Timestamp),
}

/// Where the next page starts: after this row. Valid for the order it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCursor {
    /// The order of the list.
    pub order: DeviceOrder,
    /// Sort value of the last row.
    pub value: SortValue,
    /// Identity of the last row.
    pub id: DeviceId,
}

/// One page of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePage {
    /// The rows in order.
    pub devices: Vec<Device>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<DeviceCursor>,
}

/// Lists of devices.
pub trait DeviceList {
    /// One page of at most `limit` devices, after the cursor. To export all, ask page by page.
    ///
    /// # Errors
    /// [`crate::StoreError::Invalid`] when the cursor belongs to another order.
    fn list_devices(
        &mut self,
        filter: &DeviceFilter,
        order: DeviceOrder,
        after: Option<&DeviceCursor>,
        limit: u32,
    ) -> impl Future<Output = Result<DevicePage>> + Send;
    /// How many devices pass the filter, counted up to `cap`.
    fn count_devices(&mut self, filter: &DeviceFilter, cap: u32) -> impl Future<Output = Result<i64>> + Send;
}
