//! Whom to push, and when.

use domain::{DeviceId, EnrollmentId, Platform, Secret, Timestamp};

use crate::Result;

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
    /// Push token.
    pub push_token: Secret<Vec<u8>>,
    /// Push magic.
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
    fn push_answered(&mut self, enrollment: EnrollmentId, next_due: Timestamp)
    -> impl Future<Output = Result<()>> + Send;
    /// Removes the wish if the queue is empty; true when it was removed.
    fn push_satisfied(&mut self, enrollment: EnrollmentId) -> impl Future<Output = Result<bool>> + Send;
    /// The wish of one enrollment.
    fn push_wish(&mut self, enrollment: EnrollmentId) -> impl Future<Output = Result<Option<PushWish>>> + Send;
    /// When the next wish is due.
    fn next_push_due(&mut self) -> impl Future<Output = Result<Option<Timestamp>>> + Send;
}
