//! Enrollments: periods of management of a device, each on one channel.

use domain::{
    Channel, DeviceId, EnrollmentId, EnrollmentKind, EnrollmentTokenId, Platform, Secret, TicketId,
    Timestamp,
    enrollment::{EndReason, EnrollmentState},
};

use super::devices::time_unless_zero;
use crate::{
    Result, Tx,
    statement::{Statement, statements},
    value::{Row, Value, values},
};

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
    /// Push token, in the form the engine keeps it in: sealed.
    pub push_token: Option<Secret<Vec<u8>>>,
    /// Push magic, likewise.
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
    /// Push token, in the form the engine keeps it in: sealed.
    pub token: Secret<Vec<u8>>,
    /// Push magic, likewise.
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
    fn insert_enrollment(
        &mut self,
        enrollment: &Enrollment,
    ) -> impl Future<Output = Result<()>> + Send;
    /// One enrollment.
    fn enrollment(
        &mut self,
        id: EnrollmentId,
    ) -> impl Future<Output = Result<Option<Enrollment>>> + Send;
    /// One enrollment, locked until the transaction ends.
    fn lock_enrollment(
        &mut self,
        id: EnrollmentId,
    ) -> impl Future<Output = Result<Option<Enrollment>>> + Send;
    /// The pending or active enrollment with the native key, on any platform of the list; the first in its order.
    fn living_enrollment(
        &mut self,
        platforms: &[Platform],
        native_key: &str,
    ) -> impl Future<Output = Result<Option<Enrollment>>> + Send;
    /// All enrollments of a device, newest first.
    fn enrollments_of(
        &mut self,
        device: DeviceId,
    ) -> impl Future<Output = Result<Vec<Enrollment>>> + Send;
    /// All pending and active enrollments of a device.
    fn living_enrollments_of(
        &mut self,
        device: DeviceId,
    ) -> impl Future<Output = Result<Vec<Enrollment>>> + Send;
    /// Stores what TokenUpdate brought; false when the enrollment is over or unknown.
    fn set_push_info(
        &mut self,
        id: EnrollmentId,
        info: &PushInfo,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Forgets the push token, for example after the push service said 410.
    fn clear_push_info(&mut self, id: EnrollmentId) -> impl Future<Output = Result<()>> + Send;
    /// Pending becomes active; false when it was not pending.
    fn activate_enrollment(
        &mut self,
        id: EnrollmentId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
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

/// The columns of an enrollment, in the order of [`read_enrollment`], with the table's alias before each.
macro_rules! enrollment_columns {
    () => {
        "e.id, e.device_id, e.channel, e.parent_id, e.platform, e.kind, e.state, e.native_key, e.user_id, \
         e.user_short_name, e.topic, e.push_token, e.push_magic, e.token_id, e.ticket_id, \
         e.awaiting_configuration, e.ddm_enabled, e.ddm_token, e.created_at, e.activated_at, e.ended_at, \
         e.end_reason, e.last_seen_at"
    };
}
pub(super) use enrollment_columns;

statements! {
    ENROLLMENT_INSERT = "INSERT INTO enrollments (id, device_id, channel, parent_id, platform, kind, state,
            native_key, user_id, user_short_name, topic, push_token, push_magic, token_id, ticket_id,
            awaiting_configuration, ddm_enabled, ddm_token, created_at, activated_at, ended_at, end_reason,
            last_seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                $22, $23)";
    ENROLLMENT_GET = "SELECT ", enrollment_columns!(), " FROM enrollments e WHERE e.id = $1";
    ENROLLMENT_LOCK = "SELECT ", enrollment_columns!(), " FROM enrollments e WHERE e.id = $1 {for_update}";
    ENROLLMENT_LIVING = "SELECT ", enrollment_columns!(), " FROM enrollments e
        WHERE e.platform = $1 AND e.native_key = $2 AND e.state <> 'ended'";
    ENROLLMENT_OF_DEVICE = "SELECT ", enrollment_columns!(), " FROM enrollments e
        WHERE e.device_id = $1 ORDER BY e.created_at DESC, e.id DESC";
    ENROLLMENT_LIVING_OF_DEVICE = "SELECT ", enrollment_columns!(), " FROM enrollments e
        WHERE e.device_id = $1 AND e.state <> 'ended' ORDER BY e.created_at DESC, e.id DESC";
    ENROLLMENT_SET_PUSH = "UPDATE enrollments
        SET topic = $2, push_token = $3, push_magic = $4, awaiting_configuration = $5
        WHERE id = $1 AND state <> 'ended'";
    ENROLLMENT_CLEAR_PUSH = "UPDATE enrollments SET push_token = NULL, push_magic = NULL WHERE id = $1";
    ENROLLMENT_ACTIVATE = "UPDATE enrollments SET state = 'active', activated_at = $2
        WHERE id = $1 AND state = 'pending'";
    ENROLLMENT_END = "UPDATE enrollments SET state = 'ended', ended_at = $2, end_reason = $3
        WHERE (id = $1 OR parent_id = $1) AND state <> 'ended' RETURNING id";
    ENROLLMENT_END_OF_DEVICE = "UPDATE enrollments SET state = 'ended', ended_at = $2, end_reason = $3
        WHERE device_id = $1 AND state <> 'ended' RETURNING id";
    ENROLLMENT_FORGET_PUSH = "DELETE FROM push_wanted WHERE enrollment_id = $1";
    ENROLLMENT_SET_DDM = "UPDATE enrollments SET ddm_enabled = $2, ddm_token = $3 WHERE id = $1";
    ENROLLMENT_SET_AWAITING = "UPDATE enrollments SET awaiting_configuration = $2 WHERE id = $1";
    ENROLLMENT_SEEN = "UPDATE enrollments SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    ENROLLMENT_DEVICE_SEEN = "UPDATE devices SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    ENROLLMENT_STALE = "SELECT ", enrollment_columns!(), " FROM enrollments e
        WHERE e.state = 'pending' AND e.created_at < $1 ORDER BY e.created_at, e.id LIMIT $2";
}

pub(super) fn read_enrollment(row: &mut Row) -> Result<Enrollment> {
    Ok(Enrollment {
        id: row.take()?,
        device_id: row.take()?,
        channel: row.take()?,
        parent_id: row.take()?,
        platform: row.take()?,
        kind: row.take()?,
        state: row.take()?,
        native_key: row.take()?,
        user_id: row.take()?,
        user_short_name: row.take()?,
        topic: row.take()?,
        push_token: row.take()?,
        push_magic: row.take()?,
        token_id: row.take()?,
        ticket_id: row.take()?,
        awaiting_configuration: row.take()?,
        ddm_enabled: row.take()?,
        ddm_token: row.take()?,
        created_at: row.take()?,
        activated_at: row.take()?,
        ended_at: row.take()?,
        end_reason: row.take()?,
        last_seen_at: time_unless_zero(row.take()?),
    })
}

/// Ends what the statement finds, and the wishes to push it.
async fn end(
    tx: &mut Tx,
    statement: &Statement,
    id: Value,
    at: Timestamp,
    reason: EndReason,
) -> Result<Vec<EnrollmentId>> {
    let ended: Vec<EnrollmentId> = tx
        .all(statement, &[id, at.into(), reason.into()], Row::take)
        .await?;
    let sets: Vec<_> = ended.iter().map(|id| vec![Value::from(*id)]).collect();
    tx.execute_many(&ENROLLMENT_FORGET_PUSH, &sets).await?;
    Ok(ended)
}

impl Enrollments for Tx {
    async fn insert_enrollment(&mut self, enrollment: &Enrollment) -> Result<()> {
        let e = enrollment;
        let values = values![
            e.id,
            e.device_id,
            e.channel,
            e.parent_id,
            e.platform,
            e.kind,
            e.state,
            &e.native_key,
            e.user_id.as_deref(),
            e.user_short_name.as_deref(),
            e.topic.as_deref(),
            e.push_token.as_ref(),
            e.push_magic.as_ref(),
            e.token_id,
            e.ticket_id,
            e.awaiting_configuration,
            e.ddm_enabled,
            e.ddm_token.as_deref(),
            e.created_at,
            e.activated_at,
            e.ended_at,
            e.end_reason,
            e.last_seen_at.map_or(0, Timestamp::millis),
        ];
        self.execute(&ENROLLMENT_INSERT, &values).await?;
        Ok(())
    }

    async fn enrollment(&mut self, id: EnrollmentId) -> Result<Option<Enrollment>> {
        self.find(&ENROLLMENT_GET, &values![id], read_enrollment)
            .await
    }

    async fn lock_enrollment(&mut self, id: EnrollmentId) -> Result<Option<Enrollment>> {
        self.find(&ENROLLMENT_LOCK, &values![id], read_enrollment)
            .await
    }

    async fn living_enrollment(
        &mut self,
        platforms: &[Platform],
        native_key: &str,
    ) -> Result<Option<Enrollment>> {
        for platform in platforms {
            let found = self
                .find(
                    &ENROLLMENT_LIVING,
                    &values![*platform, native_key],
                    read_enrollment,
                )
                .await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn enrollments_of(&mut self, device: DeviceId) -> Result<Vec<Enrollment>> {
        self.all(&ENROLLMENT_OF_DEVICE, &values![device], read_enrollment)
            .await
    }

    async fn living_enrollments_of(&mut self, device: DeviceId) -> Result<Vec<Enrollment>> {
        self.all(
            &ENROLLMENT_LIVING_OF_DEVICE,
            &values![device],
            read_enrollment,
        )
        .await
    }

    async fn set_push_info(&mut self, id: EnrollmentId, info: &PushInfo) -> Result<bool> {
        let values = values![
            id,
            &info.topic,
            &info.token,
            &info.magic,
            info.awaiting_configuration
        ];
        self.changes(&ENROLLMENT_SET_PUSH, &values).await
    }

    async fn clear_push_info(&mut self, id: EnrollmentId) -> Result<()> {
        self.execute(&ENROLLMENT_CLEAR_PUSH, &values![id]).await?;
        Ok(())
    }

    async fn activate_enrollment(&mut self, id: EnrollmentId, at: Timestamp) -> Result<bool> {
        self.changes(&ENROLLMENT_ACTIVATE, &values![id, at]).await
    }

    async fn end_enrollment(
        &mut self,
        id: EnrollmentId,
        at: Timestamp,
        reason: EndReason,
    ) -> Result<Vec<EnrollmentId>> {
        end(self, &ENROLLMENT_END, id.into(), at, reason).await
    }

    async fn end_enrollments_of(
        &mut self,
        device: DeviceId,
        at: Timestamp,
        reason: EndReason,
    ) -> Result<Vec<EnrollmentId>> {
        end(self, &ENROLLMENT_END_OF_DEVICE, device.into(), at, reason).await
    }

    async fn set_enrollment_ddm(
        &mut self,
        id: EnrollmentId,
        enabled: bool,
        token: Option<&str>,
    ) -> Result<()> {
        self.execute(&ENROLLMENT_SET_DDM, &values![id, enabled, token])
            .await?;
        Ok(())
    }

    async fn set_awaiting_configuration(&mut self, id: EnrollmentId, awaiting: bool) -> Result<()> {
        self.execute(&ENROLLMENT_SET_AWAITING, &values![id, awaiting])
            .await?;
        Ok(())
    }

    async fn flush_last_seen(&mut self, seen: &[Seen]) -> Result<()> {
        // In one order everywhere, so that two nodes flushing at once cannot deadlock.
        let mut seen = seen.to_vec();
        seen.sort_by_key(|seen| (seen.enrollment_id, seen.at));
        let enrollments: Vec<_> = seen
            .iter()
            .map(|s| values![s.enrollment_id, s.at].to_vec())
            .collect();
        self.execute_many(&ENROLLMENT_SEEN, &enrollments).await?;
        seen.sort_by_key(|seen| (seen.device_id, seen.at));
        let devices: Vec<_> = seen
            .iter()
            .map(|s| values![s.device_id, s.at].to_vec())
            .collect();
        self.execute_many(&ENROLLMENT_DEVICE_SEEN, &devices).await?;
        Ok(())
    }

    async fn stale_pending_enrollments(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Enrollment>> {
        self.all(&ENROLLMENT_STALE, &values![before, limit], read_enrollment)
            .await
    }
}
