//! `Authenticate`: a device asks to be managed.

use std::collections::BTreeSet;

use apple::{
    EnrollmentKey,
    checkin::{Authenticate, CheckIn, Kind},
};
use domain::{
    Channel, DeviceId, DeviceState, EnrollmentId, OsVersion, Ownership, Platform, Timestamp,
    enrollment::{EndReason, EnrollmentState},
    facts::Assurance,
    scope::{Actor, ActorKind},
    token::{Applicant, Refusal as TokenRefusal},
};
use serde_json::json;
use store::{
    Certificates as _, Device, Devices as _, Enrollment, EnrollmentToken, EnrollmentTokens as _,
    Enrollments as _, Facts as _, Tickets as _, Tx,
};

use super::{PLATFORMS, Refusal, Reply, kind_of};
use crate::{Engine, EngineError, identity::Proven, journal::About};

/// What a first `Authenticate` brings.
struct Candidate {
    proven: Proven,
    key: EnrollmentKey,
    message: CheckIn,
    said: Authenticate,
    address: String,
    now: Timestamp,
}

impl Engine {
    /// Continues an enrollment, or begins one for the ticket that the certificate was issued for.
    pub(super) async fn apple_authenticate(
        &self,
        proven: Proven,
        key: EnrollmentKey,
        message: CheckIn,
        address: &str,
    ) -> Result<Reply, Refusal> {
        let Kind::Authenticate(said) = message.kind.clone() else {
            return Ok(Reply::EMPTY);
        };
        if key.channel() != Channel::Device {
            return Err(Refusal::Unacceptable(
                "a user channel begins with TokenUpdate".into(),
            ));
        }
        if let Some(enrolled) = self.enrolled(&proven).await? {
            if enrolled.native_key != key.to_string() {
                self.journal_clone(&proven, &enrolled, &key, address)
                    .await?;
                return Err(Refusal::Cloned);
            }
            if enrolled.state == EnrollmentState::Ended {
                return Err(Refusal::Over);
            }
            // The reply to the first one was lost, or the profile was renewed in place.
            self.repeat_authenticate(&enrolled, message, address)
                .await?;
            return Ok(Reply::EMPTY);
        }
        let (fingerprint, native_key) = (proven.fingerprint, key.to_string());
        let candidate = Candidate {
            proven,
            key,
            message,
            said,
            address: address.to_owned(),
            now: self.now(),
        };
        let engine = self.clone();
        let outcome = self
            .db
            .write(move |tx| Box::pin(async move { engine.begin_enrollment(tx, &candidate).await }))
            .await;
        match outcome {
            Ok(()) => Ok(Reply::EMPTY),
            Err(EngineError::NotFound(_)) => Err(Refusal::NotEnrolled),
            Err(error) => {
                let refusal = Refusal::from(error);
                if !matches!(refusal, Refusal::Unavailable(_)) {
                    self.journal_refused(fingerprint, &native_key, address, &refusal)
                        .await?;
                }
                Err(refusal)
            }
        }
    }

