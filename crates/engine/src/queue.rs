//! The command queue: one per enrollment, first in, first out, urgent first.

use std::time::Duration;

use ::apple::commands::{Command as AppleCommand, Priority};
use domain::{
    CommandId, DeviceId, EnrollmentId, Timestamp,
    command::{CommandEvent, CommandState, Hazard, advance},
    scope::{Actor, Authority, Scope, scope_for},
};
use serde_json::{Value as Json, json};
use store::{
    CommandRecord, Commands as _, Devices as _, Enqueued, Enrollments as _, Finish, NewCommand,
    PushWanted as _, Tx, Wake,
};

use crate::{Engine, EngineError, Result, journal::About};

/// A command that somebody wants.
#[derive(Debug, Clone)]
pub struct Order {
    /// What to do.
    pub command: AppleCommand,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// How long it stays useful; the setting's default otherwise.
    pub lifetime: Option<Duration>,
}

/// A command with what stands for it in the queue.
pub(crate) struct Queued {
    pub(crate) command: AppleCommand,
    pub(crate) dedupe_key: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) id: Option<CommandId>,
}

impl Queued {
    pub(crate) fn plain(command: AppleCommand) -> Self {
        Self {
            command,
            dedupe_key: None,
            reason: None,
            lifetime: None,
            id: None,
        }
    }

    pub(crate) fn once(command: AppleCommand, key: impl Into<String>) -> Self {
        Self {
            dedupe_key: Some(key.into()),
            ..Self::plain(command)
        }
    }
}

