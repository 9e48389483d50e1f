//! Which command fits which target.

use std::fmt::Write;

use apple::commands::{Command, Target, Unfit, for_inquiry};
use domain::{
    Channel, EnrollmentKind as Kind, OsVersion, Ownership, Platform, Timestamp,
    facts::{self, Assurance, Category, Document, Observation, Report},
    plan::Inquiry,
};
use serde_json::json;

use crate::{
    commands::{command, samples},
    support::golden,
};

/// The targets of the matrix, each under a short name.
fn targets() -> Vec<(&'static str, Target)> {
    let new = |platform, version: &str| Target {
        os_version: Some(OsVersion::new(version)),
        supervised: Some(false),
        shared_ipad: Some(false),
        ..Target::new(platform)
    };
    let automated = |target: Target| Target {
        supervised: Some(true),
        kind: Kind::Automated,
        ..target
    };
    let byod = |target: Target| Target {
        kind: Kind::AccountUser,
        ownership: Ownership::Personal,
        ..target
    };
    let ios = || new(Platform::Ios, "26.1");
    let ipad = || new(Platform::Ipados, "18.1");
    let mac = || new(Platform::Macos, "15.1");
    let shared = || Target {
        shared_ipad: Some(true),
        ..automated(ipad())
    };
    vec![
        ("iphone", ios()),
        ("iphone-automated", automated(ios())),
        ("iphone-byod", byod(ios())),
        (
            "iphone-personal-profile",
            Target {
                ownership: Ownership::Personal,
                ..ios()
            },
        ),
        ("iphone-ios9", new(Platform::Ios, "9.0")),
        ("ipad-shared", shared()),
        (
            "ipad-shared-user",
            Target {
                channel: Channel::User,
                ..shared()
            },
        ),
        (
            "mac-silicon",
            Target {
                apple_silicon: Some(true),
                ..mac()
            },
        ),
        (
            "mac-intel-automated",
            Target {
                apple_silicon: Some(false),
                ..automated(mac())
            },
        ),
        (
            "mac-user",
            Target {
                channel: Channel::User,
                ..mac()
            },
        ),
        ("mac-byod", byod(mac())),
        ("tv", new(Platform::Tvos, "18.1")),
        ("tv-automated", automated(new(Platform::Tvos, "18.1"))),
        ("watch", new(Platform::Watchos, "11.1")),
        (
            "vision-automated",
            automated(new(Platform::Visionos, "2.1")),
        ),
        ("vision-byod", byod(new(Platform::Visionos, "2.1"))),
        ("pc", Target::new(Platform::Windows)),
    ]
}

/// Commands with the parameters that fit most targets.
fn plain() -> Vec<(String, Command)> {
    samples()
        .into_iter()
        .map(|(name, sample)| {
            let json = match name.as_str() {
                "device_lock" | "erase_device" | "restart_device" => json!({"type": name}),
                "delete_user" => json!({"type": name, "user_name": "ada"}),
                "settings" => {
                    json!({"type": name, "settings": [{"item": "organization_info", "info": {}}]})
                }
                "install_application" => json!({"type": name, "identifier": "com.example.work"}),
                _ => return (name, sample),
            };
            let command = command(json);
            (name, command)
        })
        .collect()
}

fn with_pin(name: &str, target: &Target, fallback: Command) -> Command {
    if target.platform == Platform::Macos && matches!(name, "device_lock" | "erase_device") {
        command(json!({"type": name, "pin": "123456"}))
    } else {
        fallback
    }
}

#[test]
fn the_matrix_is_as_recorded() {
    let mut out = String::new();
    for (name, command) in plain() {
        writeln!(out, "{name}").unwrap();
        for (target_name, target) in targets() {
            let fit = with_pin(&name, &target, command.clone()).fits(&target);
            let text = fit.map_or_else(|error| format!("no: {error}"), |()| "yes".into());
            writeln!(out, "  {target_name}: {text}").unwrap();
        }
    }
    golden("fitness.txt", &out);
}

#[test]
fn a_personal_device_is_never_erased_locked_out_opened_or_located() {
    let forbidden = [
        json!({"type": "erase_device"}),
        json!({"type": "erase_device", "pin": "123456"}),
        json!({"type": "clear_passcode", "unlock_token": "dW5sb2Nr"}),
        json!({"type": "enable_lost_mode", "message": "x"}),
        json!({"type": "device_location"}),
        json!({"type": "shut_down_device"}),
        json!({"type": "set_recovery_lock", "new_password": "x"}),
        json!({"type": "set_firmware_password", "new_password": "x"}),
        json!({"type": "delete_user", "user_name": "x"}),
        json!({"type": "installed_application_list"}),
        json!({"type": "raw", "command": {"RequestType": "EraseDevice"}}),
        json!({"type": "raw", "command": {"RequestType": "ClearPasscode"}}),
        json!({"type": "raw", "command": {"RequestType": "DeviceLock", "PIN": "123456"}}),
        json!({"type": "raw", "command": {"RequestType": "InstalledApplicationList"}}),
        json!({"type": "raw", "command": {"RequestType": "RequestUnlockToken"}}),
    ];
    for platform in Platform::ALL {
        for kind in Kind::ALL {
            for supervised in [None, Some(false), Some(true)] {
                let target = Target {
                    ownership: Ownership::Personal,
                    kind: *kind,
                    supervised,
                    ..Target::new(*platform)
                };
                for json in &forbidden {
                    assert!(
                        command(json.clone()).fits(&target).is_err(),
                        "{json} {target:?}"
                    );
                }
            }
        }
    }
    let mac = Target {
        ownership: Ownership::Personal,
        ..Target::new(Platform::Macos)
    };
    let lock = command(json!({"type": "device_lock", "pin": "123456"}));
    assert!(matches!(lock.fits(&mac), Err(Unfit::Personal(_))));
}

