//! Check-in messages of devices that are enrolled.

use apple::{
    EnrollmentKey, Sender,
    checkin::{self, CheckIn, Kind, TokenUpdate},
    commands::EscrowKind,
};
use domain::{
    Channel, DeviceState, EnrollmentId, Ownership, Timestamp,
    enrollment::{EndReason, EnrollmentState},
};
use serde_json::json;
use store::{Commands as _, Devices as _, Enrollment, Enrollments as _, PushWanted as _, Tx};

use super::{Caller, PLATFORMS, Refusal, Reply};
use crate::{Engine, EngineError, identity::Proven, journal::About};

impl Engine {
    pub(super) async fn apple_checkin(
        &self,
        proven: Proven,
        key: EnrollmentKey,
        message: CheckIn,
        address: &str,
    ) -> Result<Reply, Refusal> {
        if let Kind::Authenticate(_) = message.kind {
            return self.apple_authenticate(proven, key, message, address).await;
        }
        let caller = self.apple_caller(proven, key, address).await?;
        self.last_seen.note(
            caller.enrolled.enrollment,
            caller.enrolled.device,
            caller.now,
        );
        match message.kind {
            Kind::Authenticate(_) => Ok(Reply::EMPTY),
            Kind::TokenUpdate(update) => {
                self.apple_token_update(caller, update, message.sender)
                    .await
            }
            Kind::CheckOut { .. } => self.apple_check_out(caller).await,
            Kind::UserAuthenticate { digest_response } => {
                apple_user_authenticate(&caller, digest_response.as_deref())
            }
            Kind::SetBootstrapToken { token, .. } => {
                self.apple_set_bootstrap_token(caller, token).await
            }
            Kind::GetBootstrapToken => self.apple_get_bootstrap_token(caller).await,
            Kind::GetToken(request) => self.apple_get_token(&caller, &request),
            Kind::DeclarativeManagement { endpoint, data } => {
                self.apple_declarative(caller, &endpoint, data).await
            }
            Kind::ReturnToService => Err(Refusal::Unacceptable(
                "this server has no data for Return to Service".into(),
            )),
            Kind::Unknown(kind) => Err(Refusal::Unacceptable(format!(
                "the message type {kind:?} is not known"
            ))),
        }
    }

