//! Sample devices, their commands and the pages that act on them.

use super::*;

pub(in super::super) fn rows() -> Vec<DeviceRow> {
    (0..30)
        .map(|index| DeviceRow {
            id: format!("0193-demo-{index}"),
            name: if index % 7 == 5 {
                String::new()
            } else {
                format!("Sample device {index}")
            },
            serial: format!("ZZDEMO{index:06}"),
            platform: text(["ios", "ipados", "macos", "tvos"][index % 4]),
            os_version: text(["26.1", "26.0.1", "18.7"][index % 3]),
            model: text("iPhone 17"),
            user: if index % 5 == 4 {
                String::new()
            } else {
                text("kim.sample@example.org")
            },
            ownership: text(["corporate", "cope", "personal"][index % 3]),
            state: text(
                [
                    "enrolled",
                    "enrolled",
                    "enrolled",
                    "enrolling",
                    "unenrolled",
                    "wiped",
                ][index % 6],
            ),
            supervised: index % 4 == 0,
            last_seen_at: (index % 9 != 8).then(|| before(index as u64 * index as u64 * 11)),
            now: now(),
        })
        .collect()
}

pub(super) fn devices(query: DeviceQuery, rows: Vec<DeviceRow>) -> DevicesPage {
    DevicesPage {
        shell: live(),
        total: if rows.is_empty() { 0 } else { 12_480 },
        problems: Vec::new(),
        pager: Pager {
            label: text("Devices"),
            first: Some(query.first_href()),
            previous: Some(query.before_href("b")),
            next: Some(query.after_href("a")),
        },
        query,
        rows,
    }
}

fn command(id: &str, name: &str, state: &str, steps: &[&str]) -> CommandRow {
    CommandRow {
        id: text(id),
        name: text(name),
        state: text(state),
        requested_by: text("Sam Example"),
        reason: if name.starts_with("Lock") {
            text("INC-1042, left on a train")
        } else {
            String::new()
        },
        outcome: if state == "failed" {
            text("The device says: the profile is not signed (4001).")
        } else {
            String::new()
        },
        steps: steps
            .iter()
            .enumerate()
            .map(|(index, step)| (text(step), before(90 - 20 * index as u64)))
            .collect(),
        cancellable: state == "queued",
    }
}

pub(in super::super) fn device() -> DevicePage {
    DevicePage {
        shell: live(),
        summary: DeviceSummary {
            identity: identity("cope"),
            state: text("enrolled"),
            supervised: true,
            enrolled_at: Some(before(60 * 24 * 40)),
            enrolled_by: text("with a profile"),
            certificate_expires_at: Some(after(300)),
            waiting: 2,
            now: now(),
        },
        commands: CommandPanel {
            device_id: text("0193-demo-1"),
            csrf: text("sample-csrf"),
            upcoming: vec![
                command(
                    "c1",
                    "Lock the device",
                    "sent",
                    &["queued", "pushed", "sent"],
                ),
                command("c2", "Ask for installed apps", "queued", &["queued"]),
            ],
            past: vec![
                command(
                    "c3",
                    "Ask for device information",
                    "acknowledged",
                    &["queued", "pushed", "sent", "acknowledged"],
                ),
                command(
                    "c4",
                    "Install a profile",
                    "failed",
                    &["queued", "sent", "failed"],
                ),
                command("c5", "Restart", "cancelled", &["queued", "cancelled"]),
            ],
            now: now(),
        },
        menu: vec![
            (text("RestartDevice"), text("Restart")),
            (text("ClearPasscode"), text("Clear the passcode")),
        ],
        facts: vec![
            FactGroup {
                title: text("Hardware"),
                facts: vec![
                    FactRow {
                        name: text("Serial number"),
                        value: text("ZZDEMO000017"),
                        reported_at: before(3),
                        attested: true,
                    },
                    FactRow {
                        name: text("Battery"),
                        value: text("81 %"),
                        reported_at: before(3),
                        attested: false,
                    },
                ],
            },
            FactGroup {
                title: text("Security"),
                facts: vec![FactRow {
                    name: text("Passcode set"),
                    value: text("Yes"),
                    reported_at: before(600),
                    attested: false,
                }],
            },
        ],
        withheld: text(
            "Private apps are not collected on this device: 14 were left out of the last report.",
        ),
        profiles: vec![ProfileRow {
            name: text("Muster management"),
            identifier: text("org.example.muster.mdm"),
            source: text("Muster"),
            state: Tag::new("Installed", Tone::Good),
        }],
        apps: vec![AppRow {
            name: text("Example Notes"),
            identifier: text("org.example.notes"),
            version: text("4.2"),
            managed: true,
        }],
        certificates: vec![CertificateRow {
            name: text("Device identity"),
            issuer: text("Muster issuing CA"),
            expires_at: Some(after(300)),
            is_identity: true,
        }],
        declarations: vec![DeclarationRow {
            kind: text("com.apple.configuration.passcode.settings"),
            identifier: text("org.example.passcode"),
            state: Tag::new("Not valid", Tone::Bad),
            reasons: text("Error.ConfigurationNotSupported"),
            reported_at: Some(before(12)),
        }],
        secrets: vec![secret()],
        reports: vec![report()],
        journal: entries(),
    }
}

