//! Journal events, actors, commands and secrets in plain words.

use std::collections::BTreeMap;

use domain::{
    DeviceId,
    command::CommandState,
    journal::Event,
    scope::{Actor, ActorKind, Scope},
};
use serde_json::Value as Json;
use store::{CommandRecord, Device};

use crate::console::views::{CommandRow, JournalEntry};

/// Kinds of event that people look for, as prefixes, with their names.
pub(super) const EVENT_KINDS: [(&str, &str); 13] = [
    ("device.", "Devices"),
    ("enrollment.", "Enrolments"),
    ("enrollment_token.", "Enrolment links"),
    ("command.", "Commands"),
    ("secret.", "Secrets"),
    ("declaration", "Declarations"),
    ("certificate.", "Certificates"),
    ("push", "Push"),
    ("session.", "Sign-ins"),
    ("passkey.", "Passkeys"),
    ("api_token.", "API tokens"),
    ("webhook.", "Webhooks"),
    ("admin.", "Administrators"),
];

/// What happened, in one sentence without a full stop.
pub(super) fn sentence(kind: &str, data: &Json) -> String {
    let text = |key: &str| data[key].as_str().unwrap_or_default();
    let named = |words: &str| match text("name") {
        "" => words.to_owned(),
        name => format!("{words} “{name}”"),
    };
    let command = || command_title(text("command"));
    match kind {
        "device.enrolled" => "Device enrolled".to_owned(),
        "device.reenrolled" => "Device enrolled again".to_owned(),
        "device.unenrolled" => "Device left management".to_owned(),
        "device.wiped" => "Device erased itself".to_owned(),
        "device.reported" => "Device reported changes".to_owned(),
        "device.labelled" => match text("to") {
            "" => "User label removed".to_owned(),
            label => format!("Labelled “{label}”"),
        },
        "user.enrolled" => "User of the device enrolled".to_owned(),
        "user.unenrolled" => "User of the device left management".to_owned(),
        "enrollment.started" => "Enrolment began".to_owned(),
        "enrollment.repeated" => "Device identified itself again".to_owned(),
        "enrollment.foreign_topic" => "Device came with a foreign push topic".to_owned(),
        "enrollment_profile.issued" => "Enrolment profile downloaded".to_owned(),
        "enrollment_token.created" => named("Enrolment link made:"),
        "enrollment_token.revoked" => named("Enrolment link revoked:"),
        "identity.cloned" => "The identity of a device was used by another device".to_owned(),
        "certificate.issued" => "Certificate issued".to_owned(),
        "certificate.revoked" => "Certificate revoked".to_owned(),
        "command.queued" => format!("{}: queued", command()),
        "command.acknowledged" => format!("{}: done", command()),
        "command.failed" => match data["error"]["message"].as_str() {
            Some(why) => format!("{}: failed, {why}", command()),
            None => format!("{}: failed", command()),
        },
        "command.expired" => format!("{}: expired before the device took it", command()),
        "command.cancelled" => format!("{}: cancelled", command()),
        "secret.escrowed" => format!("{} stored", secret_name(text("kind"))),
        "secret.revealed" => format!(
            "{} shown, reason: {}",
            secret_name(text("kind")),
            text("reason")
        ),
        "declaration.written" => "Declaration written".to_owned(),
        "declaration.assigned" => "Declaration assigned".to_owned(),
        "declaration.withdrawn" => "Declaration withdrawn".to_owned(),
        "declaration.refused" => "Device refused a declaration".to_owned(),
        "declarations.errors" => "Device reported errors in declarative management".to_owned(),
        "push.failed" => "A push failed".to_owned(),
        "push.refused" => "The push service refused a push".to_owned(),
        "push.unregistered" => "The push service no longer knows the device".to_owned(),
        "push_certificate.requested" => "Push certificate requested".to_owned(),
        "push_certificate.imported" => "Push certificate imported".to_owned(),
        "session.started" => "Signed in".to_owned(),
        "session.ended" => "Signed out".to_owned(),
        "sign_in_link.created" => named("Sign-in link made for"),
        "passkey.added" => named("Passkey added:"),
        "passkey.removed" => "Passkey removed".to_owned(),
        "admin.created" => named("Administrator added:"),
        "admin.disabled" => "Administrator shut out".to_owned(),
        "admin.enabled" => "Administrator let in again".to_owned(),
        "api_token.created" => named("API token made:"),
        "api_token.revoked" => "API token revoked".to_owned(),
        "webhook.created" => format!("Webhook to {} added", text("url")),
        "webhook.changed" => format!("Webhook to {} changed", text("url")),
        "webhook.removed" => format!("Webhook to {} removed", text("url")),
        "webhook.replayed" => "Webhook set back".to_owned(),
        "webhook.secret_rotated" => "Webhook got a new secret".to_owned(),
        // A kind of a later release is still shown.
        other => other.replace(['.', '_'], " "),
    }
}

/// Who caused something.
pub(super) fn actor(actor: &Actor) -> String {
    let named = |words: &str| {
        if actor.name.is_empty() {
            words.to_owned()
        } else {
            actor.name.clone()
        }
    };
    match actor.kind {
        ActorKind::Admin => named("An administrator"),
        ActorKind::Token => format!("API token {}", named("")),
        ActorKind::Device => "The device".to_owned(),
        ActorKind::Visitor => "A visitor".to_owned(),
        ActorKind::System => "Muster".to_owned(),
        ActorKind::Operator => "The operator".to_owned(),
    }
}

