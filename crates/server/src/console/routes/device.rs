//! The page of one device, and the parts of it that are fetched again when something happens.

use std::collections::BTreeMap;

use domain::{CommandId, DeviceId, Timestamp, command::Hazard};
use engine::{devices::DeviceDetail, idempotency::Answer as Stored};
use store::{CommandRecord, Device, EventFilter, SecretHead};

use super::{
    answer::{Answer, Fault, Of, done, page as answer_page},
    devices::model_of,
    facts::{Facts, withheld},
    forms::Sent,
    journal,
    visit::{By, Done},
    words,
};
use crate::console::views::{
    CommandPanel, DeviceIdentity, DevicePage, DeviceSummary, ReportRow, SecretRow,
};

/// Commands shown on the page; every unfinished one is newer or waits for these.
const COMMANDS: u32 = 60;
/// Reports shown on the page.
const REPORTS: u32 = 30;
/// Journal entries shown on the page.
const ENTRIES: u32 = 20;
/// How often a look at a secret is searched for.
const REVEALS: u32 = 100;

pub(super) async fn page(by: By, Of(id): Of<DeviceId>) -> Answer {
    let shell = by.live_shell();
    let engine = by.engine();
    let who = by.authority();
    let detail = engine.device(who, id).await?;
    let records = engine.commands_of(who, id, None, COMMANDS).await?;
    let facts = Facts::new(engine.facts_of(who, id).await?);
    let events = engine
        .events_before(who, about(id, None), None, ENTRIES)
        .await?;
    let menu = engine
        .offers(who, id, None)
        .await?
        .into_iter()
        .filter(|offer| offer.unfit.is_none() && offer.meta.hazard != Hazard::Raw)
        // Lock and wipe have pages and buttons of their own.
        .filter(|offer| !matches!(offer.meta.name, "device_lock" | "erase_device"))
        .map(|offer| (offer.meta.name.to_owned(), offer.meta.title.to_owned()))
        .collect();
    let reports = engine.raw_reports_of(who, id, REPORTS).await?;
    answer_page(&DevicePage {
        summary: summary_of(&by, &detail, &records).await?,
        commands: panel(&shell.csrf, id, &records, by.now()),
        menu,
        facts: facts.groups(),
        withheld: withheld(detail.device.ownership).to_owned(),
        profiles: facts.profiles(),
        apps: facts.apps(),
        certificates: facts.certificates(),
        declarations: facts.declarations(),
        secrets: secrets_of(&by, id).await?,
        reports: reports
            .into_iter()
            .map(|report| ReportRow {
                id: report.id.to_string(),
                kind: report.kind,
                received_at: report.received_at,
                bytes: u64::try_from(report.length).unwrap_or_default(),
            })
            .collect(),
        journal: journal::entries(&by, &events).await?,
        shell,
    })
}

/// The fragment with the status.
pub(super) async fn summary(by: By, Of(id): Of<DeviceId>) -> Answer {
    let detail = by.engine().device(by.authority(), id).await?;
    let records = by
        .engine()
        .commands_of(by.authority(), id, None, COMMANDS)
        .await?;
    answer_page(&summary_of(&by, &detail, &records).await?)
}

/// The fragment with the commands.
pub(super) async fn commands(by: By, Of(id): Of<DeviceId>) -> Answer {
    let records = by
        .engine()
        .commands_of(by.authority(), id, None, COMMANDS)
        .await?;
    answer_page(&panel(&by.shell().csrf, id, &records, by.now()))
}

pub(super) async fn refresh(by: By, Of(id): Of<DeviceId>) -> Answer {
    by.engine().refresh_device(by.authority(), id).await?;
    Ok(done(&format!("/devices/{id}"), Done::Refreshing))
}

pub(super) async fn cancel(
    by: By,
    Of((device, id)): Of<(DeviceId, CommandId)>,
    sent: Sent,
) -> Answer {
    let command = by.engine().command(by.authority(), id).await?;
    if command.command.order.device_id != device {
        return Err(Fault::nothing_here());
    }
    let key = by.key(&sent)?;
    by.engine()
        .cancel_command_once(by.authority(), key, id, accepted)
        .await?;
    Ok(done(&format!("/devices/{device}"), Done::Cancelled))
}

