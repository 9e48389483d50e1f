//! The command queue and its history.

use domain::{CommandId, DeviceId, EnrollmentId, ReportId, Timestamp, command::CommandState, scope::Actor};
use serde_json::Value as Json;

use crate::Result;

/// A command to queue.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCommand {
    /// Identity; also the CommandUUID on the wire.
    pub id: CommandId,
    /// Whose queue.
    pub enrollment_id: EnrollmentId,
    /// Its device.
    pub device_id: DeviceId,
    /// Larger goes first.
    pub priority: i64,
    /// What it does, for example `DeviceInformation`.
    pub kind: String,
    /// While a command of this kind and key is unfinished in this queue, no second one is added.
    pub dedupe_key: Option<String>,
    /// The bytes for the wire.
    pub request: Vec<u8>,
    /// Its parameters without secrets, for people.
    pub parameters: Json,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Actor,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// When it stops being useful.
    pub expires_at: Option<Timestamp>,
}

/// An unfinished command, or the unfinished life of a finished one.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What was asked.
    pub order: NewCommand,
    /// Place in the order of arrival; unique across queues.
    pub seq: i64,
    /// Queued, sent or deferred. In the history: the state it finished from.
    pub state: CommandState,
    /// When its device was last pushed for it.
    pub pushed_at: Option<Timestamp>,
    /// When it was last handed over.
    pub sent_at: Option<Timestamp>,
    /// How often it was handed over.
    pub sent_count: i64,
    /// When the device last said NotNow.
    pub deferred_at: Option<Timestamp>,
    /// How often it said so.
    pub deferred_count: i64,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// When.
    pub at: Timestamp,
    /// Acknowledged, failed, expired or cancelled.
    pub outcome: CommandState,
    /// What the device or the canceller said.
    pub error: Option<Json>,
    /// The raw report with the answer.
    pub response_ref: Option<ReportId>,
}

/// A command with its end, if it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRecord {
    /// The command.
    pub command: Command,
    /// Its end.
    pub finish: Option<Finish>,
}

/// What queueing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// Added, at this place in the order of arrival.
    Added(i64),
    /// An unfinished one of the same kind and key is there already.
    Duplicate(CommandId),
}

/// How many unfinished commands there are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCount {
    /// Queued, sent or deferred.
    pub state: CommandState,
    /// How many.
    pub count: i64,
}

/// The queue of each enrollment, in order of priority (largest first) and arrival, and what became of it.
pub trait Commands {
    /// Adds a command. The caller also wants a push and a wake-up.
    fn enqueue_command(&mut self, command: &NewCommand) -> impl Future<Output = Result<Enqueued>> + Send;
    /// The next command to hand over: queued or sent without an answer; deferred too unless
    /// `skip_deferred`. Expired ones are passed over.
    fn queue_head(
        &mut self,
        enrollment: EnrollmentId,
        skip_deferred: bool,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Command>>> + Send;
    /// Deferred becomes queued; gives how many.
    fn requeue_deferred(&mut self, enrollment: EnrollmentId) -> impl Future<Output = Result<u64>> + Send;
    /// It was handed over; false when it is no longer in the queue.
    fn mark_command_sent(&mut self, id: CommandId, at: Timestamp) -> impl Future<Output = Result<bool>> + Send;
    /// The device said NotNow; false when it is not in this enrollment's queue.
    fn mark_command_deferred(
        &mut self,
        enrollment: EnrollmentId,
        id: CommandId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Moves a command to the history; `None` when it is not in this enrollment's queue (late or unknown).
    fn finish_command(
        &mut self,
        enrollment: EnrollmentId,
        id: CommandId,
        finish: &Finish,
    ) -> impl Future<Output = Result<Option<CommandRecord>>> + Send;
    /// Finishes all of an enrollment, whatever their state.
    fn finish_commands_of(
        &mut self,
        enrollment: EnrollmentId,
        finish: &Finish,
    ) -> impl Future<Output = Result<Vec<CommandRecord>>> + Send;
    /// Finishes up to `limit` commands whose `expires_at` has come, as expired.
    fn expire_commands(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<CommandRecord>>> + Send;
    /// One command, from the queue or the history.
    fn command(&mut self, id: CommandId) -> impl Future<Output = Result<Option<CommandRecord>>> + Send;
    /// An unfinished command, locked until the transaction ends: read this before cancelling.
    fn lock_command(&mut self, id: CommandId) -> impl Future<Output = Result<Option<Command>>> + Send;
    /// Commands of a device, queue and history together, newest first, with `seq` below the cursor.
    fn device_commands(
        &mut self,
        device: DeviceId,
        before: Option<i64>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<CommandRecord>>> + Send;
    /// Unfinished commands of one enrollment.
    fn queue_length(&mut self, enrollment: EnrollmentId) -> impl Future<Output = Result<i64>> + Send;
    /// Unfinished commands by state, of all enrollments. For metrics; reads the whole queue.
    fn queue_counts(&mut self) -> impl Future<Output = Result<Vec<QueueCount>>> + Send;
    /// Notes that the device was pushed for what is queued.
    fn mark_commands_pushed(
        &mut self,
        enrollment: EnrollmentId,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes up to `limit` rows of history finished before the time; gives how many.
    fn purge_command_history(&mut self, before: Timestamp, limit: u32) -> impl Future<Output = Result<u64>> + Send;
}