/// A command in words, from its name on the wire.
pub(super) fn command_title(request_type: &str) -> String {
    match apple::commands::find_request_type(request_type) {
        Some(meta) => meta.title.to_owned(),
        None if request_type.is_empty() => "Command".to_owned(),
        None => request_type.to_owned(),
    }
}

/// A kind of escrowed secret in words.
pub(super) fn secret_name(kind: &str) -> String {
    match kind {
        "filevault_recovery_key_cms" => "FileVault recovery key (encrypted)",
        "filevault_key" => "FileVault recovery key",
        "activation_lock_bypass_code" => "Activation Lock bypass code",
        "recovery_lock_password" => "Recovery Lock password",
        "firmware_password" => "Firmware password",
        "device_lock_pin" => "Lock PIN",
        "unlock_token" => "Unlock token",
        "bootstrap_token" => "Bootstrap token",
        other => return capital(&other.replace('_', " ")),
    }
    .to_owned()
}

/// What a scope permits, in words.
pub(super) fn scope_label(scope: Scope) -> &'static str {
    match scope {
        Scope::DevicesRead => "See devices, their facts and commands",
        Scope::DevicesWrite => "Send harmless commands, edit labels",
        Scope::DevicesLock => "Lock devices, switch lost mode",
        Scope::DevicesWipe => "Erase devices, end their management",
        Scope::DevicesRaw => "Send commands that nobody checked",
        Scope::SecretsReveal => "Reveal escrowed secrets",
        Scope::EnrollmentWrite => "Make and revoke enrolment links",
        Scope::DeclarationsWrite => "Write and assign declarations",
        Scope::JournalRead => "Read the journal",
        Scope::WebhooksWrite => "Manage webhooks",
        Scope::TokensWrite => "Manage API tokens",
        Scope::SettingsWrite => "Change settings and certificates",
    }
}

/// The first letter large.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// An event as a row of the journal; `devices` names the devices it may be about.
pub(super) fn entry(event: &Event, devices: &BTreeMap<DeviceId, Device>) -> JournalEntry {
    let draft = &event.draft;
    let device = draft.device.and_then(|id| devices.get(&id));
    let empty = draft.data.as_object().is_none_or(serde_json::Map::is_empty);
    JournalEntry {
        seq: event.seq,
        at: draft.at,
        kind: draft.kind.clone(),
        summary: sentence(&draft.kind, &draft.data),
        actor: actor(&draft.actor),
        address: draft.actor.address.clone(),
        subject: device.map(device_title).unwrap_or_default(),
        href: device
            .map(|device| format!("/devices/{}", device.id))
            .unwrap_or_default(),
        details: if empty {
            String::new()
        } else {
            serde_json::to_string_pretty(&draft.data).unwrap_or_default()
        },
    }
}

/// What a device is called: its name, else its serial number, else its identifier.
pub(super) fn device_title(device: &Device) -> String {
    [&device.name, &device.serial]
        .into_iter()
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_else(|| device.id.to_string())
}

/// A command as a row of a device's page.
pub(super) fn command_row(record: &CommandRecord) -> CommandRow {
    let command = &record.command;
    let finish = record.finish.as_ref();
    let state = match finish {
        Some(finish) => finish.outcome.as_str(),
        None if command.state == CommandState::Queued && command.pushed_at.is_some() => "pushed",
        None => command.state.as_str(),
    };
    let mut steps = vec![("queued".to_owned(), command.order.created_at)];
    let later = [
        ("pushed", command.pushed_at),
        ("sent", command.sent_at),
        ("deferred", command.deferred_at),
    ];
    steps.extend(
        later
            .into_iter()
            .filter_map(|(word, at)| Some((word.to_owned(), at?))),
    );
    steps.extend(finish.map(|finish| (finish.outcome.to_string(), finish.at)));
    steps.sort_by_key(|(_, at)| *at);
    CommandRow {
        id: command.order.id.to_string(),
        name: command_title(&command.order.kind),
        state: state.to_owned(),
        requested_by: actor(&command.order.created_by),
        reason: command.order.reason.clone().unwrap_or_default(),
        outcome: finish
            .and_then(|finish| finish.error.as_ref())
            .map(error_text)
            .unwrap_or_default(),
        steps,
        cancellable: finish.is_none()
            && matches!(command.state, CommandState::Queued | CommandState::Deferred),
    }
}

fn error_text(error: &Json) -> String {
    ["message", "reason"]
        .into_iter()
        .find_map(|key| error[key].as_str())
        .map_or_else(|| error.to_string(), str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_reads_as_a_sentence_and_an_unknown_one_still_reads() {
        let sent = |kind, data| sentence(kind, &data);
        assert_eq!(
            sent("command.queued", json!({"command": "DeviceLock"})),
            "Lock: queued"
        );
        assert_eq!(
            sent(
                "command.failed",
                json!({"command": "DeviceLock", "error": {"message": "no"}})
            ),
            "Lock: failed, no"
        );
        assert_eq!(sent("unheard.of_kind", json!({})), "unheard of kind");
    }

    #[test]
    fn every_kind_of_secret_has_a_name() {
        use apple::commands::EscrowKind as Kind;
        for kind in [
            Kind::FilevaultRecoveryKeyCms,
            Kind::ActivationLockBypassCode,
            Kind::RecoveryLockPassword,
            Kind::FirmwarePassword,
            Kind::DeviceLockPin,
            Kind::UnlockToken,
            Kind::BootstrapToken,
        ] {
            assert!(!secret_name(kind.as_str()).contains('_'));
        }
    }
}
