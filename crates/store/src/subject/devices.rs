//! Devices: physical things, across re-enrollments.

use domain::{DeviceId, DeviceState, OsVersion, Ownership, Platform, Timestamp, UnitId};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

/// A physical device. Text that is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Identity.
    pub id: DeviceId,
    /// The unit it belongs to.
    pub unit_id: Option<UnitId>,
    /// Operating system.
    pub platform: Platform,
    /// Who owns it.
    pub ownership: Ownership,
    /// Where it stands.
    pub state: DeviceState,
    /// Serial number; empty where the ownership forbids it.
    pub serial: String,
    /// The vendor's device identifier; unique per platform unless empty.
    pub udid: String,
    /// Name as the device reports it.
    pub name: String,
    /// Model identifier, for example `iPhone17,1`.
    pub model: String,
    /// Model as people call it.
    pub model_name: String,
    /// Operating system version.
    pub os_version: OsVersion,
    /// Operating system build.
    pub build: String,
    /// The person it is assigned to, as text.
    pub user_label: String,
    /// Whether the device is supervised.
    pub supervised: bool,
    /// Whether Managed Lost Mode is on.
    pub lost_mode: bool,
    /// Last connection. Only [`super::Enrollments::flush_last_seen`] moves it after insertion.
    pub last_seen_at: Option<Timestamp>,
    /// When the present enrollment became active.
    pub enrolled_at: Option<Timestamp>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When one of these columns last changed.
    pub updated_at: Timestamp,
    /// Row version, for ETags; the store counts it up at each update.
    pub version: i64,
}

/// How many devices share platform, state and ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCount {
    /// Operating system.
    pub platform: Platform,
    /// Where they stand.
    pub state: DeviceState,
    /// Who owns them.
    pub ownership: Ownership,
    /// How many.
    pub count: i64,
}

/// How many enrolled devices run an operating system version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCount {
    /// Operating system.
    pub platform: Platform,
    /// Its version as reported.
    pub os_version: OsVersion,
    /// How many.
    pub count: i64,
}

/// Devices, one at a time. Lists are in [`super::DeviceList`].
pub trait Devices {
    /// Adds a device; `version` starts at 1 whatever the argument says.
    ///
    /// # Errors
    /// [`crate::StoreError::Constraint`] when another device of the platform has the UDID.
    fn insert_device(&mut self, device: &Device) -> impl Future<Output = Result<()>> + Send;
    /// One device.
    fn device(&mut self, id: DeviceId) -> impl Future<Output = Result<Option<Device>>> + Send;
    /// One device, locked until the transaction ends: read this before [`Devices::update_device`].
    fn lock_device(&mut self, id: DeviceId) -> impl Future<Output = Result<Option<Device>>> + Send;
    /// By the vendor's identifier, on any platform of the list; the first in the list's order.
    fn device_by_udid(
        &mut self,
        platforms: &[Platform],
        udid: &str,
    ) -> impl Future<Output = Result<Option<Device>>> + Send;
    /// By serial number, the most recently changed first.
    fn devices_by_serial(
        &mut self,
        serial: &str,
    ) -> impl Future<Output = Result<Vec<Device>>> + Send;
    /// Writes every column but `id`, `created_at` and `last_seen_at`, if the row still has
    /// `device.version`. Gives the new version, or `None` when the row changed or is gone.
    fn update_device(
        &mut self,
        device: &Device,
    ) -> impl Future<Output = Result<Option<i64>>> + Send;
    /// Devices by platform, state and ownership.
    fn device_counts(&mut self) -> impl Future<Output = Result<Vec<DeviceCount>>> + Send;
    /// Enrolled devices by platform and version, most frequent first, at most `limit` rows.
    fn version_counts(
        &mut self,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<VersionCount>>> + Send;
    /// Enrolled devices last seen before the time.
    fn count_not_seen_since(
        &mut self,
        before: Timestamp,
    ) -> impl Future<Output = Result<i64>> + Send;
}

/// The columns of a device, in the order of [`read_device`].
macro_rules! device_columns {
    () => {
        "id, unit_id, platform, ownership, state, serial, udid, name, model, model_name, os_version, build, \
         user_label, supervised, lost_mode, last_seen_at, enrolled_at, created_at, updated_at, version"
    };
}
pub(super) use device_columns;

statements! {
    DEVICE_INSERT = "INSERT INTO devices (", device_columns!(), ", name_key, os_key, search_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 1,
                $20, $21, $22)";
    DEVICE_GET = "SELECT ", device_columns!(), " FROM devices WHERE id = $1";
    DEVICE_LOCK = "SELECT ", device_columns!(), " FROM devices WHERE id = $1 {for_update}";
    DEVICE_BY_UDID = "SELECT ", device_columns!(), " FROM devices WHERE platform = $1 AND udid = $2 AND udid <> ''";
    DEVICE_BY_SERIAL = "SELECT ", device_columns!(), " FROM devices
        WHERE serial = $1 AND serial <> '' ORDER BY updated_at DESC, id DESC LIMIT 100";
    DEVICE_UPDATE = "UPDATE devices SET unit_id = $3, platform = $4, ownership = $5, state = $6, serial = $7,
            udid = $8, name = $9, model = $10, model_name = $11, os_version = $12, build = $13, user_label = $14,
            supervised = $15, lost_mode = $16, enrolled_at = $17, updated_at = $18, name_key = $19, os_key = $20,
            search_key = $21, version = version + 1
        WHERE id = $1 AND version = $2 RETURNING version";
    DEVICE_COUNTS = "SELECT platform, state, ownership, COUNT(*) FROM devices
        GROUP BY platform, state, ownership ORDER BY platform, state, ownership";
    DEVICE_VERSIONS = "SELECT platform, os_version, COUNT(*) FROM devices WHERE state = 'enrolled'
        GROUP BY platform, os_version ORDER BY COUNT(*) DESC, platform, os_version LIMIT $1";
    DEVICE_UNSEEN = "SELECT COUNT(*) FROM devices WHERE state = 'enrolled' AND last_seen_at < $1";
}

