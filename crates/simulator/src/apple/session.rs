//! One connection to the command URL: Idle, commands, results, until the server has nothing more.

use bytes::Bytes;

use super::{
    Device, EventKind, Refusal,
    channel::{Channel, Endpoint},
    commands::{self, Effect, Failure},
};
use crate::{
    Error, Result, dict,
    plist::{Dictionary, Lookup as _, Value},
};

/// More commands than this in one session is a loop.
const MAX_COMMANDS: usize = 1000;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Acknowledged,
    /// Refused.
    Error(Refusal),
    /// Not possible now.
    NotNow,
    /// Malformed, and why.
    CommandFormatError(String),
}

impl Outcome {
    /// `Status` as sent.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Acknowledged => "Acknowledged",
            Self::Error(_) => "Error",
            Self::NotNow => "NotNow",
            Self::CommandFormatError(_) => "CommandFormatError",
        }
    }
}

/// One command a device was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    /// `CommandUUID`.
    pub uuid: String,
    /// `RequestType`, or empty when it had none.
    pub request_type: String,
    /// The command's dictionary.
    pub command: Dictionary,
    /// How it ended.
    pub outcome: Outcome,
    /// `UserID` on a user channel.
    pub user: Option<String>,
}

/// What happened between Idle and the empty reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Session {
    /// In the order received.
    pub commands: Vec<Executed>,
    /// Replies lost on purpose, each followed by the same result again.
    pub lost_replies: u32,
    /// True when an old result was sent again first.
    pub replayed: bool,
    /// True when declarations were synchronized afterwards.
    pub synchronized: bool,
}

/// A result that the server has not confirmed, or the last one it has.
#[derive(Debug, Clone)]
pub(super) struct Unsent {
    channel: Channel,
    body: Bytes,
}

impl Device {
    /// Holds a session on the device channel.
    ///
    /// # Errors
    /// When asleep, not enrolled, unreachable, answered other than 200, or given something that is
    /// no command. An undelivered result is kept and sent first next time.
    pub async fn connect(&mut self) -> Result<Session> {
        self.session(&Channel::Device).await
    }

    /// Holds a session on the channel of a user.
    ///
    /// # Errors
    /// As [`Device::connect`].
    pub async fn connect_user(&mut self, user_id: &str) -> Result<Session> {
        self.session(&Channel::User(user_id.to_owned())).await
    }

    /// Receives a push: connects on the channel whose magic it carries. `None` when no channel has
    /// it.
    ///
    /// # Errors
    /// As [`Device::connect`].
    pub async fn receive_push(&mut self, magic: &str) -> Result<Option<Session>> {
        let enrollment = self.state.enrollment.as_ref().ok_or(Error::NotEnrolled)?;
        self.emit(EventKind::Pushed);
        if enrollment.push_magic == magic {
            return self.connect().await.map(Some);
        }
        let user = enrollment
            .users
            .values()
            .find(|user| user.push_magic == magic)
            .map(|user| user.user_id.clone());
        if let Some(user) = user {
            return self.connect_user(&user).await.map(Some);
        }
        self.state.wrong_pushes += 1;
        Ok(None)
    }

    async fn session(&mut self, channel: &Channel) -> Result<Session> {
        if self.is_asleep() {
            return Err(Error::Offline);
        }
        self.sender(channel)?;
        self.state.sessions += 1;
        let mut session = Session::default();
        self.replay(channel, &mut session).await?;
        let kept = self
            .unsent
            .iter()
            .position(|unsent| unsent.channel == *channel)
            .map(|at| self.unsent.remove(at));
        let (mut body, mut is_result) = match kept {
            Some(kept) => (kept.body, true),
            None => {
                let mut idle = self.sender(channel)?;
                idle.extend(dict! { "Status" => "Idle" });
                (self.encode(idle), false)
            }
        };
        for _ in 0..MAX_COMMANDS {
            let reply = self
                .deliver(channel, &body, is_result, &mut session)
                .await?;
            if self.after_delivery().await? || reply.is_empty() {
                self.finish(channel, &mut session).await?;
                return Ok(session);
            }
            body = self.handle(channel, &reply, &mut session).await?;
            is_result = true;
        }
        Err(Error::Http(format!(
            "more than {MAX_COMMANDS} commands in one session"
        )))
    }

    async fn replay(&mut self, channel: &Channel, session: &mut Session) -> Result<()> {
        let chance = self.behavior.replay;
        if !self.random.chance(chance) {
            return Ok(());
        }
        let Some(old) = self
            .last_result
            .clone()
            .filter(|old| old.channel == *channel)
        else {
            return Ok(());
        };
        session.replayed = true;
        // Whatever the reply offers, the replay is not answered: the session starts after it.
        self.send_bytes(Endpoint::Command, old.body, false)
            .await?
            .ok("a repeated result")?;
        Ok(())
    }

