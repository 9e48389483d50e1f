//! Facts and the raw reports they come from.

use domain::{
    DeviceId, EnrollmentId, ReportId, Timestamp,
    facts::{Category, Document},
};

use crate::Result;

/// All facts of one category of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct FactSheet {
    /// The category.
    pub category: Category,
    /// The facts by key.
    pub document: Document,
    /// The newest report in it.
    pub observed_at: Timestamp,
}

/// What a device sent, as it sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReport {
    /// Identity.
    pub id: ReportId,
    /// The device.
    pub device_id: DeviceId,
    /// On which enrollment.
    pub enrollment_id: EnrollmentId,
    /// Which message.
    pub kind: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Whether the bytes were cut off.
    pub truncated: bool,
}

/// A raw report without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReportHead {
    /// Identity.
    pub id: ReportId,
    /// On which enrollment.
    pub enrollment_id: EnrollmentId,
    /// Which message.
    pub kind: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its length in bytes.
    pub length: i64,
    /// Whether the bytes were cut off.
    pub truncated: bool,
}

/// Facts and raw reports.
pub trait Facts {
    /// Writes all facts of a category.
    fn put_facts(
        &mut self,
        device: DeviceId,
        category: Category,
        document: &Document,
        observed_at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// The facts of a category, locked until the transaction ends; read this before writing them.
    fn facts_of(
        &mut self,
        device: DeviceId,
        category: Category,
    ) -> impl Future<Output = Result<Option<FactSheet>>> + Send;
    /// All facts of a device.
    fn facts(&mut self, device: DeviceId) -> impl Future<Output = Result<Vec<FactSheet>>> + Send;
    /// Forgets all facts of a device; gives how many categories.
    fn forget_facts(&mut self, device: DeviceId) -> impl Future<Output = Result<u64>> + Send;
    /// Keeps a raw report, and of its enrollment and kind only the newest `keep`.
    fn insert_raw_report(&mut self, report: &RawReport, keep: u32) -> impl Future<Output = Result<()>> + Send;
    /// One raw report.
    fn raw_report(&mut self, id: ReportId) -> impl Future<Output = Result<Option<RawReport>>> + Send;
    /// Raw reports of a device, newest first, without their bytes.
    fn raw_reports(
        &mut self,
        device: DeviceId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RawReportHead>>> + Send;
}