/// What a form that is sent twice is answered: the command it gave.
pub(super) fn accepted(record: CommandRecord) -> engine::Result<Stored> {
    Ok(Stored {
        status: 303,
        body: record.command.order.id.to_string().into_bytes(),
    })
}

/// What identifies a device to a person.
pub(super) fn identity_of(device: &Device) -> DeviceIdentity {
    DeviceIdentity {
        id: device.id.to_string(),
        name: device.name.clone(),
        serial: device.serial.clone(),
        platform: device.platform.to_string(),
        os_version: device.os_version.to_string(),
        model: model_of(device),
        user: device.user_label.clone(),
        ownership: device.ownership.to_string(),
        last_seen_at: device.last_seen_at,
    }
}

async fn summary_of(
    by: &By,
    detail: &DeviceDetail,
    records: &[CommandRecord],
) -> Result<DeviceSummary, Fault> {
    let device = &detail.device;
    let certificates = by
        .engine()
        .certificates_of_device(by.authority(), device.id)
        .await?;
    let enrollment = detail
        .enrollments
        .iter()
        .find(|one| one.channel == domain::Channel::Device);
    Ok(DeviceSummary {
        identity: identity_of(device),
        state: device.state.to_string(),
        supervised: device.supervised,
        enrolled_at: device.enrolled_at,
        enrolled_by: enrollment
            .map(|one| match one.kind {
                domain::EnrollmentKind::Automated => "through the deployment programme",
                domain::EnrollmentKind::Profile => "by a profile",
                domain::EnrollmentKind::AccountDevice => "by a work account, as a work device",
                domain::EnrollmentKind::AccountUser => "by a work account, as a private device",
            })
            .unwrap_or_default()
            .to_owned(),
        certificate_expires_at: certificates
            .iter()
            .find(|one| one.revoked_at.is_none())
            .map(|one| one.not_after),
        waiting: records.iter().filter(|one| one.finish.is_none()).count() as u64,
        now: by.now(),
    })
}

fn panel(csrf: &str, id: DeviceId, records: &[CommandRecord], now: Timestamp) -> CommandPanel {
    let mut upcoming: Vec<&CommandRecord> =
        records.iter().filter(|one| one.finish.is_none()).collect();
    upcoming.sort_by_key(|one| (-one.command.order.priority, one.command.seq));
    CommandPanel {
        device_id: id.to_string(),
        csrf: csrf.to_owned(),
        upcoming: upcoming.into_iter().map(words::command_row).collect(),
        past: records
            .iter()
            .filter(|one| one.finish.is_some())
            .map(words::command_row)
            .collect(),
        now,
    }
}

async fn secrets_of(by: &By, id: DeviceId) -> Result<Vec<SecretRow>, Fault> {
    let heads = by.engine().secrets_of(by.authority(), id).await?;
    if heads.is_empty() {
        return Ok(Vec::new());
    }
    let seen = last_reveals(by, id).await?;
    Ok(heads.iter().map(|head| secret_row(head, &seen)).collect())
}

/// Who saw a secret last, and when, by its identifier.
pub(super) type Reveals = BTreeMap<String, (String, Timestamp)>;

pub(super) async fn last_reveals(by: &By, id: DeviceId) -> Result<Reveals, Fault> {
    let events = by
        .engine()
        .events_before(
            by.authority(),
            about(id, Some("secret.revealed")),
            None,
            REVEALS,
        )
        .await?;
    let mut seen = Reveals::new();
    for event in events {
        if let Some(secret) = event.draft.subject {
            // Newest first: the first one stays.
            seen.entry(secret)
                .or_insert((words::actor(&event.draft.actor), event.draft.at));
        }
    }
    Ok(seen)
}

pub(super) fn secret_row(head: &SecretHead, seen: &Reveals) -> SecretRow {
    let id = head.id.to_string();
    let last = seen.get(&id);
    let name = words::secret_name(&head.kind);
    SecretRow {
        name: if head.superseded_at.is_some() {
            format!("{name} (earlier)")
        } else {
            name
        },
        stored_at: head.created_at,
        last_revealed_by: last.map(|(who, _)| who.clone()).unwrap_or_default(),
        last_revealed_at: last.map(|(_, at)| *at),
        id,
    }
}

fn about(id: DeviceId, kind: Option<&str>) -> EventFilter {
    EventFilter {
        device: Some(id),
        kind_prefix: kind.map(str::to_owned),
        actor: None,
    }
}
