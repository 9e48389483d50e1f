//! When enrollments are planned anew.

use domain::{DeviceId, EnrollmentId, Timestamp};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

/// Enrollments by the time at which they are to be planned anew.
pub trait Plans {
    /// Plans an enrollment anew at this time, whatever was asked before.
    fn plan_at(
        &mut self,
        enrollment: EnrollmentId,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Takes up to `limit` active enrollments that are due, oldest first: they are due next at
    /// `next_due`, so nobody else takes them before.
    fn claim_plans(
        &mut self,
        now: Timestamp,
        next_due: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(EnrollmentId, DeviceId)>>> + Send;
    /// Forgets enrollments that ended; gives how many.
    fn purge_plans(&mut self) -> impl Future<Output = Result<u64>> + Send;
}

statements! {
    PLAN_AT = "INSERT INTO plan_due (enrollment_id, due_at) VALUES ($1, $2)
        ON CONFLICT (enrollment_id) DO UPDATE SET due_at = excluded.due_at";
    PLAN_CLAIM = "UPDATE plan_due SET due_at = $2 WHERE enrollment_id IN (
            SELECT enrollment_id FROM plan_due WHERE due_at <= $1 ORDER BY due_at LIMIT $3 {skip_locked})
        RETURNING enrollment_id,
            (SELECT e.device_id FROM enrollments e WHERE e.id = plan_due.enrollment_id AND e.state = 'active')";
    PLAN_PURGE = "DELETE FROM plan_due WHERE enrollment_id IN (SELECT id FROM enrollments WHERE state = 'ended')";
}

impl Plans for Tx {
    async fn plan_at(&mut self, enrollment: EnrollmentId, due_at: Timestamp) -> Result<()> {
        self.execute(&PLAN_AT, &values![enrollment, due_at]).await?;
        Ok(())
    }

    async fn claim_plans(
        &mut self,
        now: Timestamp,
        next_due: Timestamp,
        limit: u32,
    ) -> Result<Vec<(EnrollmentId, DeviceId)>> {
        let claimed = self
            .all(
                &PLAN_CLAIM,
                &values![now, next_due, limit],
                |row: &mut Row| {
                    let enrollment: EnrollmentId = row.take()?;
                    let device: Option<DeviceId> = row.take()?;
                    Ok(device.map(|device| (enrollment, device)))
                },
            )
            .await?;
        Ok(claimed.into_iter().flatten().collect())
    }

    async fn purge_plans(&mut self) -> Result<u64> {
        self.execute(&PLAN_PURGE, &[]).await
    }
}
