//! The device list: typed filter, typed sort, keyset cursor.

use domain::{DeviceId, DeviceState, Ownership, Platform, Timestamp, UnitId};
use serde::{Deserialize, Serialize};

use super::Device;
use super::devices::{device_columns, name_key, read_device};
use crate::{Result, StoreError, Tx, value::Value};

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
#[serde(rename_all = "snake_case")]
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
    fn count_devices(
        &mut self,
        filter: &DeviceFilter,
        cap: u32,
    ) -> impl Future<Output = Result<i64>> + Send;
}

/// What may stand in a device list's WHERE, in this order. `$` is the next parameter.
const CONDITIONS: [&str; 9] = [
    "search_key LIKE $ ESCAPE '!'",
    // A platform holds a large part of a fleet: walking the order's index is quicker than sorting.
    "{plus}platform = $",
    "ownership = $",
    "state = $",
    "unit_id = $",
    "supervised = $",
    "os_version = $",
    "last_seen_at >= $",
    "last_seen_at < $",
];

impl DeviceSort {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Name,
        Self::Serial,
        Self::Model,
        Self::OsVersion,
        Self::LastSeen,
        Self::EnrolledAt,
    ];

    const fn column(self) -> &'static str {
        match self {
            Self::Name => "name_key",
            Self::Serial => "serial",
            Self::Model => "model",
            Self::OsVersion => "os_key",
            Self::LastSeen => "last_seen_at",
            Self::EnrolledAt => "enrolled_at",
        }
    }

    fn value_of(self, device: &Device) -> SortValue {
        let time = |at: Option<Timestamp>| SortValue::Time(at.unwrap_or_default());
        match self {
            Self::Name => SortValue::Text(name_key(&device.name)),
            Self::Serial => SortValue::Text(device.serial.clone()),
            Self::Model => SortValue::Text(device.model.clone()),
            Self::OsVersion => SortValue::Text(device.os_version.sort_key()),
            Self::LastSeen => time(device.last_seen_at),
            Self::EnrolledAt => time(device.enrolled_at),
        }
    }

    const fn is_time(self) -> bool {
        matches!(self, Self::LastSeen | Self::EnrolledAt)
    }
}

impl DeviceFilter {
    /// The values of the conditions that apply, by their place in [`CONDITIONS`].
    fn values(&self) -> [Option<Value>; CONDITIONS.len()] {
        let search = self
            .search
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        [
            search.map(|text| pattern(text).into()),
            self.platform.map(Value::from),
            self.ownership.map(Value::from),
            self.state.map(Value::from),
            self.unit_id.map(Value::from),
            self.supervised.map(Value::from),
            self.os_version.as_deref().map(Value::from),
            self.seen_after.map(Value::from),
            self.seen_before.map(Value::from),
        ]
    }
}

/// A LIKE pattern that finds the text anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// A statement put together from the fragments above.
struct Composed {
    text: String,
    parameters: usize,
}

impl Composed {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parameters: 0,
        }
    }

    /// Adds a fragment whose `$` are the next parameters.
    fn push(&mut self, fragment: &str) {
        for part in fragment.split_inclusive('$') {
            self.text.push_str(part);
            if part.ends_with('$') {
                self.parameters += 1;
                self.text.push_str(&self.parameters.to_string());
            }
        }
    }

    fn conditions(&mut self, applies: impl Fn(usize) -> bool) {
        let mut word = " WHERE ";
        for (index, condition) in CONDITIONS
            .iter()
            .enumerate()
            .filter(|(index, _)| applies(*index))
        {
            debug_assert!(index < CONDITIONS.len());
            self.text.push_str(word);
            self.push(condition);
            word = " AND ";
        }
    }
}

