//! Enrollments: periods of management of a device, each on one channel.

use domain::{
    Channel, DeviceId, EnrollmentId, EnrollmentKind, EnrollmentTokenId, Platform, Secret, TicketId, Timestamp,
    enrollment::{EndReason, EnrollmentState},
};

use crate::Result;

/// One period of management on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrollment {
    /// Identity.
    pub id: EnrollmentId,
    /// The device.
    pub device_id: DeviceId,
    /// Device or user channel.
    pub channel: Channel,
    /// On the user channel, the device's enrollment.
    pub parent_id: Option<EnrollmentId>,
    /// Operating system.
    pub platform: Platform,
    /// How it came about.
    pub kind: EnrollmentKind,
    /// Where it stands.
    pub state: EnrollmentState,
    /// How the device names itself on this channel: UDID or enrollment id, on the user channel with the user id.
    /// Unique per platform among enrollments that have not ended.
    pub native_key: String,
    /// The user's identifier on the user channel.
    pub user_id: Option<String>,
    /// The user's short name on the user channel.
    pub user_short_name: Option<String>,
    /// Push topic.
    pub topic: Option<String>,
    /// Push token.
    pub push_token: Option<Secret<Vec<u8>>>,
    /// Push magic.
    pub push_magic: Option<Secret<String>>,
    /// The enrollment token it came in with.
    pub token_id: Option<EnrollmentTokenId>,
    /// The ticket it came in with.
    pub ticket_id: Option<TicketId>,
    /// Whether Setup Assistant waits for DeviceConfigured.
    pub awaiting_configuration: bool,
    /// Whether declarative management is on.
    pub ddm_enabled: bool,
    /// The declarations token last advertised to the device.
    pub ddm_token: Option<String>,
    /// When the device identified itself.
    pub created_at: Timestamp,
    /// When it became able to take commands.
    pub activated_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// Last connection, as of the last flush.
    pub last_seen_at: Option<Timestamp>,
}

/// What TokenUpdate brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushInfo {
    /// Push topic.
    pub topic: String,
    /// Push token.
    pub token: Secret<Vec<u8>>,
    /// Push magic.
    pub magic: Secret<String>,
    /// Whether Setup Assistant waits for DeviceConfigured.
    pub awaiting_configuration: bool,
}

/// A connection to remember, coalesced in memory by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Who connected.
    pub enrollment_id: EnrollmentId,
    /// Its device.
    pub device_id: DeviceId,
    /// When.
    pub at: Timestamp,
}

/// Enrollments.
pub trait Enrollments {
    /// Adds an enrollment.
    ///
    /// # Errors
    /// [`crate::StoreError::Constraint`] when a living enrollment has the same native key.
    fn insert_enrollment(&mut self, enrollment: &Enrollment) -> impl Future<Output = Result<()>> + Send;
    /// One enrollment.
    fn enrollment(&mut self, id: EnrollmentId) -> impl Future<Output = Result<Option<Enrollment>>> + Send;
    /// One enrollment, locked until the transaction ends.
    fn lock_enrollment(&mut self, id: EnrollmentId) -> impl Future<Output = Result<Option<Enrollment>>> + Send;
    /// The pending or active enrollment with the native key, on any platform of the list; the first in its order.
    fn living_enrollment(
        &mut self,
        platforms: &[Platform],
        native_key: &str,
    ) -> impl Future<Output = Result<Option<Enrollment>>> + Send;
    /// All enrollments of a device, newest first.
    fn enrollments_of(&mut self, device: DeviceId) -> impl Future<Output = Result<Vec<Enrollment>>> + Send;
    /// All pending and active enrollments of a device.
    fn living_enrollments_of(&mut self, device: DeviceId) -> impl Future<Output = Result<Vec<Enrollment>>> + Send;
    /// Stores what TokenUpdate brought; false when the enrollment is over or unknown.
    fn set_push_info(&mut self, id: EnrollmentId, info: &PushInfo) -> impl Future<Output = Result<bool>> + Send;
    /// Forgets the push token, for example after the push service said 410.
    fn clear_push_info(&mut self, id: EnrollmentId) -> impl Future<Output = Result<()>> + Send;
    /// Pending becomes active; false when it was not pending.
    fn activate_enrollment(&mut self, id: EnrollmentId, at: Timestamp) -> impl Future<Output = Result<bool>> + Send;
    /// Ends one enrollment and its user channels; gives those that were living. Removes their push wishes.
    fn end_enrollment(
        &mut self,
        id: EnrollmentId,
        at: Timestamp,
        reason: EndReason,
    ) -> impl Future<Output = Result<Vec<EnrollmentId>>> + Send;
    /// Ends all living enrollments of a device; gives them. Removes their push wishes.
    fn end_enrollments_of(
        &mut self,
        device: DeviceId,
        at: Timestamp,
        reason: EndReason,
    ) -> impl Future<Output = Result<Vec<EnrollmentId>>> + Send;
    /// Writes the declarative management state.
    fn set_enrollment_ddm(
        &mut self,
        id: EnrollmentId,
        enabled: bool,
        token: Option<&str>,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Sets whether Setup Assistant waits.
    fn set_awaiting_configuration(
        &mut self,
        id: EnrollmentId,
        awaiting: bool,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Writes a batch of last connections to enrollments and devices; times never go back.
    fn flush_last_seen(&mut self, seen: &[Seen]) -> impl Future<Output = Result<()>> + Send;
    /// Pending enrollments created before the time, oldest first.
    fn stale_pending_enrollments(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Enrollment>>> + Send;
}