    /// Sends Idle or a result until a reply arrives, and returns the reply's body.
    async fn deliver(
        &mut self,
        channel: &Channel,
        body: &Bytes,
        is_result: bool,
        session: &mut Session,
    ) -> Result<Bytes> {
        let by_former = is_result && std::mem::take(&mut self.acknowledge_by_former);
        let keep = |device: &mut Self| {
            if is_result && device.state.enrollment.is_some() {
                device.unsent.push(Unsent {
                    channel: channel.clone(),
                    body: body.clone(),
                });
            }
        };
        loop {
            let reply = match self
                .send_bytes(Endpoint::Command, body.clone(), by_former)
                .await
            {
                Ok(reply) => reply,
                Err(error) => {
                    keep(self);
                    return Err(error);
                }
            };
            if reply.status != 200 {
                keep(self);
            }
            let reply = reply.ok(if is_result { "a result" } else { "Idle" })?;
            let chance = self.behavior.lose_reply;
            if is_result && (self.behavior.lose_replies > 0 || self.random.chance(chance)) {
                self.behavior.lose_replies = self.behavior.lose_replies.saturating_sub(1);
                session.lost_replies += 1;
                self.client.close();
                continue;
            }
            if is_result {
                self.last_result = Some(Unsent {
                    channel: channel.clone(),
                    body: body.clone(),
                });
            }
            return Ok(reply.body);
        }
    }

    /// Executes the command in a reply and returns the encoded result.
    async fn handle(
        &mut self,
        channel: &Channel,
        reply: &[u8],
        session: &mut Session,
    ) -> Result<Bytes> {
        let envelope = Value::parse(reply)?;
        let uuid = envelope.need_str("CommandUUID")?.to_owned();
        let command = envelope
            .get("Command")
            .and_then(Value::dictionary)
            .cloned()
            .unwrap_or_default();
        let request_type = command
            .get("RequestType")
            .and_then(Value::str)
            .unwrap_or("")
            .to_owned();
        let mut result = self.sender(channel)?;
        result.extend(dict! { "CommandUUID" => &uuid });
        let outcome = if self.wants_not_now(&request_type) {
            Outcome::NotNow
        } else if let Some(refusal) = self.behavior.refuse.get(&request_type) {
            Outcome::Error(refusal.clone())
        } else {
            match commands::execute(self, channel, &request_type, &command).await {
                Ok(answer) => {
                    result.extend(answer);
                    Outcome::Acknowledged
                }
                Err(Failure::Refused(refusal)) => Outcome::Error(refusal),
                Err(Failure::Format(why)) => Outcome::CommandFormatError(why),
            }
        };
        result.extend(dict! { "Status" => outcome.status() });
        if let Outcome::Error(refusal) = &outcome {
            result.extend(dict! { "ErrorChain" => vec![Value::from(error_item(refusal))] });
        }
        self.emit(EventKind::Executed {
            request_type: request_type.clone(),
            status: outcome.status(),
        });
        let executed = Executed {
            uuid,
            request_type,
            command,
            outcome,
            user: channel.user().map(str::to_owned),
        };
        self.remember(executed.clone());
        session.commands.push(executed);
        Ok(self.encode(result))
    }

    /// Apple never answers NotNow to these.
    fn wants_not_now(&mut self, request_type: &str) -> bool {
        if matches!(
            request_type,
            "DeviceLock" | "EraseDevice" | "ClearPasscode" | "EnableLostMode" | "DeviceLocation"
        ) {
            return false;
        }
        if self.behavior.not_now_first > 0 {
            self.behavior.not_now_first -= 1;
            return true;
        }
        let chance = self.behavior.not_now;
        self.random.chance(chance)
    }

    /// Does what waits for the delivery of a result. True when the session ends with it.
    async fn after_delivery(&mut self) -> Result<bool> {
        let mut over = self.state.enrollment.is_none();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Erase { profile } => {
                    self.factory_reset();
                    self.emit(EventKind::Erased);
                    if let Some(profile) = profile {
                        // Return to Service: the device enrolls again by itself.
                        Box::pin(self.enroll_with(&profile)).await?;
                    }
                    over = true;
                }
                Effect::RemoveManagement => {
                    self.check_out().await?;
                    over = true;
                }
                Effect::Disconnect => {
                    self.client.close();
                    over = true;
                }
                Effect::UpdateToken => self.update_token().await?,
                Effect::Synchronize(channel, tokens) => self.wanted_sync.push((channel, tokens)),
            }
        }
        Ok(over)
    }

    async fn finish(&mut self, channel: &Channel, session: &mut Session) -> Result<()> {
        self.emit(EventKind::SessionEnded {
            commands: session.commands.len(),
        });
        for (channel, tokens) in std::mem::take(&mut self.wanted_sync) {
            if self.state.enrollment.is_some() {
                self.synchronize(&channel, tokens.as_deref()).await?;
                session.synchronized = true;
            }
        }
        self.report_changes(channel).await
    }
}

/// One item of an `ErrorChain`.
pub(super) fn error_item(refusal: &Refusal) -> Dictionary {
    dict! {
        "ErrorCode" => refusal.code,
        "ErrorDomain" => &refusal.domain,
        "LocalizedDescription" => &refusal.text,
        "USEnglishDescription" => &refusal.text,
    }
}
