//! Whom to push, and when.

use domain::{DeviceId, EnrollmentId, Platform, Secret, Timestamp};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

/// A wish to push, taken by the caller for the length of its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// Whom.
    pub enrollment_id: EnrollmentId,
    /// Its device.
    pub device_id: DeviceId,
    /// Its platform.
    pub platform: Platform,
    /// Push topic.
    pub topic: String,
    /// Push token, in the form the engine keeps it in: sealed.
    pub push_token: Secret<Vec<u8>>,
    /// Push magic, likewise.
    pub push_magic: Secret<String>,
    /// Pushes since the device last connected, without this one.
    pub attempts: u32,
    /// Whether it cannot wait.
    pub urgent: bool,
}

/// A wish to push as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushWish {
    /// Whom.
    pub enrollment_id: EnrollmentId,
    /// When next.
    pub due_at: Timestamp,
    /// Pushes since the device last connected.
    pub attempts: u32,
    /// Whether it cannot wait.
    pub urgent: bool,
}

/// Wishes to push, one per enrollment with a queue.
pub trait PushWanted {
    /// Asks for a push at the time; an earlier wish stays, `urgent` never falls back, attempts start anew.
    fn want_push(
        &mut self,
        enrollment: EnrollmentId,
        due_at: Timestamp,
        urgent: bool,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Takes up to `limit` wishes that are due, urgent and oldest first: their `due_at` moves to
    /// `lease_until`, so nobody else takes them before. Enrollments that cannot be pushed are
    /// taken too but not given.
    fn claim_pushes(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<PushTarget>>> + Send;
    /// A push went out: the next one is due then. Does nothing when the wish is gone.
    fn pushed(
        &mut self,
        enrollment: EnrollmentId,
        next_due: Timestamp,
        attempts: u32,
    ) -> impl Future<Output = Result<()>> + Send;
    /// The device connected: attempts start anew and the wish waits until the time.
    fn push_answered(
        &mut self,
        enrollment: EnrollmentId,
        next_due: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes the wish if the queue is empty; true when it was removed.
    fn push_satisfied(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// The wish of one enrollment.
    fn push_wish(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<Option<PushWish>>> + Send;
    /// When the next wish is due.
    fn next_push_due(&mut self) -> impl Future<Output = Result<Option<Timestamp>>> + Send;
}

statements! {
    PUSH_WANT = "INSERT INTO push_wanted (enrollment_id, due_at, attempts, urgent) VALUES ($1, $2, 0, $3)
        ON CONFLICT (enrollment_id) DO UPDATE SET
            due_at = CASE WHEN push_wanted.due_at < excluded.due_at THEN push_wanted.due_at ELSE excluded.due_at END,
            attempts = 0,
            urgent = (push_wanted.urgent OR excluded.urgent)";
    PUSH_CLAIM = "UPDATE push_wanted SET due_at = $2 WHERE enrollment_id IN (
            SELECT enrollment_id FROM push_wanted WHERE due_at <= $1 ORDER BY urgent DESC, due_at LIMIT $3 {skip_locked})
        RETURNING enrollment_id, attempts, urgent,
            (SELECT e.device_id FROM enrollments e WHERE e.id = push_wanted.enrollment_id),
            (SELECT e.platform FROM enrollments e WHERE e.id = push_wanted.enrollment_id),
            (SELECT e.topic FROM enrollments e WHERE e.id = push_wanted.enrollment_id),
            (SELECT e.push_token FROM enrollments e WHERE e.id = push_wanted.enrollment_id),
            (SELECT e.push_magic FROM enrollments e
                WHERE e.id = push_wanted.enrollment_id AND e.state <> 'ended')";
    PUSH_DONE = "UPDATE push_wanted SET due_at = $2, attempts = $3 WHERE enrollment_id = $1";
    PUSH_ANSWERED = "UPDATE push_wanted SET due_at = $2, attempts = 0, urgent = FALSE WHERE enrollment_id = $1";
    PUSH_SATISFIED = "DELETE FROM push_wanted WHERE enrollment_id = $1
        AND NOT EXISTS (SELECT 1 FROM commands WHERE commands.enrollment_id = $1)";
    PUSH_GET = "SELECT enrollment_id, due_at, attempts, urgent FROM push_wanted WHERE enrollment_id = $1";
    PUSH_NEXT = "SELECT due_at FROM push_wanted ORDER BY due_at LIMIT 1";
}

/// `None` when the enrollment has nothing to push with.
fn read_target(row: &mut Row) -> Result<Option<PushTarget>> {
    let (enrollment_id, attempts, urgent) = (row.take()?, row.take()?, row.take()?);
    let (device_id, platform) = (row.take()?, row.take()?);
    let (topic, token, magic): (Option<_>, Option<_>, Option<_>) =
        (row.take()?, row.take()?, row.take()?);
    Ok(match (topic, token, magic) {
        (Some(topic), Some(push_token), Some(push_magic)) => Some(PushTarget {
            enrollment_id,
            device_id,
            platform,
            topic,
            push_token,
            push_magic,
            attempts,
            urgent,
        }),
        _ => None,
    })
}

impl PushWanted for Tx {
    async fn want_push(
        &mut self,
        enrollment: EnrollmentId,
        due_at: Timestamp,
        urgent: bool,
    ) -> Result<()> {
        self.execute(&PUSH_WANT, &values![enrollment, due_at, urgent])
            .await?;
        Ok(())
    }

    async fn claim_pushes(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<PushTarget>> {
        let targets = self
            .all(&PUSH_CLAIM, &values![now, lease_until, limit], read_target)
            .await?;
        let mut targets: Vec<_> = targets.into_iter().flatten().collect();
        targets.sort_by_key(|target| !target.urgent);
        Ok(targets)
    }

    async fn pushed(
        &mut self,
        enrollment: EnrollmentId,
        next_due: Timestamp,
        attempts: u32,
    ) -> Result<()> {
        self.execute(&PUSH_DONE, &values![enrollment, next_due, attempts])
            .await?;
        Ok(())
    }

    async fn push_answered(&mut self, enrollment: EnrollmentId, next_due: Timestamp) -> Result<()> {
        self.execute(&PUSH_ANSWERED, &values![enrollment, next_due])
            .await?;
        Ok(())
    }

    async fn push_satisfied(&mut self, enrollment: EnrollmentId) -> Result<bool> {
        self.changes(&PUSH_SATISFIED, &values![enrollment]).await
    }

    async fn push_wish(&mut self, enrollment: EnrollmentId) -> Result<Option<PushWish>> {
        self.find(&PUSH_GET, &values![enrollment], |row| {
            Ok(PushWish {
                enrollment_id: row.take()?,
                due_at: row.take()?,
                attempts: row.take()?,
                urgent: row.take()?,
            })
        })
        .await
    }

    async fn next_push_due(&mut self) -> Result<Option<Timestamp>> {
        self.find(&PUSH_NEXT, &[], Row::take).await
    }
}
