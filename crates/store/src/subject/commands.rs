//! The command queue and its history.

use domain::{
    CommandId, DeviceId, EnrollmentId, ReportId, Timestamp, command::CommandState, scope::Actor,
};
use serde_json::Value as Json;

use crate::{
    Result, StoreError, Tx,
    statement::statements,
    value::{Json as StoredJson, Row, Value, values},
};

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
    fn enqueue_command(
        &mut self,
        command: &NewCommand,
    ) -> impl Future<Output = Result<Enqueued>> + Send;
    /// The next command to hand over: queued or sent without an answer; deferred too unless
    /// `skip_deferred`. Expired ones are passed over.
    fn queue_head(
        &mut self,
        enrollment: EnrollmentId,
        skip_deferred: bool,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Command>>> + Send;
    /// Deferred becomes queued; gives how many.
    fn requeue_deferred(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<u64>> + Send;
    /// It was handed over; false when it is no longer in the queue.
    fn mark_command_sent(
        &mut self,
        id: CommandId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
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
    fn command(
        &mut self,
        id: CommandId,
    ) -> impl Future<Output = Result<Option<CommandRecord>>> + Send;
    /// An unfinished command, locked until the transaction ends: read this before cancelling.
    fn lock_command(
        &mut self,
        id: CommandId,
    ) -> impl Future<Output = Result<Option<Command>>> + Send;
    /// Commands of a device, queue and history together, newest first, with `seq` below the cursor.
    fn device_commands(
        &mut self,
        device: DeviceId,
        before: Option<i64>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<CommandRecord>>> + Send;
    /// Unfinished commands of one enrollment.
    fn queue_length(
        &mut self,
        enrollment: EnrollmentId,
    ) -> impl Future<Output = Result<i64>> + Send;
    /// Unfinished commands by state, of all enrollments. For metrics; reads the whole queue.
    fn queue_counts(&mut self) -> impl Future<Output = Result<Vec<QueueCount>>> + Send;
    /// Notes that the device was pushed for what is queued.
    fn mark_commands_pushed(
        &mut self,
        enrollment: EnrollmentId,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;
    /// Removes up to `limit` rows of history finished before the time; gives how many.
    fn purge_command_history(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<u64>> + Send;
}

/// The columns that the queue and the history share, in the order of [`read_command`].
macro_rules! command_columns {
    () => {
        "id, enrollment_id, device_id, priority, kind, dedupe_key, request, parameters, created_at, created_by, \
         reason, expires_at, seq, state, pushed_at, sent_at, sent_count, deferred_at, deferred_count"
    };
}

statements! {
    COMMAND_INSERT = "INSERT INTO commands (id, enrollment_id, device_id, priority, kind, dedupe_key, request,
            parameters, created_at, created_by, reason, expires_at, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'queued')
        ON CONFLICT (enrollment_id, kind, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING RETURNING seq";
    COMMAND_DUPLICATE = "SELECT id FROM commands WHERE enrollment_id = $1 AND kind = $2 AND dedupe_key = $3";
    COMMAND_HEAD = "SELECT ", command_columns!(), " FROM commands
        WHERE enrollment_id = $1 AND (expires_at IS NULL OR expires_at > $2)
        ORDER BY priority DESC, seq LIMIT 1";
    COMMAND_HEAD_SKIP_DEFERRED = "SELECT ", command_columns!(), " FROM commands
        WHERE enrollment_id = $1 AND (expires_at IS NULL OR expires_at > $2) AND state <> 'deferred'
        ORDER BY priority DESC, seq LIMIT 1";
    COMMAND_REQUEUE = "UPDATE commands SET state = 'queued' WHERE enrollment_id = $1 AND state = 'deferred'";
    COMMAND_SENT = "UPDATE commands SET state = 'sent', sent_at = $2, sent_count = sent_count + 1 WHERE id = $1";
    COMMAND_DEFERRED = "UPDATE commands SET state = 'deferred', deferred_at = $3, deferred_count = deferred_count + 1
        WHERE id = $2 AND enrollment_id = $1";
    COMMAND_TAKE = "DELETE FROM commands WHERE id = $2 AND enrollment_id = $1 RETURNING ", command_columns!();
    COMMAND_TAKE_ALL = "DELETE FROM commands WHERE enrollment_id = $1 RETURNING ", command_columns!();
    COMMAND_TAKE_EXPIRED = "DELETE FROM commands WHERE seq IN (
            SELECT seq FROM commands WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 {skip_locked})
        RETURNING ", command_columns!();
    COMMAND_REMEMBER = "INSERT INTO command_history (", command_columns!(), ",
            finished_at, outcome, error, response_ref)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                $20, $21, $22, $23)";
    COMMAND_GET = "SELECT ", command_columns!(), " FROM commands WHERE id = $1";
    COMMAND_LOCK = "SELECT ", command_columns!(), " FROM commands WHERE id = $1 {for_update}";
    COMMAND_PAST = "SELECT ", command_columns!(), ", finished_at, outcome, error, response_ref
        FROM command_history WHERE id = $1";
    COMMAND_OF_DEVICE = "SELECT ", command_columns!(), " FROM commands
        WHERE device_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    COMMAND_PAST_OF_DEVICE = "SELECT ", command_columns!(), ", finished_at, outcome, error, response_ref
        FROM command_history WHERE device_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
    COMMAND_LENGTH = "SELECT COUNT(*) FROM commands WHERE enrollment_id = $1";
    COMMAND_COUNTS = "SELECT state, COUNT(*) FROM commands GROUP BY state ORDER BY state";
    // Without waiting: whoever holds one of these rows answers the device and may want the wish to push next.
    COMMAND_PUSHED = "UPDATE commands SET pushed_at = $2 WHERE seq IN (
            SELECT seq FROM commands WHERE enrollment_id = $1 {skip_locked})";
    COMMAND_PURGE = "DELETE FROM command_history WHERE seq IN (
            SELECT seq FROM command_history WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";
}

fn read_command(row: &mut Row) -> Result<Command> {
    Ok(Command {
        order: NewCommand {
            id: row.take()?,
            enrollment_id: row.take()?,
            device_id: row.take()?,
            priority: row.take()?,
            kind: row.take()?,
            dedupe_key: row.take()?,
            request: row.take()?,
            parameters: row.json()?,
            created_at: row.take()?,
            created_by: row.json()?,
            reason: row.take()?,
            expires_at: row.take()?,
        },
        seq: row.take()?,
        state: row.take()?,
        pushed_at: row.take()?,
        sent_at: row.take()?,
        sent_count: row.take()?,
        deferred_at: row.take()?,
        deferred_count: row.take()?,
    })
}

fn read_past(row: &mut Row) -> Result<CommandRecord> {
    Ok(CommandRecord {
        command: read_command(row)?,
        finish: Some(Finish {
            at: row.take()?,
            outcome: row.take()?,
            error: row.take::<Option<StoredJson<Json>>>()?.map(|json| json.0),
            response_ref: row.take()?,
        }),
    })
}

fn order_values(order: &NewCommand) -> Result<Vec<Value>> {
    Ok(values![
        order.id,
        order.enrollment_id,
        order.device_id,
        order.priority,
        &order.kind,
        order.dedupe_key.as_deref(),
        &order.request,
        &order.parameters,
        order.created_at,
        Value::json(&order.created_by)?,
        order.reason.as_deref(),
        order.expires_at,
    ]
    .to_vec())
}

/// Writes commands taken from the queue into the history.
async fn remember(tx: &mut Tx, taken: Vec<Command>, finish: &Finish) -> Result<Vec<CommandRecord>> {
    let mut sets = Vec::with_capacity(taken.len());
    for command in &taken {
        let mut values = order_values(&command.order)?;
        values.extend(values![
            command.seq,
            command.state,
            command.pushed_at,
            command.sent_at,
            command.sent_count,
            command.deferred_at,
            command.deferred_count,
            finish.at,
            finish.outcome,
            finish.error.as_ref(),
            finish.response_ref,
        ]);
        sets.push(values);
    }
    tx.execute_many(&COMMAND_REMEMBER, &sets).await?;
    Ok(taken
        .into_iter()
        .map(|command| CommandRecord {
            command,
            finish: Some(finish.clone()),
        })
        .collect())
}

impl Commands for Tx {
    async fn enqueue_command(&mut self, command: &NewCommand) -> Result<Enqueued> {
        let values = order_values(command)?;
        // Twice: between a conflict and the look at it, the other one may finish.
        for _ in 0..2 {
            if let Some(seq) = self.find(&COMMAND_INSERT, &values, Row::take).await? {
                return Ok(Enqueued::Added(seq));
            }
            let key = values![
                command.enrollment_id,
                &command.kind,
                command.dedupe_key.as_deref()
            ];
            if let Some(id) = self.find(&COMMAND_DUPLICATE, &key, Row::take).await? {
                return Ok(Enqueued::Duplicate(id));
            }
        }
        Err(StoreError::Conflict)
    }

    async fn queue_head(
        &mut self,
        enrollment: EnrollmentId,
        skip_deferred: bool,
        now: Timestamp,
    ) -> Result<Option<Command>> {
        let statement = if skip_deferred {
            &COMMAND_HEAD_SKIP_DEFERRED
        } else {
            &COMMAND_HEAD
        };
        self.find(statement, &values![enrollment, now], read_command)
            .await
    }

    async fn requeue_deferred(&mut self, enrollment: EnrollmentId) -> Result<u64> {
        self.execute(&COMMAND_REQUEUE, &values![enrollment]).await
    }

    async fn mark_command_sent(&mut self, id: CommandId, at: Timestamp) -> Result<bool> {
        self.changes(&COMMAND_SENT, &values![id, at]).await
    }

    async fn mark_command_deferred(
        &mut self,
        enrollment: EnrollmentId,
        id: CommandId,
        at: Timestamp,
    ) -> Result<bool> {
        self.changes(&COMMAND_DEFERRED, &values![enrollment, id, at])
            .await
    }

    async fn finish_command(
        &mut self,
        enrollment: EnrollmentId,
        id: CommandId,
        finish: &Finish,
    ) -> Result<Option<CommandRecord>> {
        let taken = self
            .all(&COMMAND_TAKE, &values![enrollment, id], read_command)
            .await?;
        Ok(remember(self, taken, finish).await?.pop())
    }

    async fn finish_commands_of(
        &mut self,
        enrollment: EnrollmentId,
        finish: &Finish,
    ) -> Result<Vec<CommandRecord>> {
        let mut taken = self
            .all(&COMMAND_TAKE_ALL, &values![enrollment], read_command)
            .await?;
        taken.sort_by_key(|command| command.seq);
        remember(self, taken, finish).await
    }

    async fn expire_commands(&mut self, now: Timestamp, limit: u32) -> Result<Vec<CommandRecord>> {
        let mut taken = self
            .all(&COMMAND_TAKE_EXPIRED, &values![now, limit], read_command)
            .await?;
        taken.sort_by_key(|command| command.seq);
        let finish = Finish {
            at: now,
            outcome: CommandState::Expired,
            error: None,
            response_ref: None,
        };
        remember(self, taken, &finish).await
    }

    async fn command(&mut self, id: CommandId) -> Result<Option<CommandRecord>> {
        if let Some(command) = self.find(&COMMAND_GET, &values![id], read_command).await? {
            return Ok(Some(CommandRecord {
                command,
                finish: None,
            }));
        }
        self.find(&COMMAND_PAST, &values![id], read_past).await
    }

    async fn lock_command(&mut self, id: CommandId) -> Result<Option<Command>> {
        self.find(&COMMAND_LOCK, &values![id], read_command).await
    }

    async fn device_commands(
        &mut self,
        device: DeviceId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<CommandRecord>> {
        let values = values![device, before.unwrap_or(i64::MAX), limit];
        let mut records = self
            .all(&COMMAND_PAST_OF_DEVICE, &values, read_past)
            .await?;
        let unfinished = self.all(&COMMAND_OF_DEVICE, &values, read_command).await?;
        records.extend(unfinished.into_iter().map(|command| CommandRecord {
            command,
            finish: None,
        }));
        records.sort_by_key(|record| std::cmp::Reverse(record.command.seq));
        records.truncate(limit as usize);
        Ok(records)
    }

    async fn queue_length(&mut self, enrollment: EnrollmentId) -> Result<i64> {
        let length = self
            .find(&COMMAND_LENGTH, &values![enrollment], Row::take)
            .await?;
        Ok(length.unwrap_or(0))
    }

    async fn queue_counts(&mut self) -> Result<Vec<QueueCount>> {
        self.all(&COMMAND_COUNTS, &[], |row| {
            Ok(QueueCount {
                state: row.take()?,
                count: row.take()?,
            })
        })
        .await
    }

    async fn mark_commands_pushed(
        &mut self,
        enrollment: EnrollmentId,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(&COMMAND_PUSHED, &values![enrollment, at])
            .await?;
        Ok(())
    }

    async fn purge_command_history(&mut self, before: Timestamp, limit: u32) -> Result<u64> {
        self.execute(&COMMAND_PURGE, &values![before, limit]).await
    }
}
