//! The command channel: take a report, hand over the next command.

use ::apple::{
    commands::{Command, CommandResult, Effect, Outcome},
    connect::{Report, Status},
};
use domain::{
    Channel, CommandId, EnrollmentId, ReportId, Timestamp,
    command::{CommandState, MOST_DELIVERIES},
    enrollment::EndReason,
    facts::Assurance,
};
use serde_json::json;
use store::{
    CommandRecord, Commands as _, Devices as _, Enrollments as _, Finish, PushWanted as _, Tx,
};

use super::{Caller, PLATFORMS, Refusal, Reply, checkin::lock};
use crate::{Engine, EngineError};

/// What a report did, beside giving the next command.
struct Taken {
    reply: Reply,
    queue_empty: bool,
}

impl Engine {
    pub(super) async fn apple_report(
        &self,
        caller: Caller,
        report: Report,
    ) -> Result<Reply, Refusal> {
        let enrollment = match caller.key.channel() {
            Channel::Device => caller.enrolled.enrollment,
            Channel::User => self.user_channel(&caller).await?,
        };
        self.last_seen
            .note(enrollment, caller.enrolled.device, caller.now);
        let now = caller.now;
        let idle = report.status == Status::Idle;
        if idle && self.empty_queues.is_empty(enrollment, now) {
            return Ok(Reply::EMPTY);
        }
        let generation = self.empty_queues.before_reading(enrollment);
        if idle
            && !self.empty_queues.was_filled(enrollment)
            && !self.has_commands(enrollment).await?
        {
            self.empty_queues.found_empty(enrollment, generation, now);
            return Ok(Reply::EMPTY);
        }
        let engine = self.clone();
        let taken = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if idle {
                        tx.requeue_deferred(enrollment).await?;
                    } else {
                        engine.take_answer(tx, &caller, enrollment, &report).await?;
                    }
                    engine.hand_over(tx, enrollment, !idle, caller.now).await
                })
            })
            .await?;
        if taken.queue_empty {
            self.empty_queues.found_empty(enrollment, generation, now);
        }
        Ok(taken.reply)
    }

    /// The enrollment of the user who speaks.
    async fn user_channel(&self, caller: &Caller) -> Result<EnrollmentId, Refusal> {
        let parent = caller.enrolled.enrollment;
        let native_key = caller.key.to_string();
        if let Some(known) = self.identities.user(parent, &native_key) {
            return Ok(known);
        }
        let key = native_key.clone();
        let found = self
            .db
            .read(move |tx| Box::pin(async move { tx.living_enrollment(PLATFORMS, &key).await }))
            .await?
            .filter(|user| user.parent_id == Some(parent))
            .ok_or(Refusal::NotEnrolled)?;
        self.identities.remember_user(parent, &native_key, found.id);
        Ok(found.id)
    }

    async fn has_commands(&self, enrollment: EnrollmentId) -> Result<bool, Refusal> {
        let length = self
            .db
            .read(move |tx| Box::pin(async move { tx.queue_length(enrollment).await }))
            .await?;
        Ok(length > 0)
    }

    /// The next command, or the end of the connection.
    async fn hand_over(
        &self,
        tx: &mut Tx,
        enrollment: EnrollmentId,
        skip_deferred: bool,
        now: Timestamp,
    ) -> Result<Taken, EngineError> {
        loop {
            let Some(head) = tx.queue_head(enrollment, skip_deferred, now).await? else {
                break;
            };
            let id = head.order.id;
            // NotNow is an answer: a device that defers is not one that chokes.
            if head.sent_count - head.deferred_count >= MOST_DELIVERIES {
                let why = "the device took the command many times and never answered";
                self.fail(tx, enrollment, id, now, why).await?;
                continue;
            }
            let command = match self.unpack(id, &head.order.request) {
                Ok(command) => command,
                Err(error) => {
                    // One unreadable row must not stop the commands behind it.
                    self.fail(tx, enrollment, id, now, &error.to_string())
                        .await?;
                    continue;
                }
            };
            tx.mark_command_sent(id, now).await?;
            return Ok(Taken {
                reply: Reply::plist(command.encode(id)),
                queue_empty: false,
            });
        }
        let left = tx.queue_length(enrollment).await?;
        if left == 0 {
            tx.push_satisfied(enrollment).await?;
        } else {
            // Deferred commands wait for the device's own reconnect; a push is the safety net.
            tx.push_answered(enrollment, domain::command::next_push(1, now))
                .await?;
        }
        Ok(Taken {
            reply: Reply::EMPTY,
            queue_empty: left == 0,
        })
    }

    async fn fail(
        &self,
        tx: &mut Tx,
        enrollment: EnrollmentId,
        id: CommandId,
        now: Timestamp,
        why: &str,
    ) -> Result<(), EngineError> {
        let finish = Finish {
            at: now,
            outcome: CommandState::Failed,
            error: Some(json!({ "message": why })),
            response_ref: None,
        };
        if let Some(record) = tx.finish_command(enrollment, id, &finish).await? {
            self.record_finish(tx, &record, &domain::scope::Actor::system())
                .await?;
        }
        Ok(())
    }

    /// What the device says about a command. Late, repeated and unknown answers change nothing.
    async fn take_answer(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        enrollment: EnrollmentId,
        report: &Report,
    ) -> Result<(), EngineError> {
        let Some(id) = report
            .command_uuid
            .as_deref()
            .and_then(|uuid| uuid.parse::<CommandId>().ok())
        else {
            metrics::counter!(crate::metrics::UNKNOWN_ANSWERS).increment(1);
            return Ok(());
        };
        if report.status == Status::NotNow {
            tx.mark_command_deferred(enrollment, id, caller.now).await?;
            return Ok(());
        }
        if !report.status.is_final() {
            return Ok(());
        }
        let Some(open) = tx
            .lock_command(id)
            .await?
            .filter(|open| open.order.enrollment_id == enrollment)
        else {
            metrics::counter!(crate::metrics::UNKNOWN_ANSWERS).increment(1);
            return Ok(());
        };
        let outcome = match self.unpack(id, &open.order.request) {
            Ok(command) => command.observe(report),
            Err(error) => {
                return self
                    .fail(tx, enrollment, id, caller.now, &error.to_string())
                    .await;
            }
        };
        let manifest = domain::manifest::Manifest::of(caller.enrolled.ownership);
        let response_ref = (manifest.keeps_raw() && outcome.result == CommandResult::Done)
            .then(|| ReportId::new(caller.now, self.random()));
        let finish = finish_of(&outcome, caller.now, response_ref);
        let Some(record) = tx.finish_command(enrollment, id, &finish).await? else {
            return Ok(());
        };
        self.record_finish(tx, &record, &caller.actor).await?;
        if !outcome.effects.is_empty() {
            // Everywhere the enrollment is locked before its device: else two writers can deadlock.
            lock(tx, enrollment).await?;
        }
        let facts = domain::facts::Report {
            observed_at: caller.now,
            origin: record.command.order.kind.clone(),
            assurance: Assurance::SelfReported,
            observations: match caller.key.channel() {
                Channel::Device => outcome.observations.clone(),
                // A user's profiles are not the device's.
                Channel::User => Vec::new(),
            },
        };
        self.ingest_as(
            tx,
            caller.enrolled.device,
            enrollment,
            facts,
            response_ref.map(|id| (id, report.raw.as_slice())),
        )
        .await?;
        for secret in &outcome.escrow {
            self.keep_escrow(tx, caller.enrolled.device, enrollment, secret)
                .await?;
        }
        self.take_effects(tx, caller, enrollment, &record, &outcome)
            .await
    }

    /// What follows from an answer besides facts and secrets.
    async fn take_effects(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        enrollment: EnrollmentId,
        record: &CommandRecord,
        outcome: &Outcome,
    ) -> Result<(), EngineError> {
        for effect in &outcome.effects {
            match effect {
                Effect::Erased => {
                    let over = lock(tx, enrollment).await?;
                    self.end_enrollment(tx, &over, EndReason::Wiped, &caller.actor)
                        .await?;
                    return Ok(());
                }
                Effect::Configured => {
                    tx.set_awaiting_configuration(enrollment, false).await?;
                }
                Effect::DeclarativeManagementEnabled => {
                    self.declarations_announced(tx, enrollment, record).await?;
                }
                Effect::Refresh(category) => {
                    let device = tx
                        .device(caller.enrolled.device)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    let over = lock(tx, enrollment).await?;
                    self.ask_again(tx, &device, &over, *category).await?;
                }
            }
        }
        Ok(())
    }

    /// The stored form of a command: sealed, since many carry secrets.
    pub(crate) fn pack(&self, id: CommandId, command: &Command) -> Result<Vec<u8>, EngineError> {
        let json = serde_json::to_vec(command).map_err(EngineError::keys)?;
        self.sealer
            .seal(&request_place(&id.to_string()), &json)
            .map_err(EngineError::keys)
    }

    /// The command in its stored form.
    pub(crate) fn unpack(&self, id: CommandId, sealed: &[u8]) -> Result<Command, EngineError> {
        let json = self
            .sealer
            .open(&request_place(&id.to_string()), sealed)
            .map_err(EngineError::keys)?;
        serde_json::from_slice(json.expose()).map_err(EngineError::keys)
    }
}

fn request_place(row: &str) -> pki::seal::Place<'_> {
    pki::seal::Place {
        table: "commands",
        row,
        kind: "request",
    }
}

fn finish_of(outcome: &Outcome, at: Timestamp, response_ref: Option<ReportId>) -> Finish {
    let (state, error) = match &outcome.result {
        CommandResult::Failed(text) => (CommandState::Failed, Some(json!({ "message": text }))),
        CommandResult::Done | CommandResult::Deferred | CommandResult::Undecided => {
            (CommandState::Acknowledged, None)
        }
    };
    Finish {
        at,
        outcome: state,
        error,
        response_ref,
    }
}