    /// Writes once an hour and certificate that somebody with a profile of ours may not enrol.
    async fn journal_refused(
        &self,
        fingerprint: [u8; 32],
        native_key: &str,
        address: &str,
        refusal: &Refusal,
    ) -> Result<(), Refusal> {
        if !self.identities.first_report(fingerprint, "refused") {
            return Ok(());
        }
        let engine = self.clone();
        let actor = Actor::new(ActorKind::Device, "", native_key).at(address);
        let data = json!({ "reason": refusal.to_string() });
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    engine
                        .record(tx, "enrollment.refused", &actor, About::NOTHING, data)
                        .await
                })
            })
            .await?;
        Ok(())
    }

    async fn repeat_authenticate(
        &self,
        enrolled: &crate::identity::Enrolled,
        message: CheckIn,
        address: &str,
    ) -> Result<(), Refusal> {
        let engine = self.clone();
        let actor = Actor::new(ActorKind::Device, enrolled.device, "").at(address);
        let (device, enrollment) = (enrolled.device, enrolled.enrollment);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    engine
                        .store_authenticate(tx, device, enrollment, &message)
                        .await?;
                    let about = About::device(device).and(enrollment);
                    engine
                        .record(tx, "enrollment.repeated", &actor, about, json!({}))
                        .await
                })
            })
            .await?;
        Ok(())
    }

    async fn begin_enrollment(
        &self,
        tx: &mut Tx,
        candidate: &Candidate,
    ) -> Result<(), EngineError> {
        let certificate = tx
            .certificate(&candidate.proven.fingerprint)
            .await?
            .filter(|certificate| certificate.revoked_at.is_none())
            .ok_or(EngineError::NotFound("certificate"))?;
        let ticket_id = certificate
            .ticket_id
            .ok_or(EngineError::NotFound("ticket"))?;
        let ticket = tx
            .ticket(ticket_id)
            .await?
            .filter(|ticket| ticket.enrollment_id.is_none())
            .ok_or_else(|| {
                EngineError::Conflict("this enrollment profile was used before".into())
            })?;
        let token_id = ticket.token_id.ok_or(EngineError::NotFound("token"))?;
        let token = tx
            .enrollment_token(token_id)
            .await?
            .ok_or(EngineError::NotFound("token"))?;
        let platform = candidate.platform(&token);
        token.standing.admit(
            &Applicant {
                platform: Some(platform),
                serial: candidate.said.serial_number.clone(),
            },
            candidate.now,
        )?;
        if !tx.consume_enrollment_token(token_id, candidate.now).await? {
            return Err(TokenRefusal::UsedUp(token.standing.uses).into());
        }
        let device = self.device_for(tx, candidate, &token, platform).await?;
        let actor = Actor::new(ActorKind::Device, device.id, "").at(candidate.address.as_str());
        self.close_former(tx, &device, candidate, platform, &actor)
            .await?;
        let enrollment = candidate.enrollment(
            EnrollmentId::new(candidate.now, self.random()),
            &device,
            &token,
            ticket_id,
        );
        tx.insert_enrollment(&enrollment).await?;
        let pinned = tx
            .pin_identity(
                &candidate.proven.fingerprint,
                enrollment.id,
                candidate.now,
                Some(candidate.proven.certificate.not_after()),
            )
            .await?;
        if pinned != enrollment.id || !tx.bind_ticket(ticket_id, enrollment.id).await? {
            return Err(EngineError::Conflict(
                "this enrollment profile was used before".into(),
            ));
        }
        let about = About::device(device.id)
            .and(enrollment.id)
            .within(device.unit_id);
        let data = json!({
            "platform": platform,
            "ownership": device.ownership,
            "serial": device.serial,
            "token": token_id,
            "person": ticket.person,
        });
        self.record(tx, "enrollment.started", &actor, about, data)
            .await?;
        self.store_authenticate(tx, device.id, enrollment.id, &candidate.message)
            .await
    }

    /// The device that asks: known by UDID or serial number, or new.
    async fn device_for(
        &self,
        tx: &mut Tx,
        candidate: &Candidate,
        token: &EnrollmentToken,
        platform: Platform,
    ) -> Result<Device, EngineError> {
        let known = self.known_device(tx, candidate, platform).await?;
        let terms = &token.standing.terms;
        let Some(mut device) = known else {
            let device =
                candidate.new_device(DeviceId::new(candidate.now, self.random()), token, platform);
            tx.insert_device(&device).await?;
            return Ok(device);
        };
        if device.ownership != terms.ownership {
            // What was collected under other terms must not stay.
            tx.forget_facts(device.id).await?;
            if terms.ownership == Ownership::Personal {
                device.user_label.clear();
            }
        }
        device.ownership = terms.ownership;
        device.unit_id = token.unit_id;
        device.platform = platform;
        device.state = DeviceState::Enrolling;
        device.lost_mode = false;
        if let Some(udid) = candidate.udid() {
            device.udid = udid;
        }
        if let Some(serial) = &candidate.said.serial_number {
            device.serial = serial.clone();
        }
        device.updated_at = candidate.now;
        tx.update_device(&device).await?;
        device.version += 1;
        Ok(device)
    }

    async fn known_device(
        &self,
        tx: &mut Tx,
        candidate: &Candidate,
        platform: Platform,
    ) -> Result<Option<Device>, EngineError> {
        let Some(udid) = candidate.udid() else {
            return Ok(None);
        };
        let mut order = vec![platform];
        order.extend(PLATFORMS.iter().filter(|other| **other != platform));
        if let Some(device) = tx.device_by_udid(&order, &udid).await? {
            return Ok(tx.lock_device(device.id).await?);
        }
        let Some(serial) = &candidate.said.serial_number else {
            return Ok(None);
        };
        let by_serial = tx
            .devices_by_serial(serial)
            .await?
            .into_iter()
            .find(|device| device.platform == platform);
        match by_serial {
            Some(device) => Ok(tx.lock_device(device.id).await?),
            None => Ok(None),
        }
    }

    /// Ends what this device, or whoever used its name, had before.
    async fn close_former(
        &self,
        tx: &mut Tx,
        device: &Device,
        candidate: &Candidate,
        platform: Platform,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let native_key = candidate.key.to_string();
        let mut former = tx.living_enrollments_of(device.id).await?;
        if let Some(namesake) = tx.living_enrollment(&[platform], &native_key).await? {
            former.push(namesake);
        }
        let mut ended = BTreeSet::new();
        for enrollment in former {
            if enrollment.channel == Channel::Device && ended.insert(enrollment.id) {
                self.end_enrollment(tx, &enrollment, EndReason::Reenrolled, actor)
                    .await?;
            }
        }
        Ok(())
    }

    async fn store_authenticate(
        &self,
        tx: &mut Tx,
        device: DeviceId,
        enrollment: EnrollmentId,
        message: &CheckIn,
    ) -> Result<(), EngineError> {
        let observations = apple::facts::from_authenticate(message);
        let report = domain::facts::Report {
            observed_at: self.now(),
            origin: "Authenticate".into(),
            assurance: Assurance::SelfReported,
            observations,
        };
        self.ingest(tx, device, enrollment, report, Some(&message.raw))
            .await
    }
}

