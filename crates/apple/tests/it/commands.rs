//! Every command: JSON, encoding, registry.

use std::collections::BTreeSet;

use apple::{
    commands::{ALL, Command, DeviceInformation, Priority, Target, find, find_request_type},
    plist::{Limits, read_dict},
};
use domain::{EnrollmentKind, Ownership, Platform, command::Hazard};
use serde_json::{Value, json};

use crate::support::golden;

const UUID: &str = "00000000-0000-7000-8000-000000000001";

/// One of each, in the form the API takes.
fn sample_json() -> Vec<Value> {
    vec![
        json!({"type": "device_information", "queries": ["OSVersion", "DeviceName"], "attestation_nonce": "AAEC"}),
        json!({"type": "security_info"}),
        json!({"type": "installed_application_list", "identifiers": ["com.example.work"], "managed_apps_only": true}),
        json!({"type": "managed_application_list"}),
        json!({"type": "profile_list", "managed_only": true}),
        json!({"type": "provisioning_profile_list"}),
        json!({"type": "certificate_list", "managed_only": true}),
        json!({"type": "user_list"}),
        json!({"type": "install_profile", "payload": "cHJvZmlsZQ=="}),
        json!({"type": "remove_profile", "identifier": "com.example.wifi"}),
        json!({"type": "install_application", "itunes_store_id": 361_309_726, "device_license": true, "management_flags": 5,
               "configuration": {"server": "https://example.com", "key": {"$data": "AQI="}}, "attributes": {"Removable": false}}),
        json!({"type": "install_enterprise_application", "manifest_url": "https://example.com/manifest.plist", "install_as_managed": true}),
        json!({"type": "remove_application", "identifier": "com.example.work"}),
        json!({"type": "settings", "settings": [
            {"item": "device_name", "value": "Front desk"},
            {"item": "bluetooth", "enabled": true},
            {"item": "wallpaper", "image": "AAEC", "where": 3},
            {"item": "activation_lock", "allowed": false},
            {"item": "application_configuration", "identifier": "com.example.work", "configuration": {"a": 1}},
            {"item": "organization_info", "info": {"OrganizationName": "Example"}},
        ]}),
        json!({"type": "declarative_management", "data": "e30="}),
        json!({"type": "device_configured"}),
        json!({"type": "restart_device", "notify_user": true}),
        json!({"type": "shut_down_device"}),
        json!({"type": "device_lock", "pin": "123456", "message": "Please return", "phone_number": "+10000000000"}),
        json!({"type": "clear_passcode", "unlock_token": "dW5sb2Nr"}),
        json!({"type": "erase_device", "preserve_data_plan": true, "disallow_proximity_setup": true,
               "return_to_service": {"wifi_profile": "AAEC", "mdm_profile": "AwQF", "bootstrap_token": "BgcI"}}),
        json!({"type": "enable_lost_mode", "message": "Lost", "phone_number": "+10000000000", "footnote": "Example"}),
        json!({"type": "disable_lost_mode"}),
        json!({"type": "device_location"}),
        json!({"type": "play_lost_mode_sound"}),
        json!({"type": "activation_lock_bypass_code"}),
        json!({"type": "rotate_file_vault_key", "unlock_password": "secret-old", "reply_encryption_certificate": "AAEC"}),
        json!({"type": "set_recovery_lock", "current_password": "secret-old", "new_password": "secret-new"}),
        json!({"type": "verify_recovery_lock", "password": "secret-new"}),
        json!({"type": "set_firmware_password", "new_password": "secret-new", "allow_oroms": true}),
        json!({"type": "log_out_user"}),
        json!({"type": "delete_user", "user_name": "ada", "force_deletion": true}),
        json!({"type": "refresh_cellular_plans", "esim_server_url": "https://esim.example.com"}),
        json!({"type": "raw", "command": {"RequestType": "ValidateApplications", "Identifiers": ["com.example.work"], "Blob": {"$data": "AAEC"}}}),
    ]
}

/// One of each, with its name.
pub(crate) fn samples() -> Vec<(String, Command)> {
    sample_json()
        .into_iter()
        .map(|json| {
            let name = json["type"].as_str().unwrap().to_owned();
            (name, command(json))
        })
        .collect()
}