pub(super) fn read_device(row: &mut Row) -> Result<Device> {
    Ok(Device {
        id: row.take()?,
        unit_id: row.take()?,
        platform: row.take()?,
        ownership: row.take()?,
        state: row.take()?,
        serial: row.take()?,
        udid: row.take()?,
        name: row.take()?,
        model: row.take()?,
        model_name: row.take()?,
        os_version: row.take()?,
        build: row.take()?,
        user_label: row.take()?,
        supervised: row.take()?,
        lost_mode: row.take()?,
        last_seen_at: time_unless_zero(row.take()?),
        enrolled_at: time_unless_zero(row.take()?),
        created_at: row.take()?,
        updated_at: row.take()?,
        version: row.take()?,
    })
}

/// Sort keys are never NULL, so that a keyset cursor can stand on them.
pub(super) fn time_unless_zero(at: Timestamp) -> Option<Timestamp> {
    (at.millis() != 0).then_some(at)
}

/// The key that names sort by.
pub(super) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// What the search looks in.
fn search_key(device: &Device) -> String {
    let parts = [
        &device.name,
        &device.serial,
        &device.udid,
        &device.model,
        &device.model_name,
        &device.user_label,
    ];
    let mut key = String::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        key.push_str(&part.to_lowercase());
        key.push('\n');
    }
    key
}

impl Devices for Tx {
    async fn insert_device(&mut self, device: &Device) -> Result<()> {
        let values = values![
            device.id,
            device.unit_id,
            device.platform,
            device.ownership,
            device.state,
            &device.serial,
            &device.udid,
            &device.name,
            &device.model,
            &device.model_name,
            &device.os_version,
            &device.build,
            &device.user_label,
            device.supervised,
            device.lost_mode,
            device.last_seen_at.map_or(0, Timestamp::millis),
            device.enrolled_at.map_or(0, Timestamp::millis),
            device.created_at,
            device.updated_at,
            name_key(&device.name),
            device.os_version.sort_key(),
            search_key(device),
        ];
        self.execute(&DEVICE_INSERT, &values).await?;
        Ok(())
    }

    async fn device(&mut self, id: DeviceId) -> Result<Option<Device>> {
        self.find(&DEVICE_GET, &values![id], read_device).await
    }

    async fn lock_device(&mut self, id: DeviceId) -> Result<Option<Device>> {
        self.find(&DEVICE_LOCK, &values![id], read_device).await
    }

    async fn device_by_udid(
        &mut self,
        platforms: &[Platform],
        udid: &str,
    ) -> Result<Option<Device>> {
        for platform in platforms {
            let device = self
                .find(&DEVICE_BY_UDID, &values![*platform, udid], read_device)
                .await?;
            if device.is_some() {
                return Ok(device);
            }
        }
        Ok(None)
    }

    async fn devices_by_serial(&mut self, serial: &str) -> Result<Vec<Device>> {
        self.all(&DEVICE_BY_SERIAL, &values![serial], read_device)
            .await
    }

    async fn update_device(&mut self, device: &Device) -> Result<Option<i64>> {
        let values = values![
            device.id,
            device.version,
            device.unit_id,
            device.platform,
            device.ownership,
            device.state,
            &device.serial,
            &device.udid,
            &device.name,
            &device.model,
            &device.model_name,
            &device.os_version,
            &device.build,
            &device.user_label,
            device.supervised,
            device.lost_mode,
            device.enrolled_at.map_or(0, Timestamp::millis),
            device.updated_at,
            name_key(&device.name),
            device.os_version.sort_key(),
            search_key(device),
        ];
        self.find(&DEVICE_UPDATE, &values, Row::take).await
    }

    async fn device_counts(&mut self) -> Result<Vec<DeviceCount>> {
        self.all(&DEVICE_COUNTS, &[], |row| {
            Ok(DeviceCount {
                platform: row.take()?,
                state: row.take()?,
                ownership: row.take()?,
                count: row.take()?,
            })
        })
        .await
    }

    async fn version_counts(&mut self, limit: u32) -> Result<Vec<VersionCount>> {
        self.all(&DEVICE_VERSIONS, &values![limit], |row| {
            Ok(VersionCount {
                platform: row.take()?,
                os_version: row.take()?,
                count: row.take()?,
            })
        })
        .await
    }

    async fn count_not_seen_since(&mut self, before: Timestamp) -> Result<i64> {
        Ok(self
            .find(&DEVICE_UNSEEN, &values![before], Row::take)
            .await?
            .unwrap_or(0))
    }
}
