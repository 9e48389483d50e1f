//! Devices: physical things, across re-enrollments.

use domain::{DeviceId, DeviceState, OsVersion, Ownership, Platform, Timestamp, UnitId};

use crate::Result;

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
    fn devices_by_serial(&mut self, serial: &str) -> impl Future<Output = Result<Vec<Device>>> + Send;
    /// Writes every column but `id`, `created_at` and `last_seen_at`, if the row still has
    /// `device.version`. Gives the new version, or `None` when the row changed or is gone.
    fn update_device(&mut self, device: &Device) -> impl Future<Output = Result<Option<i64>>> + Send;
    /// Devices by platform, state and ownership.
    fn device_counts(&mut self) -> impl Future<Output = Result<Vec<DeviceCount>>> + Send;
    /// Enrolled devices by platform and version, most frequent first, at most `limit` rows.
    fn version_counts(&mut self, limit: u32) -> impl Future<Output = Result<Vec<VersionCount>>> + Send;
    /// Enrolled devices last seen before the time.
    fn count_not_seen_since(&mut self, before: Timestamp) -> impl Future<Output = Result<i64>> + Send;
}