    async fn apple_token_update(
        &self,
        caller: Caller,
        update: TokenUpdate,
        sender: Sender,
    ) -> Result<Reply, Refusal> {
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    match caller.key.channel() {
                        Channel::Device => engine.device_token_update(tx, &caller, update).await,
                        Channel::User => {
                            engine.user_token_update(tx, &caller, update, &sender).await
                        }
                    }
                })
            })
            .await?;
        self.after_enqueue();
        Ok(Reply::EMPTY)
    }

    async fn device_token_update(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        update: TokenUpdate,
    ) -> Result<(), EngineError> {
        let id = caller.enrolled.enrollment;
        let mut enrollment = lock(tx, id).await?;
        let mut device = tx
            .lock_device(caller.enrolled.device)
            .await?
            .ok_or(EngineError::NotFound("device"))?;
        let about = About::device(device.id).and(id).within(device.unit_id);
        tx.set_push_info(id, &self.push_info(id, &update)?).await?;
        enrollment.awaiting_configuration = update.awaiting_configuration;
        enrollment.topic = update.topic.clone();
        if let Some(topic) = &update.topic
            && !self.apns.has_topic(topic)
        {
            let data = json!({ "topic": topic });
            self.record(
                tx,
                "enrollment.foreign_topic",
                &caller.actor,
                about.clone(),
                data,
            )
            .await?;
        }
        if let Some(token) = &update.unlock_token {
            self.escrow(
                tx,
                device.id,
                Some(id),
                EscrowKind::UnlockToken.as_str(),
                token.expose(),
            )
            .await?;
        }
        if enrollment.state != EnrollmentState::Pending {
            return push_what_waits(tx, id, caller.now).await;
        }
        tx.activate_enrollment(id, caller.now).await?;
        enrollment.state = EnrollmentState::Active;
        enrollment.activated_at = Some(caller.now);
        device.state = DeviceState::Enrolled;
        device.enrolled_at = Some(caller.now);
        device.updated_at = caller.now;
        tx.update_device(&device).await?;
        let data = json!({
            "platform": device.platform,
            "ownership": device.ownership,
            "serial": device.serial,
        });
        self.record(tx, "device.enrolled", &caller.actor, about, data)
            .await?;
        Self::announce_state(tx, id);
        self.plan_apple(tx, &device, &enrollment).await
    }

    async fn user_token_update(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        update: TokenUpdate,
        sender: &Sender,
    ) -> Result<(), EngineError> {
        let parent = lock(tx, caller.enrolled.enrollment).await?;
        let device = tx
            .device(caller.enrolled.device)
            .await?
            .ok_or(EngineError::NotFound("device"))?;
        let native_key = caller.key.to_string();
        let known = tx.living_enrollment(PLATFORMS, &native_key).await?;
        let enrollment = match known {
            Some(known) if known.parent_id == Some(parent.id) => {
                let info = self.push_info(known.id, &update)?;
                tx.set_push_info(known.id, &info).await?;
                return push_what_waits(tx, known.id, caller.now).await;
            }
            Some(stranger) => {
                return Err(EngineError::Conflict(format!(
                    "the user channel belongs to the enrollment {}",
                    stranger.id
                )));
            }
            None => Enrollment {
                id: EnrollmentId::new(caller.now, self.random()),
                device_id: device.id,
                channel: Channel::User,
                parent_id: Some(parent.id),
                platform: device.platform,
                kind: parent.kind,
                state: EnrollmentState::Active,
                native_key,
                user_id: sender
                    .user_id
                    .clone()
                    .or_else(|| sender.enrollment_user_id.clone()),
                user_short_name: sender
                    .user_short_name
                    .clone()
                    .or_else(|| caller.key.user.clone()),
                topic: update.topic.clone(),
                push_token: None,
                push_magic: None,
                token_id: parent.token_id,
                ticket_id: parent.ticket_id,
                awaiting_configuration: false,
                ddm_enabled: false,
                ddm_token: None,
                created_at: caller.now,
                activated_at: Some(caller.now),
                ended_at: None,
                end_reason: None,
                last_seen_at: Some(caller.now),
            },
        };
        tx.insert_enrollment(&enrollment).await?;
        let info = self.push_info(enrollment.id, &update)?;
        tx.set_push_info(enrollment.id, &info).await?;
        let data = json!({ "user": enrollment.user_short_name });
        let about = About::device(device.id)
            .and(enrollment.id)
            .within(device.unit_id);
        self.record(tx, "user.enrolled", &caller.actor, about, data)
            .await?;
        self.plan_apple(tx, &device, &enrollment).await
    }

    async fn apple_check_out(&self, caller: Caller) -> Result<Reply, Refusal> {
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if caller.key.channel() == Channel::User {
                        let native_key = caller.key.to_string();
                        if let Some(user) = tx.living_enrollment(PLATFORMS, &native_key).await?
                            && user.parent_id == Some(caller.enrolled.enrollment)
                        {
                            engine
                                .end_enrollment(tx, &user, EndReason::CheckedOut, &caller.actor)
                                .await?;
                        }
                        return Ok(());
                    }
                    let enrollment = lock(tx, caller.enrolled.enrollment).await?;
                    engine
                        .end_enrollment(tx, &enrollment, EndReason::CheckedOut, &caller.actor)
                        .await
                })
            })
            .await?;
        Ok(Reply::EMPTY)
    }

    /// Ends an enrollment with its user channels: queue, pushes and identity end with it.
    pub(crate) async fn end_enrollment(
        &self,
        tx: &mut Tx,
        enrollment: &Enrollment,
        reason: EndReason,
        actor: &domain::scope::Actor,
    ) -> Result<(), EngineError> {
        use store::Certificates as _;
        let now = self.now();
        for ended in tx.end_enrollment(enrollment.id, now, reason).await? {
            self.abandon_queue(tx, ended, reason.as_str()).await?;
            // RFC 5280 section 5.3.1: 5 is cessationOfOperation, 4 is superseded.
            let code = if reason == EndReason::Reenrolled {
                4
            } else {
                5
            };
            tx.revoke_certificates_of(ended, now, code).await?;
            self.revocation_list.store(std::sync::Arc::new(None));
            Self::announce_state(tx, ended);
        }
        let mut unit = None;
        if enrollment.channel == Channel::Device
            && let Some(mut device) = tx.lock_device(enrollment.device_id).await?
        {
            unit = device.unit_id;
            device.state = match reason {
                EndReason::Wiped => DeviceState::Wiped,
                EndReason::Reenrolled => DeviceState::Enrolling,
                EndReason::CheckedOut | EndReason::Unenrolled | EndReason::Abandoned => {
                    DeviceState::Unenrolled
                }
            };
            device.lost_mode = false;
            device.updated_at = now;
            tx.update_device(&device).await?;
        }
        let kind = match (enrollment.channel, reason) {
            (Channel::User, _) => "user.unenrolled",
            (Channel::Device, EndReason::Wiped) => "device.wiped",
            (Channel::Device, EndReason::Reenrolled) => "device.reenrolled",
            (Channel::Device, _) => "device.unenrolled",
        };
        let about = About::device(enrollment.device_id)
            .and(enrollment.id)
            .within(unit);
        self.record(tx, kind, actor, about, json!({ "reason": reason }))
            .await
    }
}

/// The enrollment, locked, unless it is over.
pub(super) async fn lock(tx: &mut Tx, id: EnrollmentId) -> Result<Enrollment, EngineError> {
    tx.lock_enrollment(id)
        .await?
        .filter(|enrollment| enrollment.state != EnrollmentState::Ended)
        .ok_or_else(|| EngineError::Conflict("this enrollment is over".into()))
}

/// Pushes for what waits already: the device may have been out of reach, its safety push far off.
async fn push_what_waits(
    tx: &mut Tx,
    enrollment: EnrollmentId,
    now: Timestamp,
) -> Result<(), EngineError> {
    if tx.queue_length(enrollment).await? > 0 {
        tx.want_push(enrollment, now, false).await?;
    }
    Ok(())
}

/// Users of the organisation's own devices are accepted without a challenge; others are declined.
fn apple_user_authenticate(caller: &Caller, digest: Option<&str>) -> Result<Reply, Refusal> {
    if caller.enrolled.ownership == Ownership::Personal {
        return Err(Refusal::UserDeclined);
    }
    Ok(match digest {
        None | Some("") => Reply::plist(checkin::digest_challenge("")),
        Some(_) => Reply::EMPTY,
    })
}
