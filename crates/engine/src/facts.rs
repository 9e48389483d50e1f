//! Ingest: reports become facts, within what the ownership allows.

use std::collections::BTreeSet;

use domain::{
    DeviceId, EnrollmentId, OsVersion, Platform, ReportId,
    facts::{Category, Document, Report, apply},
    manifest::Manifest,
    scope::{Actor, ActorKind},
};
use serde_json::{Value as Json, json};
use store::{Device, Devices as _, Facts as _, RawReport, Tx};

use crate::{Engine, EngineError, Result, journal::About};

/// The longest raw report that is kept whole.
const RAW_LIMIT: usize = 256 * 1024;

impl Engine {
    /// Stores what a report says; `raw` is kept beside it where the ownership allows.
    pub(crate) async fn ingest(
        &self,
        tx: &mut Tx,
        device: DeviceId,
        enrollment: EnrollmentId,
        report: Report,
        raw: Option<&[u8]>,
    ) -> Result<()> {
        let raw = raw.map(|bytes| (ReportId::new(self.now(), self.random()), bytes));
        self.ingest_as(tx, device, enrollment, report, raw).await
    }

    /// [`Self::ingest`], with the identifier that the raw report shall have.
    pub(crate) async fn ingest_as(
        &self,
        tx: &mut Tx,
        device: DeviceId,
        enrollment: EnrollmentId,
        mut report: Report,
        raw: Option<(ReportId, &[u8])>,
    ) -> Result<()> {
        let mut row = tx
            .lock_device(device)
            .await?
            .ok_or(EngineError::NotFound("device"))?;
        let manifest = Manifest::of(row.ownership);
        let (kept, dropped) = manifest.filter(std::mem::take(&mut report.observations));
        report.observations = kept;
        for (category, count) in dropped {
            metrics::counter!(crate::metrics::DROPPED_FACTS, "category" => category.as_str())
                .increment(count as u64);
        }
        if let Some((id, bytes)) = raw
            && manifest.keeps_raw()
        {
            let raw = RawReport {
                id,
                device_id: device,
                enrollment_id: enrollment,
                kind: report.origin.clone(),
                received_at: report.observed_at,
                body: bytes[..bytes.len().min(RAW_LIMIT)].to_vec(),
                truncated: bytes.len() > RAW_LIMIT,
            };
            tx.insert_raw_report(&raw, self.settings.raw_reports_kept)
                .await?;
        }
        let categories: BTreeSet<Category> = report
            .observations
            .iter()
            .map(domain::facts::Observation::category)
            .collect();
        let mut changes = serde_json::Map::new();
        for category in categories {
            let mut document = tx
                .facts_of(device, category)
                .await?
                .map(|sheet| sheet.document)
                .unwrap_or_default();
            let changed = apply(&mut document, category, &report);
            tx.put_facts(device, category, &document, report.observed_at)
                .await?;
            if !changed.is_empty() {
                reflect(&mut row, category, &document);
                let shown: Vec<_> = changed.iter().take(50).collect();
                changes.insert(
                    category.to_string(),
                    json!({ "changed": shown, "count": changed.len() }),
                );
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        row.updated_at = report.observed_at;
        tx.update_device(&row).await?;
        let actor = Actor::new(ActorKind::Device, device, "");
        let about = About::device(device).within(row.unit_id);
        let data = json!({ "report": report.origin, "facts": Json::Object(changes) });
        self.record(tx, "device.reported", &actor, about, data)
            .await
    }
}

/// Brings the columns that lists are made of in line with the facts.
fn reflect(device: &mut Device, category: Category, facts: &Document) {
    let text = |key: &str| {
        facts
            .get(key)
            .and_then(|fact| fact.value.as_str())
            .map(str::to_owned)
    };
    let flag = |key: &str| facts.get(key).and_then(|fact| fact.value.as_bool());
    match category {
        Category::Identity => {
            if let Some(name) = text("device_name") {
                device.name = name;
            }
            if let Some(serial) = text("serial_number") {
                device.serial = serial;
            }
        }
        Category::Hardware => {
            if let Some(model) = text("product_name") {
                device.model = model;
            }
            if let Some(name) = text("model_name") {
                device.model_name = name;
            }
        }
        Category::Os => {
            if let Some(version) = text("version") {
                device.os_version = OsVersion::new(&version);
            }
            if let Some(build) = text("build") {
                device.build = build;
            }
            if let Some(platform) = text("platform").and_then(|word| word.parse::<Platform>().ok())
            {
                device.platform = platform;
            }
        }
        Category::Security => {
            if let Some(supervised) = flag("supervised") {
                device.supervised = supervised;
            }
            if let Some(lost) = flag("lost_mode_enabled") {
                device.lost_mode = lost;
            }
        }
        _ => {}
    }
}