/// The list in an order, with the conditions that apply, from the start or after a cursor.
fn list_text(order: DeviceOrder, applies: impl Fn(usize) -> bool, after: bool) -> Composed {
    let column = order.sort.column();
    let (direction, beyond) = if order.descending {
        ("DESC", "<")
    } else {
        ("ASC", ">")
    };
    let mut list = Composed::new(concat!("SELECT ", device_columns!(), " FROM devices"));
    let any = (0..CONDITIONS.len()).any(&applies);
    list.conditions(applies);
    if after {
        list.text.push_str(if any { " AND " } else { " WHERE " });
        list.push(&format!("({column}, id) {beyond} ($, $)"));
    }
    list.push(&format!(
        " ORDER BY {column} {direction}, id {direction} LIMIT $"
    ));
    list
}

/// The count of what passes, up to a cap.
fn count_text(applies: impl Fn(usize) -> bool) -> Composed {
    let mut count = Composed::new("SELECT COUNT(*) FROM (SELECT 1 FROM devices");
    count.conditions(applies);
    // Nothing is sorted here, so any index helps.
    count.text = count.text.replace("{plus}", "");
    count.push(" LIMIT $) AS counted");
    count
}

impl DeviceList for Tx {
    async fn list_devices(
        &mut self,
        filter: &DeviceFilter,
        order: DeviceOrder,
        after: Option<&DeviceCursor>,
        limit: u32,
    ) -> Result<DevicePage> {
        let given = filter.values();
        let list = list_text(order, |index| given[index].is_some(), after.is_some());
        let mut values: Vec<Value> = given.into_iter().flatten().collect();
        if let Some(cursor) = after {
            values.push(cursor.sort_value(order)?);
            values.push(cursor.id.into());
        }
        // One more than asked for tells whether there is a next page.
        values.push(Value::from(u64::from(limit) + 1));
        let text = self.dialect().expand(&list.text);
        let rows = self.rows_of("DEVICE_LIST", &text, &values).await?;
        let mut devices = rows
            .into_iter()
            .map(|mut row| read_device(&mut row))
            .collect::<Result<Vec<_>>>()?;
        let more = devices.len() > limit as usize;
        devices.truncate(limit as usize);
        let next = devices.last().filter(|_| more).map(|last| DeviceCursor {
            order,
            value: order.sort.value_of(last),
            id: last.id,
        });
        Ok(DevicePage { devices, next })
    }

    async fn count_devices(&mut self, filter: &DeviceFilter, cap: u32) -> Result<i64> {
        let given = filter.values();
        let count = count_text(|index| given[index].is_some());
        let mut values: Vec<Value> = given.into_iter().flatten().collect();
        values.push(cap.into());
        let text = self.dialect().expand(&count.text);
        let rows = self.rows_of("DEVICE_COUNT", &text, &values).await?;
        rows.into_iter().next().map_or(Ok(0), |mut row| row.take())
    }
}

impl DeviceCursor {
    fn sort_value(&self, order: DeviceOrder) -> Result<Value> {
        match &self.value {
            _ if self.order != order => Err(StoreError::Invalid(
                "the cursor belongs to another order".to_owned(),
            )),
            SortValue::Time(at) if order.sort.is_time() => Ok((*at).into()),
            SortValue::Text(text) if !order.sort.is_time() => Ok(text.into()),
            _ => Err(StoreError::Invalid(
                "the cursor does not fit the order".to_owned(),
            )),
        }
    }
}

/// Every text that [`DeviceList`] can compose.
#[cfg(test)]
pub(crate) fn all_texts() -> Vec<String> {
    let subsets = 1_u32 << CONDITIONS.len();
    let mut texts: Vec<String> = (0..subsets)
        .map(|subset| count_text(|index| subset & (1 << index) != 0).text)
        .collect();
    for sort in DeviceSort::ALL {
        for descending in [false, true] {
            for after in [false, true] {
                let order = DeviceOrder { sort, descending };
                texts.extend((0..subsets).map(|subset| {
                    list_text(order, |index| subset & (1 << index) != 0, after).text
                }));
            }
        }
    }
    texts
}
