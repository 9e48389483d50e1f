//! What answers to commands mean.

use apple::commands::{Command, CommandResult, Effect, EscrowKind, Outcome};
use domain::facts::{Category, Observation};
use serde_json::{Value, json};

use crate::{
    commands::{command, samples},
    support::{golden, report},
};

fn observe(json: Value, answer: &str) -> Outcome {
    command(json).observe(&report(answer))
}

fn simple(name: &str, answer: &str) -> Outcome {
    let (_, command) = samples()
        .into_iter()
        .find(|(sample, _)| sample == name)
        .unwrap();
    command.observe(&report(answer))
}

fn show(observations: &[Observation]) -> String {
    let mut lines: Vec<String> = observations
        .iter()
        .map(|observation| match observation {
            Observation::Set {
                category,
                key,
                value,
            } => format!("{category}.{key} = {value}"),
            Observation::Replace { category, entries } => {
                format!("{category} := {}", serde_json::to_string(entries).unwrap())
            }
        })
        .collect();
    lines.sort();
    lines.join("\n") + "\n"
}

fn secrets(outcome: &Outcome) -> Vec<(EscrowKind, String)> {
    outcome
        .escrow
        .iter()
        .map(|escrow| {
            let text = String::from_utf8(escrow.secret.expose().clone()).unwrap();
            (escrow.kind, text)
        })
        .collect()
}

#[test]
fn inventory_becomes_facts() {
    for (name, json) in [
        (
            "device_information",
            json!({"type": "device_information", "queries": ["OSVersion"]}),
        ),
        ("security_info", json!({"type": "security_info"})),
        (
            "installed_applications",
            json!({"type": "installed_application_list"}),
        ),
        (
            "managed_applications",
            json!({"type": "managed_application_list"}),
        ),
        ("profiles", json!({"type": "profile_list"})),
        (
            "provisioning_profiles",
            json!({"type": "provisioning_profile_list"}),
        ),
        ("certificates", json!({"type": "certificate_list"})),
        ("users", json!({"type": "user_list"})),
        ("location", json!({"type": "device_location"})),
    ] {
        let outcome = observe(json, name);
        assert_eq!(outcome.result, CommandResult::Done);
        golden(&format!("facts_{name}.txt"), &show(&outcome.observations));
    }
}

#[test]
fn a_filtered_list_removes_nothing() {
    let outcome = observe(
        json!({"type": "installed_application_list", "identifiers": ["com.example.work"], "managed_apps_only": true}),
        "installed_applications",
    );
    assert!(
        outcome
            .observations
            .iter()
            .all(|observation| matches!(observation, Observation::Set { .. }))
    );
    let Observation::Set { value, .. } = &outcome.observations[0] else {
        panic!("an entry");
    };
    assert_eq!(value["managed"], json!(true));
}

#[test]
fn secrets_go_into_escrow() {
    assert_eq!(
        secrets(&simple("security_info", "security_info")),
        [(EscrowKind::FilevaultRecoveryKeyCms, "cms-synthetic".into())]
    );
    assert_eq!(
        secrets(&simple("rotate_file_vault_key", "rotate_key")),
        [(EscrowKind::FilevaultRecoveryKeyCms, "cms-new".into())]
    );
    assert_eq!(
        secrets(&simple("activation_lock_bypass_code", "bypass_code")),
        [(
            EscrowKind::ActivationLockBypassCode,
            "SYNTH-00000-0000-0000-0000-0000".into()
        )]
    );
    assert_eq!(
        secrets(&simple("set_recovery_lock", "empty")),
        [(EscrowKind::RecoveryLockPassword, "secret-new".into())]
    );
    let lock = simple("device_lock", "empty");
    assert_eq!(
        secrets(&lock),
        [(EscrowKind::DeviceLockPin, "123456".into())]
    );
    assert!(!format!("{lock:?}").contains("123456"));
}

#[test]
fn the_pin_is_known_before_the_device_has_it() {
    let lock = command(json!({"type": "device_lock", "pin": "123456"}));
    assert_eq!(lock.secrets()[0].kind, EscrowKind::DeviceLockPin);
    // A refused command brings nothing into escrow.
    assert!(lock.observe(&report("error")).escrow.is_empty());
}

#[test]
fn a_firmware_password_that_was_not_changed_is_not_kept() {
    let outcome = simple("set_firmware_password", "firmware_unchanged");
    assert!(outcome.escrow.is_empty());
    assert!(matches!(outcome.result, CommandResult::Failed(_)));
}

#[test]
fn an_acknowledged_command_may_still_have_failed() {
    let outcome = observe(
        json!({"type": "settings", "settings": [
            {"item": "device_name", "value": "x"}, {"item": "bluetooth", "enabled": true}]}),
        "settings",
    );
    assert_eq!(
        outcome.result,
        CommandResult::Failed("Bluetooth: No (D 1)".into())
    );
    let outcome = simple("install_application", "install_rejected");
    assert_eq!(
        outcome.result,
        CommandResult::Failed("the device refused: AppAlreadyInstalled".into())
    );
}

#[test]
fn effects_follow() {
    assert_eq!(simple("erase_device", "empty").effects, [Effect::Erased]);
    assert_eq!(
        simple("device_configured", "empty").effects,
        [Effect::Configured]
    );
    assert_eq!(
        simple("install_profile", "empty").effects,
        [Effect::Refresh(Category::Profiles)]
    );
    assert_eq!(
        simple("declarative_management", "empty").effects,
        [Effect::DeclarativeManagementEnabled]
    );
    let off = simple("disable_lost_mode", "empty");
    assert!(off.observations.iter().any(
        |o| matches!(o, Observation::Replace { category: Category::Location, entries } if entries.is_empty())
    ));
}

#[test]
fn a_raw_command_has_the_consequences_of_the_known_one() {
    let erase =
        command(json!({"type": "raw", "command": {"RequestType": "EraseDevice", "PIN": "123456"}}));
    assert_eq!(erase.secrets()[0].kind, EscrowKind::DeviceLockPin);
    assert_eq!(erase.observe(&report("empty")).effects, [Effect::Erased]);
}

#[test]
fn only_an_acknowledgement_has_consequences() {
    for (name, command) in samples() {
        for answer in ["idle", "not_now", "error", "format_error"] {
            let outcome = command.observe(&report(answer));
            assert!(outcome.observations.is_empty(), "{name} {answer}");
            assert!(outcome.escrow.is_empty(), "{name} {answer}");
            assert!(outcome.effects.is_empty(), "{name} {answer}");
        }
        assert_eq!(
            command.observe(&report("not_now")).result,
            CommandResult::Deferred
        );
        assert_eq!(
            command.observe(&report("idle")).result,
            CommandResult::Undecided
        );
    }
}

#[test]
fn any_answer_to_any_command_is_survived() {
    let answers = [
        "device_information",
        "security_info",
        "installed_applications",
        "managed_applications",
        "profiles",
        "certificates",
        "users",
        "location",
        "settings",
        "rotate_key",
        "empty",
    ];
    for (name, command) in samples() {
        for answer in answers {
            let outcome: Outcome = Command::observe(&command, &report(answer));
            assert!(
                !matches!(
                    outcome.result,
                    CommandResult::Deferred | CommandResult::Undecided
                ),
                "{name} {answer}"
            );
        }
    }
}