impl Candidate {
    fn platform(&self, token: &EnrollmentToken) -> Platform {
        let only = &token.standing.terms.platforms;
        self.said.platform().unwrap_or_else(|| {
            only.iter()
                .copied()
                .find(|platform| only.len() == 1 && PLATFORMS.contains(platform))
                .unwrap_or(Platform::Ios)
        })
    }

    /// The hardware's identifier; a User Enrollment never shows it.
    fn udid(&self) -> Option<String> {
        (!self.key.is_user_enrollment()).then(|| self.key.device.clone())
    }

    fn new_device(&self, id: DeviceId, token: &EnrollmentToken, platform: Platform) -> Device {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Device {
            id,
            unit_id: token.unit_id,
            platform,
            ownership: token.standing.terms.ownership,
            state: DeviceState::Enrolling,
            serial: text(&self.said.serial_number),
            udid: self.udid().unwrap_or_default(),
            name: text(&self.said.device_name),
            model: text(&self.said.product_name),
            model_name: text(&self.said.model_name),
            os_version: OsVersion::new(self.said.os_version.as_deref().unwrap_or("")),
            build: text(&self.said.build_version),
            user_label: String::new(),
            supervised: false,
            lost_mode: false,
            last_seen_at: Some(self.now),
            enrolled_at: None,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        }
    }

    fn enrollment(
        &self,
        id: EnrollmentId,
        device: &Device,
        token: &EnrollmentToken,
        ticket: domain::TicketId,
    ) -> Enrollment {
        Enrollment {
            id,
            device_id: device.id,
            channel: Channel::Device,
            parent_id: None,
            platform: device.platform,
            kind: kind_of(&self.key, device.ownership),
            state: EnrollmentState::Pending,
            native_key: self.key.to_string(),
            user_id: None,
            user_short_name: None,
            topic: self.said.topic.clone(),
            push_token: None,
            push_magic: None,
            token_id: Some(token.id),
            ticket_id: Some(ticket),
            awaiting_configuration: false,
            ddm_enabled: false,
            ddm_token: None,
            created_at: self.now,
            activated_at: None,
            ended_at: None,
            end_reason: None,
            last_seen_at: Some(self.now),
        }
    }
}
