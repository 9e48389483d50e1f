//! What administrators see of devices, and what they may change without a command.

use std::collections::BTreeMap;

use domain::{
    DeviceId, ReportId, Timestamp,
    scope::{Authority, Scope},
};
use serde_json::json;
use store::{
    CommandRecord, Commands as _, Device, DeviceCount, DeviceCursor, DeviceFilter, DeviceList as _,
    DeviceOrder, DevicePage, Devices as _, Enrollment, Enrollments as _, FactSheet, Facts as _,
    RawReport, RawReportHead, VersionCount,
};

use crate::{Engine, EngineError, Result, journal::About};

/// A device with its enrollments.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceDetail {
    /// The device.
    pub device: Device,
    /// Its enrollments, newest first.
    pub enrollments: Vec<Enrollment>,
}

/// Numbers for an overview.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetCounts {
    /// By platform, state and ownership.
    pub devices: Vec<DeviceCount>,
    /// Enrolled devices by version, most frequent first.
    pub versions: Vec<VersionCount>,
    /// Enrolled devices not seen for a week.
    pub silent: i64,
}

impl Engine {
    /// One page of devices.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the cursor belongs to another order.
    pub async fn list_devices(
        &self,
        by: &Authority,
        filter: DeviceFilter,
        order: DeviceOrder,
        after: Option<DeviceCursor>,
        limit: u32,
    ) -> Result<DevicePage> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| {
                Box::pin(
                    async move { tx.list_devices(&filter, order, after.as_ref(), limit).await },
                )
            })
            .await
            .map_err(Into::into)
    }

    /// How many devices pass a filter, counted up to `cap`.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn count_devices(
        &self,
        by: &Authority,
        filter: DeviceFilter,
        cap: u32,
    ) -> Result<i64> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.count_devices(&filter, cap).await }))
            .await
            .map_err(Into::into)
    }

    /// A device with its enrollments.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn device(&self, by: &Authority, id: DeviceId) -> Result<DeviceDetail> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    let device = tx
                        .device(id)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    let enrollments = tx.enrollments_of(id).await?;
                    Ok(DeviceDetail {
                        device,
                        enrollments,
                    })
                })
            })
            .await
    }

    /// Those of some devices that exist, by identifier: for lists that name devices.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn devices_among(
        &self,
        by: &Authority,
        mut ids: Vec<DeviceId>,
    ) -> Result<BTreeMap<DeviceId, Device>> {
        by.require(Scope::DevicesRead)?;
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    let mut found = BTreeMap::new();
                    for id in ids {
                        if let Some(device) = tx.device(id).await? {
                            found.insert(id, device);
                        }
                    }
                    Ok::<_, store::StoreError>(found)
                })
            })
            .await
            .map_err(Into::into)
    }

    /// The facts of a device, by category.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn facts_of(&self, by: &Authority, id: DeviceId) -> Result<Vec<FactSheet>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.facts(id).await }))
            .await
            .map_err(Into::into)
    }

    /// Commands of a device, newest first, with a place below the cursor.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn commands_of(
        &self,
        by: &Authority,
        id: DeviceId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<CommandRecord>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.device_commands(id, before, limit).await }))
            .await
            .map_err(Into::into)
    }

    /// Raw reports of a device, newest first, without their bytes.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn raw_reports_of(
        &self,
        by: &Authority,
        id: DeviceId,
        limit: u32,
    ) -> Result<Vec<RawReportHead>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.raw_reports(id, limit).await }))
            .await
            .map_err(Into::into)
    }

    /// One raw report.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn raw_report(&self, by: &Authority, id: ReportId) -> Result<RawReport> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.raw_report(id).await }))
            .await?
            .ok_or(EngineError::NotFound("report"))
    }

    /// Says whose device it is, in words; the row must still have `version`.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`], [`EngineError::Stale`].
    pub async fn label_device(
        &self,
        by: &Authority,
        id: DeviceId,
        version: Option<i64>,
        user_label: String,
    ) -> Result<Device> {
        by.require(Scope::DevicesWrite)?;
        let user_label: String = user_label.trim().to_owned();
        if user_label.chars().count() > 200 {
            return Err(EngineError::invalid("a label has at most 200 characters"));
        }
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let mut device = tx
                        .lock_device(id)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    if version.is_some_and(|version| version != device.version) {
                        return Err(EngineError::Stale);
                    }
                    let before = std::mem::replace(&mut device.user_label, user_label);
                    device.updated_at = engine.now();
                    device.version = tx.update_device(&device).await?.ok_or(EngineError::Stale)?;
                    let about = About::device(id).within(device.unit_id);
                    let data = json!({ "from": before, "to": device.user_label });
                    engine
                        .record(tx, "device.labelled", &actor, about, data)
                        .await?;
                    Ok(device)
                })
            })
            .await
    }

    /// Asks a device for everything again.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn refresh_device(&self, by: &Authority, id: DeviceId) -> Result<()> {
        by.require(Scope::DevicesWrite)?;
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let device = tx
                        .device(id)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    let living = tx.living_enrollments_of(id).await?;
                    let target = living
                        .iter()
                        .find(|one| one.channel == domain::Channel::Device)
                        .ok_or_else(|| {
                            EngineError::Conflict("the device is not enrolled".into())
                        })?;
                    for category in [
                        domain::facts::Category::Os,
                        domain::facts::Category::Security,
                        domain::facts::Category::Apps,
                        domain::facts::Category::ManagedApps,
                        domain::facts::Category::Profiles,
                        domain::facts::Category::Certificates,
                    ] {
                        engine.ask_again(tx, &device, target, category).await?;
                    }
                    Ok::<_, EngineError>(())
                })
            })
            .await?;
        self.after_enqueue();
        Ok(())
    }

    /// Numbers for an overview.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn fleet_counts(&self, by: &Authority) -> Result<FleetCounts> {
        by.require(Scope::DevicesRead)?;
        let week_ago: Timestamp = self
            .now()
            .minus(std::time::Duration::from_secs(7 * 24 * 3600));
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    Ok::<_, store::StoreError>(FleetCounts {
                        devices: tx.device_counts().await?,
                        versions: tx.version_counts(20).await?,
                        silent: tx.count_not_seen_since(week_ago).await?,
                    })
                })
            })
            .await
            .map_err(Into::into)
    }
}
