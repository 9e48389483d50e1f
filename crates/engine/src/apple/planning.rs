//! From the planner's actions to Apple's commands.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use apple::commands::{DeclarativeManagement, DeviceConfigured, for_inquiry};
use domain::{
    Channel, Timestamp,
    facts::Category,
    plan::{Action, Inquiry, Known, plan},
    scope::Actor,
};
use store::{
    Certificates as _, Commands as _, Device, Devices as _, Enrollment, Enrollments as _,
    Facts as _, Plans as _, Tx,
};

use super::target_of;
use crate::{Engine, EngineError, Result, queue::Queued};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Engine {
    /// Plans an enrollment afresh and queues what closes the gap.
    pub(crate) async fn plan_apple(
        &self,
        tx: &mut Tx,
        device: &Device,
        enrollment: &Enrollment,
    ) -> Result<()> {
        tx.plan_at(enrollment.id, self.next_plan()).await?;
        let declarations = self.declarations_wanted(tx, device, enrollment).await?;
        let mut wanted = self.settings.wanted(declarations);
        if enrollment.channel == Channel::User {
            wanted.freshness.clear();
        }
        let known = self.known(tx, device, enrollment).await?;
        let target = target_of(device, enrollment);
        for action in plan(&wanted, &known, &BTreeSet::new(), self.now()) {
            let key = action.key();
            let command = match action {
                Action::Inquire(inquiry) => match for_inquiry(inquiry, &target) {
                    Some(command) => command,
                    None => continue,
                },
                Action::ReleaseFromSetup => DeviceConfigured {}.into(),
                Action::SyncDeclarations(_) => DeclarativeManagement {
                    data: self.tokens_for(tx, enrollment).await?,
                }
                .into(),
                Action::RenewIdentity => {
                    if is_open(tx, device, enrollment, &key).await? {
                        // Its ticket and profile are made already.
                        continue;
                    }
                    self.renewal_command(tx, device, enrollment).await?
                }
            };
            if command.fits(&target).is_err() {
                // The platform or its version has no such question.
                continue;
            }
            self.enqueue(
                tx,
                device,
                enrollment,
                Queued::once(command, key),
                &Actor::system(),
            )
            .await?;
        }
        Ok(())
    }

    /// Plans up to `limit` enrollments whose time has come; gives how many.
    pub(crate) async fn plan_due(&self, limit: u32) -> Result<usize> {
        let engine = self.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let due = tx
                        .claim_plans(engine.now(), engine.next_plan(), limit)
                        .await?;
                    for (enrollment, device) in &due {
                        let rows = (tx.enrollment(*enrollment).await?, tx.device(*device).await?);
                        if let (Some(enrollment), Some(device)) = rows {
                            engine.plan_apple(tx, &device, &enrollment).await?;
                        }
                    }
                    Ok(due.len())
                })
            })
            .await
    }

    /// When an enrollment that was planned now is planned again: at half the shortest freshness,
    /// spread by up to a tenth so that a fleet enrolled in one hour is not asked in one minute.
    fn next_plan(&self) -> Timestamp {
        let shortest = self.settings.freshness.values().min().copied();
        let half = shortest.unwrap_or(DAY).clamp(MINUTE * 2, DAY) / 2;
        let spread = u32::from(u16::from_be_bytes(self.random())) % 100;
        self.now().plus(half + half * spread / 1000)
    }

    /// Asks at once for what a command just made out of date.
    pub(crate) async fn ask_again(
        &self,
        tx: &mut Tx,
        device: &Device,
        enrollment: &Enrollment,
        category: Category,
    ) -> Result<()> {
        let inquiry = match category {
            Category::Apps => Inquiry::InstalledApplications,
            Category::ManagedApps => Inquiry::ManagedApplications,
            Category::Profiles => Inquiry::Profiles,
            Category::Certificates => Inquiry::Certificates,
            Category::Security => Inquiry::SecurityInfo,
            Category::Identity | Category::Hardware | Category::Os | Category::Network => {
                Inquiry::DeviceInformation
            }
            Category::Location
            | Category::ProvisioningProfiles
            | Category::Users
            | Category::Declarations
            | Category::Capabilities => return Ok(()),
        };
        if enrollment.channel != Channel::Device {
            return Ok(());
        }
        let Some(command) = for_inquiry(inquiry, &target_of(device, enrollment)) else {
            return Ok(());
        };
        let key = Action::Inquire(inquiry).key();
        self.enqueue(
            tx,
            device,
            enrollment,
            Queued::once(command, key),
            &Actor::system(),
        )
        .await?;
        Ok(())
    }

    async fn known(
        &self,
        tx: &mut Tx,
        device: &Device,
        enrollment: &Enrollment,
    ) -> Result<Known, EngineError> {
        let mut answered: BTreeMap<Inquiry, Timestamp> = BTreeMap::new();
        let mut note = |inquiry, at| {
            let known = answered.entry(inquiry).or_insert(at);
            *known = (*known).max(at);
        };
        let since = enrollment.created_at;
        for sheet in tx.facts(device.id).await? {
            match sheet.category {
                Category::Apps => note(Inquiry::InstalledApplications, sheet.observed_at),
                Category::ManagedApps => note(Inquiry::ManagedApplications, sheet.observed_at),
                Category::Profiles => note(Inquiry::Profiles, sheet.observed_at),
                Category::Certificates => note(Inquiry::Certificates, sheet.observed_at),
                _ => {}
            }
            for fact in sheet.document.values() {
                match fact.origin.as_str() {
                    "DeviceInformation" => note(Inquiry::DeviceInformation, fact.observed_at),
                    "SecurityInfo" => note(Inquiry::SecurityInfo, fact.observed_at),
                    _ => {}
                }
            }
        }
        // What was known of an earlier enrollment may be out of date: ask afresh.
        answered.retain(|_, at| *at >= since);
        let identity_expires = tx
            .certificates_of(enrollment.id)
            .await?
            .into_iter()
            .filter(|certificate| {
                // One that was issued and never used does not tell that the device has it.
                certificate.revoked_at.is_none()
                    && certificate.superseded_at.is_none()
                    && certificate.not_after > self.now()
            })
            .map(|certificate| certificate.not_after)
            .min();
        Ok(Known {
            channel: enrollment.channel,
            answered,
            awaiting_configuration: enrollment.awaiting_configuration,
            identity_expires,
            declarations: enrollment
                .ddm_enabled
                .then(|| enrollment.ddm_token.clone())
                .flatten(),
        })
    }
}

/// Whether a command with this key is unfinished.
async fn is_open(tx: &mut Tx, device: &Device, enrollment: &Enrollment, key: &str) -> Result<bool> {
    let recent = tx.device_commands(device.id, None, 200).await?;
    Ok(recent.iter().any(|record| {
        record.finish.is_none()
            && record.command.order.enrollment_id == enrollment.id
            && record.command.order.dedupe_key.as_deref() == Some(key)
    }))
}