#[test]
fn parameters_fit_their_platform_only() {
    let ios = Target::new(Platform::Ios);
    let mac = Target::new(Platform::Macos);
    let silicon = Target {
        apple_silicon: Some(true),
        ..mac.clone()
    };
    for (json, target, expected) in [
        (
            json!({"type": "device_lock"}),
            &mac,
            Err(Unfit::Needs("pin")),
        ),
        (json!({"type": "device_lock"}), &ios, Ok(())),
        (
            json!({"type": "erase_device"}),
            &mac,
            Err(Unfit::Needs("pin")),
        ),
        (json!({"type": "erase_device"}), &silicon, Ok(())),
        (
            json!({"type": "device_lock", "pin": "123456"}),
            &ios,
            Err(Unfit::Parameter {
                parameter: "pin",
                platform: Platform::Ios,
            }),
        ),
        (
            json!({"type": "erase_device", "preserve_data_plan": true}),
            &silicon,
            Err(Unfit::Parameter {
                parameter: "preserve_data_plan",
                platform: Platform::Macos,
            }),
        ),
        (
            json!({"type": "erase_device", "return_to_service": {}}),
            &silicon,
            Err(Unfit::Parameter {
                parameter: "return_to_service",
                platform: Platform::Macos,
            }),
        ),
        (
            json!({"type": "erase_device", "obliteration_behavior": "DoNotObliterate"}),
            &silicon,
            Ok(()),
        ),
        (
            json!({"type": "settings", "settings": [{"item": "host_name", "value": "x"}]}),
            &ios,
            Err(Unfit::Platform(Platform::Ios)),
        ),
        (
            json!({"type": "settings", "settings": [{"item": "host_name", "value": "x"}]}),
            &mac,
            Ok(()),
        ),
    ] {
        assert_eq!(command(json.clone()).fits(target), expected, "{json}");
    }
    let old = Target {
        os_version: Some(OsVersion::new("16.7")),
        ..ios
    };
    let back = command(json!({"type": "erase_device", "return_to_service": {}}));
    assert!(matches!(back.fits(&old), Err(Unfit::TooOld { .. })));
}

#[test]
fn what_is_unknown_does_not_refuse() {
    let target = Target::new(Platform::Ipados);
    for json in [
        json!({"type": "enable_lost_mode", "message": "x"}),
        json!({"type": "user_list"}),
        json!({"type": "declarative_management"}),
    ] {
        assert_eq!(command(json.clone()).fits(&target), Ok(()), "{json}");
    }
}

#[test]
fn inquiries_ask_no_more_than_the_ownership_allows() {
    for (name, target) in targets() {
        for inquiry in Inquiry::ALL {
            let Some(command) = for_inquiry(*inquiry, &target) else {
                continue;
            };
            assert_eq!(command.fits(&target), Ok(()), "{name}");
            let json = serde_json::to_value(&command).unwrap();
            if target.ownership == Ownership::Personal && *inquiry == Inquiry::InstalledApplications
            {
                assert_eq!(json["managed_apps_only"], true, "{name}");
            }
        }
    }
    let iphone = Target::new(Platform::Ios);
    assert!(for_inquiry(Inquiry::InstalledApplications, &iphone).is_some());
    let user = Target {
        channel: Channel::User,
        ..iphone
    };
    assert!(for_inquiry(Inquiry::SecurityInfo, &user).is_none());
    assert!(for_inquiry(Inquiry::Profiles, &Target::new(Platform::Android)).is_none());
}

#[test]
fn a_target_learns_from_facts() {
    let document = |key: &str, value: serde_json::Value| {
        let report = Report {
            observed_at: Timestamp::from_millis(1),
            origin: "DeviceInformation".into(),
            assurance: Assurance::SelfReported,
            observations: vec![Observation::set(Category::Os, key, value)],
        };
        let mut document = Document::new();
        facts::apply(&mut document, Category::Os, &report);
        document
    };
    let mut target = Target::new(Platform::Macos);
    target.learn(Category::Os, &document("version", json!("15.1")));
    target.learn(Category::Security, &document("supervised", json!(true)));
    target.learn(Category::Hardware, &document("apple_silicon", json!(false)));
    target.learn(Category::Capabilities, &document("unrelated", json!(true)));
    assert_eq!(target.os_version, Some(OsVersion::new("15.1")));
    assert_eq!(
        (target.supervised, target.apple_silicon),
        (Some(true), Some(false))
    );
    // What a later report does not say is not forgotten.
    target.learn(Category::Security, &document("unrelated", json!(1)));
    assert_eq!((target.supervised, target.shared_ipad), (Some(true), None));
}