impl Engine {
    /// Sends a command to a device (or a user on it, by `enrollment`).
    ///
    /// # Errors
    /// [`EngineError::Denied`] without the scope its hazard needs, [`EngineError::NotFound`],
    /// [`EngineError::Unfit`] when the device cannot take it, [`EngineError::Conflict`] when the
    /// device is not enrolled, [`EngineError::Invalid`] when a hazardous command lacks a reason.
    pub async fn send_command(
        &self,
        by: &Authority,
        device: DeviceId,
        enrollment: Option<EnrollmentId>,
        order: Order,
    ) -> Result<CommandRecord> {
        let order = self.admitted(by, order)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(
                    async move { engine.order_in(tx, &actor, device, enrollment, order).await },
                )
            })
            .await
            .inspect(|_| self.after_enqueue())
    }

    /// Carries out an admitted order in a transaction.
    pub(crate) async fn order_in(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        device: DeviceId,
        enrollment: Option<EnrollmentId>,
        order: Order,
    ) -> Result<CommandRecord> {
        let device = tx
            .device(device)
            .await?
            .ok_or(EngineError::NotFound("device"))?;
        let living = tx.living_enrollments_of(device.id).await?;
        let target = living
            .into_iter()
            .find(|one| match enrollment {
                Some(id) => one.id == id,
                None => one.channel == domain::Channel::Device,
            })
            .ok_or_else(|| EngineError::Conflict("the device is not enrolled".into()))?;
        let known = crate::apple::target_with_facts(tx, &device, &target).await?;
        let command = self.complete(tx, &device, &known, order.command).await?;
        command
            .fits(&known)
            .map_err(|unfit| EngineError::Unfit(unfit.to_string()))?;
        let queued = Queued {
            command,
            dedupe_key: None,
            reason: order.reason,
            lifetime: order.lifetime,
            id: None,
        };
        let id = self.enqueue(tx, &device, &target, queued, actor).await?;
        tx.command(id)
            .await?
            .ok_or(EngineError::NotFound("command"))
    }

    /// Queues a command in a transaction, asks for a push and writes the journal event.
    ///
    /// Gives the identifier of the queued command; of the one already there when
    /// an unfinished one has the same dedupe key.
    pub(crate) async fn enqueue(
        &self,
        tx: &mut Tx,
        device: &store::Device,
        enrollment: &store::Enrollment,
        queued: Queued,
        actor: &Actor,
    ) -> Result<CommandId> {
        let target = crate::apple::target_of(device, enrollment);
        queued
            .command
            .fits(&target)
            .map_err(|unfit| EngineError::Unfit(unfit.to_string()))?;
        let now = self.now();
        let id = queued
            .id
            .unwrap_or_else(|| CommandId::new(now, self.random()));
        let kind = queued.command.request_type().to_owned();
        let priority = queued.command.priority();
        let summary = queued.command.redacted();
        let order = NewCommand {
            id,
            enrollment_id: enrollment.id,
            device_id: device.id,
            priority: priority.value(),
            kind: kind.clone(),
            dedupe_key: queued.dedupe_key,
            request: self.pack(id, &queued.command)?,
            parameters: summary.clone(),
            created_at: now,
            created_by: actor.clone(),
            reason: queued.reason.clone(),
            expires_at: Some(now.plus(queued.lifetime.unwrap_or(self.settings.command_lifetime))),
        };
        match tx.enqueue_command(&order).await? {
            Enqueued::Duplicate(existing) => return Ok(existing),
            Enqueued::Added(_) => {}
        }
        // The wake-up after the commit says it again, here and on the other nodes.
        self.empty_queues.filled(enrollment.id);
        tx.want_push(enrollment.id, now, priority >= Priority::Urgent)
            .await?;
        // The answer may be lost, so what becomes true on the device is kept before it is sent.
        for secret in queued.command.secrets() {
            self.escrow(
                tx,
                device.id,
                Some(enrollment.id),
                secret.kind.as_str(),
                secret.secret.expose(),
            )
            .await?;
        }
        let mut data = json!({ "command": kind, "parameters": summary });
        if let (Some(reason), Json::Object(map)) = (queued.reason, &mut data) {
            map.insert("reason".into(), reason.into());
        }
        self.record(
            tx,
            "command.queued",
            actor,
            About::device(device.id).and(id).within(device.unit_id),
            data,
        )
        .await?;
        tx.notify(Wake::Enrollment(enrollment.id));
        tx.notify(Wake::Push);
        Ok(id)
    }

    /// Takes back a command that has not been handed over.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`], and [`EngineError::Conflict`] when the
    /// device has it already or it is finished.
    pub async fn cancel_command(&self, by: &Authority, id: CommandId) -> Result<CommandRecord> {
        by.require(Scope::DevicesWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| Box::pin(async move { engine.cancel_in(tx, &actor, id).await }))
            .await
    }

    /// Takes back a command in a transaction, for an actor who may.
    pub(crate) async fn cancel_in(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: CommandId,
    ) -> Result<CommandRecord> {
        let Some(command) = tx.lock_command(id).await? else {
            return Err(match tx.command(id).await? {
                Some(_) => EngineError::Conflict("the command is finished".into()),
                None => EngineError::NotFound("command"),
            });
        };
        advance(command.state, CommandEvent::Cancel).map_err(|_| {
            EngineError::Conflict(
                "the device has the command already; it cannot be called back".into(),
            )
        })?;
        let finish = Finish {
            at: self.now(),
            outcome: CommandState::Cancelled,
            error: None,
            response_ref: None,
        };
        let record = tx
            .finish_command(command.order.enrollment_id, id, &finish)
            .await?
            .ok_or(EngineError::NotFound("command"))?;
        self.record_finish(tx, &record, actor).await?;
        tx.push_satisfied(command.order.enrollment_id).await?;
        Ok(record)
    }

    /// One command with its end, if it has come.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn command(&self, by: &Authority, id: CommandId) -> Result<CommandRecord> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.command(id).await }))
            .await?
            .ok_or(EngineError::NotFound("command"))
    }

    /// The journal event of a finished command.
    pub(crate) async fn record_finish(
        &self,
        tx: &mut Tx,
        record: &CommandRecord,
        actor: &Actor,
    ) -> Result<()> {
        let Some(finish) = &record.finish else {
            return Ok(());
        };
        let order = &record.command.order;
        let mut data = json!({ "command": order.kind });
        if let (Some(error), Json::Object(map)) = (&finish.error, &mut data) {
            map.insert("error".into(), error.clone());
        }
        self.record(
            tx,
            &format!("command.{}", finish.outcome),
            actor,
            About::device(order.device_id).and(order.id),
            data,
        )
        .await
    }

    /// Finishes all commands of an enrollment that is over.
    pub(crate) async fn abandon_queue(
        &self,
        tx: &mut Tx,
        enrollment: EnrollmentId,
        why: &str,
    ) -> Result<()> {
        let finish = Finish {
            at: self.now(),
            outcome: CommandState::Cancelled,
            error: Some(json!({ "reason": why })),
            response_ref: None,
        };
        for record in tx.finish_commands_of(enrollment, &finish).await? {
            self.record_finish(tx, &record, &Actor::system()).await?;
        }
        tx.push_satisfied(enrollment).await?;
        tx.notify(Wake::Enrollment(enrollment));
        Ok(())
    }

    /// Ends commands whose time ran out; gives how many.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn expire_commands(&self) -> Result<usize> {
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let now: Timestamp = engine.now();
                    let expired = tx.expire_commands(now, 500).await?;
                    for record in &expired {
                        engine.record_finish(tx, record, &Actor::system()).await?;
                        tx.push_satisfied(record.command.order.enrollment_id)
                            .await?;
                    }
                    Ok(expired.len())
                })
            })
            .await
    }
}

impl Engine {
    /// The order of a party that may give it, with its reason in order.
    pub(crate) fn admitted(&self, by: &Authority, mut order: Order) -> Result<Order> {
        let hazard = order
            .command
            .hazard_on(&self.enrollment_profile_identifier());
        by.require(scope_for(hazard))?;
        order.reason = order
            .reason
            .map(|text| text.trim().chars().take(1000).collect::<String>())
            .filter(|text| !text.is_empty());
        if hazard != Hazard::None && order.reason.is_none() {
            return Err(EngineError::invalid("this command needs a reason"));
        }
        Ok(order)
    }
}