pub(crate) fn command(json: Value) -> Command {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn the_samples_cover_the_registry() {
    let sampled: BTreeSet<_> = samples().into_iter().map(|(name, _)| name).collect();
    let known: BTreeSet<_> = ALL.iter().map(|meta| meta.name.to_owned()).collect();
    assert_eq!(sampled, known);
}

#[test]
fn json_round_trips() {
    for json in sample_json() {
        assert_eq!(serde_json::to_value(command(json.clone())).unwrap(), json);
    }
}

#[test]
fn each_command_is_encoded_as_recorded() {
    for (name, command) in samples() {
        let bytes = command.encode(UUID);
        golden(
            &format!("{name}.plist"),
            std::str::from_utf8(&bytes).unwrap(),
        );
        let dict = read_dict(&bytes, Limits::DEFAULT).unwrap();
        assert_eq!(dict.string("CommandUUID"), Some(UUID));
        let request_type = dict.dict("Command").unwrap().string("RequestType").unwrap();
        assert_eq!(request_type, command.request_type());
        if name != "raw" {
            assert_eq!(request_type, command.meta().request_type);
            assert_eq!(find_request_type(request_type).unwrap().name, name);
        }
        assert_eq!(find(&name).unwrap().name, command.name());
        assert_eq!(command.validate(), Ok(()), "{name}");
    }
}

#[test]
fn every_parameter_of_a_sample_is_in_its_schema() {
    for json in sample_json() {
        let name = json["type"].as_str().unwrap();
        let schema = find(name).unwrap().entry().parameters;
        for key in json.as_object().unwrap().keys() {
            assert!(
                schema["properties"].get(key).is_some(),
                "{name} does not list {key}"
            );
        }
        for required in schema["required"].as_array().unwrap() {
            assert!(
                json.get(required.as_str().unwrap()).is_some(),
                "{name} needs {required}"
            );
        }
    }
}

#[test]
fn unknown_parameters_and_commands_are_refused() {
    for json in [
        json!({"type": "restart_device", "notify": true}),
        json!({"type": "security_info", "x": 1}),
        json!({"type": "explode"}),
        json!({"type": "settings", "settings": [{"item": "bluetooth", "enabled": true, "x": 1}]}),
        json!({"type": "install_profile", "payload": "not base64!"}),
        json!({"type": "erase_device", "return_to_service": {"wifi": "AAEC"}}),
    ] {
        assert!(
            serde_json::from_value::<Command>(json.clone()).is_err(),
            "{json}"
        );
    }
}

#[test]
fn senseless_parameters_are_refused() {
    for json in [
        json!({"type": "device_lock", "pin": "12345"}),
        json!({"type": "device_lock", "pin": "12345a"}),
        json!({"type": "erase_device", "pin": "1234567"}),
        json!({"type": "device_information", "queries": []}),
        json!({"type": "device_information", "queries": [], "attestation_nonce": ""}),
        json!({"type": "install_profile", "payload": ""}),
        json!({"type": "remove_profile", "identifier": " "}),
        json!({"type": "install_application"}),
        json!({"type": "install_application", "identifier": "a", "itunes_store_id": 1}),
        json!({"type": "install_application", "manifest_url": "http://example.com"}),
        json!({"type": "install_application", "identifier": "a", "configuration": {"x": null}}),
        json!({"type": "install_enterprise_application"}),
        json!({"type": "settings", "settings": []}),
        json!({"type": "settings", "settings": [{"item": "wallpaper", "image": "AA==", "where": 4}]}),
        json!({"type": "clear_passcode", "unlock_token": "?"}),
        json!({"type": "enable_lost_mode", "footnote": "x"}),
        json!({"type": "rotate_file_vault_key", "unlock_password": "x", "reply_encryption_certificate": ""}),
        json!({"type": "delete_user"}),
        json!({"type": "delete_user", "user_name": "a", "delete_all_users": true}),
        json!({"type": "refresh_cellular_plans", "esim_server_url": "http://x"}),
        json!({"type": "raw", "command": {}}),
        json!({"type": "raw", "command": {"RequestType": "X", "Y": null}}),
    ] {
        assert!(command(json.clone()).validate().is_err(), "{json}");
    }
}

#[test]
fn secrets_appear_neither_in_summaries_nor_in_debug_nor_redacted() {
    for (name, command) in samples() {
        let shown = format!("{} {command:?} {}", command.summary(), command.redacted());
        for secret in [
            "123456",
            "secret-old",
            "secret-new",
            "dW5sb2Nr",
            "BgcI",
            "cHJvZmlsZQ",
            "https://example.com\"",
            "$data",
        ] {
            assert!(!shown.contains(secret), "{name}: {shown}");
        }
    }
    let raw = samples().pop().unwrap().1;
    assert_eq!(
        raw.redacted(),
        json!({"type": "raw", "command": "[secret]"})
    );
    assert_eq!(raw.summary(), "Raw command ValidateApplications");
}

#[test]
fn a_lost_device_comes_first() {
    let order = |name: &str| find(name).unwrap().priority;
    for name in [
        "erase_device",
        "device_lock",
        "enable_lost_mode",
        "clear_passcode",
    ] {
        assert_eq!(order(name), Priority::Lost, "{name}");
    }
    assert!(order("device_configured") > order("install_profile"));
    assert!(order("install_profile") > order("security_info"));
    assert!(Priority::Lost.value() > Priority::Urgent.value());
    assert!(Priority::Normal.value() > Priority::Background.value());
}

#[test]
fn hazards_are_marked() {
    let hazards: Vec<_> = samples()
        .into_iter()
        .filter(|(_, command)| command.hazard() != Hazard::None)
        .map(|(name, command)| format!("{name}: {:?}", command.hazard()))
        .collect();
    golden("hazards.txt", &(hazards.join("\n") + "\n"));
    // By hand it is no less dangerous.
    for (json, expected) in [
        (json!({"RequestType": "EraseDevice"}), Hazard::Wipe),
        (
            json!({"RequestType": "RemoveProfile", "Identifier": "com.example.enroll"}),
            Hazard::Unenroll,
        ),
        (
            json!({"RequestType": "RemoveProfile", "Identifier": "com.example.wifi"}),
            Hazard::Raw,
        ),
        (json!({"RequestType": "SecurityInfo"}), Hazard::Raw),
    ] {
        let raw = command(json!({"type": "raw", "command": json}));
        assert_eq!(raw.hazard_on("com.example.enroll"), expected, "{raw:?}");
    }
    let remove = command(json!({"type": "remove_profile", "identifier": "com.example.enroll"}));
    assert_eq!(remove.hazard_on("com.example.enroll"), Hazard::Unenroll);
    assert_eq!(remove.hazard_on("com.example.other"), Hazard::None);
    // Who does not say which profile enrolled the device gets the worst case.
    assert_eq!(remove.hazard(), Hazard::Unenroll);
}

#[test]
fn what_a_personal_device_is_asked_holds_nothing_private() {
    let target = Target {
        ownership: Ownership::Personal,
        ..Target::new(Platform::Ios)
    };
    let asked = DeviceInformation::for_target(&target);
    for query in ["WiFiMAC", "ServiceSubscriptions", "IsRoaming", "TimeZone"] {
        assert!(!asked.queries.iter().any(|q| q == query), "{query}");
    }
    assert_eq!(Command::from(asked).fits(&target), Ok(()));
    let nosy = command(json!({"type": "device_information", "queries": ["PhoneNumber"]}));
    assert!(nosy.fits(&target).is_err());
    let corporate = DeviceInformation::for_target(&Target::new(Platform::Macos));
    assert!(corporate.queries.iter().any(|q| q == "WiFiMAC"));
    let user_enrollment = DeviceInformation::for_target(&Target {
        kind: EnrollmentKind::AccountUser,
        ..target
    });
    assert!(!user_enrollment.queries.iter().any(|q| q == "SerialNumber"));
}

#[test]
fn installing_a_readable_profile_names_it() {
    let profile =
        apple::profile::Profile::new("com.example.wifi", uuid::Uuid::nil(), "Office Wi-Fi")
            .encode();
    let install = Command::from(apple::commands::InstallProfile { payload: profile });
    assert_eq!(install.summary(), "Install profile Office Wi-Fi");
}