pub(super) fn secret() -> SecretRow {
    SecretRow {
        id: text("s1"),
        name: text("Unlock token"),
        stored_at: before(60 * 24 * 40),
        last_revealed_by: text("Sam Example"),
        last_revealed_at: Some(before(60 * 24)),
    }
}

pub(super) fn report() -> ReportRow {
    ReportRow {
        id: text("r1"),
        kind: text("DeviceInformation"),
        received_at: before(3),
        bytes: 4096,
    }
}

pub(super) fn bad_form() -> Form {
    Form::new()
        .with("serial", "ZZDEMO000018")
        .with_error("reason", "Enter a reason")
        .with_error("serial", "The serial number is not the one of this device")
}

fn restart(hazardous: bool) -> CommandChoice {
    CommandChoice {
        name: text(if hazardous { "EraseDevice" } else { "Settings" }),
        label: text(if hazardous { "Wipe" } else { "Change settings" }),
        summary: text("Changes what the device is called and how it behaves."),
        unfit: String::new(),
    }
}

pub(super) fn send(chosen: bool) -> SendCommandPage {
    SendCommandPage {
        shell: shell(),
        device: identity("corporate"),
        choices: vec![
            restart(false),
            CommandChoice {
                name: text("RestartDevice"),
                label: text("Restart"),
                summary: text("Restarts at once."),
                unfit: text("it must be supervised."),
            },
        ],
        chosen: chosen.then(|| restart(false)),
        parameters: vec![
            Parameter {
                name: text("DeviceName"),
                label: text("Name"),
                hint: text("At most 63 letters."),
                kind: ParameterKind::Text,
                required: true,
            },
            Parameter {
                name: text("Days"),
                label: text("Days"),
                hint: String::new(),
                kind: ParameterKind::Number,
                required: false,
            },
            Parameter {
                name: text("Roaming"),
                label: text("Allow roaming"),
                hint: text("Data abroad may cost money."),
                kind: ParameterKind::Boolean,
                required: false,
            },
            Parameter {
                name: text("Mode"),
                label: text("Mode"),
                hint: String::new(),
                kind: ParameterKind::Choice(vec![
                    Choice::new("a", "Always"),
                    Choice::new("n", "Never"),
                ]),
                required: false,
            },
            Parameter {
                name: text("Identifiers"),
                label: text("Identifiers"),
                hint: text("One on each line."),
                kind: ParameterKind::Lines,
                required: false,
            },
            Parameter {
                name: text("Payload"),
                label: text("Profile"),
                hint: String::new(),
                kind: ParameterKind::Document,
                required: true,
            },
        ],
        hazardous: true,
        form: Form::new(),
    }
}
