//! Facts and the raw reports they come from.

use domain::{
    DeviceId, EnrollmentId, ReportId, Timestamp,
    facts::{Category, Document},
};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, Value, values},
};

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
    /// Forgets all facts of a device and the raw reports they came from; gives how many categories.
    fn forget_facts(&mut self, device: DeviceId) -> impl Future<Output = Result<u64>> + Send;
    /// Keeps a raw report, and of its enrollment and kind only the newest `keep`.
    fn insert_raw_report(
        &mut self,
        report: &RawReport,
        keep: u32,
    ) -> impl Future<Output = Result<()>> + Send;
    /// One raw report.
    fn raw_report(
        &mut self,
        id: ReportId,
    ) -> impl Future<Output = Result<Option<RawReport>>> + Send;
    /// Raw reports of a device, newest first, without their bytes.
    fn raw_reports(
        &mut self,
        device: DeviceId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RawReportHead>>> + Send;
}

statements! {
    FACTS_PUT = "INSERT INTO facts (device_id, category, document, observed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (device_id, category) DO UPDATE SET document = excluded.document, observed_at = excluded.observed_at";
    FACTS_GET = "SELECT category, document, observed_at FROM facts WHERE device_id = $1 AND category = $2 {for_update}";
    FACTS_PEEK = "SELECT category, document, observed_at FROM facts WHERE device_id = $1 AND category = $2";
    FACTS_ALL = "SELECT category, document, observed_at FROM facts WHERE device_id = $1 ORDER BY category";
    FACTS_FORGET = "DELETE FROM facts WHERE device_id = $1";
    REPORTS_FORGET = "DELETE FROM raw_reports WHERE device_id = $1";
    REPORT_INSERT = "INSERT INTO raw_reports (id, device_id, enrollment_id, kind, received_at, body, truncated)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    REPORT_TRIM = "DELETE FROM raw_reports WHERE id IN (
        SELECT id FROM raw_reports WHERE enrollment_id = $1 AND kind = $2
        ORDER BY received_at DESC, id DESC LIMIT 1000 OFFSET $3)";
    REPORT_GET = "SELECT id, device_id, enrollment_id, kind, received_at, body, truncated
        FROM raw_reports WHERE id = $1";
    REPORT_OF_DEVICE = "SELECT id, enrollment_id, kind, received_at, CAST(LENGTH(body) AS BIGINT), truncated
        FROM raw_reports WHERE device_id = $1 ORDER BY received_at DESC, id DESC LIMIT $2";
}

fn read_sheet(row: &mut Row) -> Result<FactSheet> {
    Ok(FactSheet {
        category: row.take()?,
        document: row.json()?,
        observed_at: row.take()?,
    })
}

impl Facts for Tx {
    async fn put_facts(
        &mut self,
        device: DeviceId,
        category: Category,
        document: &Document,
        observed_at: Timestamp,
    ) -> Result<()> {
        let values = values![device, category, Value::json(document)?, observed_at];
        self.execute(&FACTS_PUT, &values).await?;
        Ok(())
    }

    async fn facts_of(
        &mut self,
        device: DeviceId,
        category: Category,
    ) -> Result<Option<FactSheet>> {
        let statement = if self.is_read_only() {
            &FACTS_PEEK
        } else {
            &FACTS_GET
        };
        self.find(statement, &values![device, category], read_sheet)
            .await
    }

    async fn facts(&mut self, device: DeviceId) -> Result<Vec<FactSheet>> {
        self.all(&FACTS_ALL, &values![device], read_sheet).await
    }

    async fn forget_facts(&mut self, device: DeviceId) -> Result<u64> {
        self.execute(&REPORTS_FORGET, &values![device]).await?;
        self.execute(&FACTS_FORGET, &values![device]).await
    }

    async fn insert_raw_report(&mut self, report: &RawReport, keep: u32) -> Result<()> {
        let values = values![
            report.id,
            report.device_id,
            report.enrollment_id,
            &report.kind,
            report.received_at,
            &report.body,
            report.truncated,
        ];
        self.execute(&REPORT_INSERT, &values).await?;
        self.execute(
            &REPORT_TRIM,
            &values![report.enrollment_id, &report.kind, keep],
        )
        .await?;
        Ok(())
    }

    async fn raw_report(&mut self, id: ReportId) -> Result<Option<RawReport>> {
        self.find(&REPORT_GET, &values![id], |row| {
            Ok(RawReport {
                id: row.take()?,
                device_id: row.take()?,
                enrollment_id: row.take()?,
                kind: row.take()?,
                received_at: row.take()?,
                body: row.take()?,
                truncated: row.take()?,
            })
        })
        .await
    }

    async fn raw_reports(&mut self, device: DeviceId, limit: u32) -> Result<Vec<RawReportHead>> {
        self.all(&REPORT_OF_DEVICE, &values![device, limit], |row| {
            Ok(RawReportHead {
                id: row.take()?,
                enrollment_id: row.take()?,
                kind: row.take()?,
                received_at: row.take()?,
                length: row.take()?,
                truncated: row.take()?,
            })
        })
        .await
    }
}
