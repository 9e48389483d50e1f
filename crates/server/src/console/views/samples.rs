//! Every page with sample data. All names, numbers and addresses are made up.

use std::time::Duration;

use askama::Template;
use domain::Timestamp;

use super::*;
use crate::console::{
    charts::{Bar, BarChart, QrCode},
    components::{Choice, Form, Pager, Tag, Tone},
};

mod fleet;

use fleet::{bad_form, devices, report, secret, send};
pub(super) use fleet::{device, rows};

fn now() -> Timestamp {
    "2026-11-21T14:03:21Z".parse().unwrap()
}

fn before(minutes: u64) -> Timestamp {
    now().minus(Duration::from_secs(minutes * 60))
}

fn after(days: u64) -> Timestamp {
    now().plus(Duration::from_secs(days * 86_400))
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn outside() -> Shell {
    Shell {
        organization: text("Example Council"),
        csrf: text("sample-csrf"),
        now: now(),
        here: text("/here?a=1&b=2"),
        ..Shell::default()
    }
}

fn shell() -> Shell {
    Shell {
        user: Some(text("Sam Example")),
        ..outside()
    }
}

fn live() -> Shell {
    Shell {
        live_after: Some(48_213),
        demo: true,
        notices: vec![Notice::new(
            "The lock was queued. The device is told at once.",
            Tone::Good,
        )],
        ..shell()
    }
}

fn identity(ownership: &str) -> DeviceIdentity {
    DeviceIdentity {
        id: text("0193-demo-1"),
        name: text("Reception iPad <2>"),
        serial: text("ZZDEMO000017"),
        platform: text("ipados"),
        os_version: text("26.1"),
        model: text("iPad Air 13-inch (M3)"),
        user: text("Kim Sample"),
        ownership: text(ownership),
        last_seen_at: Some(before(3)),
    }
}

fn mac() -> DeviceIdentity {
    DeviceIdentity {
        name: text("Sample-MacBook"),
        serial: text("ZZDEMO000404"),
        platform: text("macos"),
        model: text("MacBook Air 13-inch"),
        ..identity("corporate")
    }
}

fn entries() -> Vec<JournalEntry> {
    [
        (
            "command.acknowledged",
            "Lock the device was done on",
            "Reception iPad",
            "",
        ),
        (
            "device.enrolled",
            "Enrolled with the link “Front desks”:",
            "ZZDEMO000017",
            "",
        ),
        (
            "secret.revealed",
            "FileVault recovery key shown, reason “INC-1042, user on the phone”, of",
            "Sample-MacBook",
            "{\n  \"reason\": \"INC-1042, user on the phone\",\n  \"secret\": \"[secret]\"\n}",
        ),
        ("session.started", "Signed in with a passkey", "", ""),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (kind, summary, subject, details))| JournalEntry {
        seq: 48_213 - index as u64,
        at: before(index as u64 * 47),
        kind: text(kind),
        summary: text(summary),
        actor: text("Sam Example"),
        address: text("192.0.2.7"),
        subject: text(subject),
        href: if subject.is_empty() {
            String::new()
        } else {
            text("/devices/0193-demo-1")
        },
        details: text(details),
    })
    .collect()
}

fn bars(id: &str, title: &str, kind: &str, values: &[(&str, u64)]) -> BarChart {
    BarChart {
        id: text(id),
        title: text(title),
        kind: text(kind),
        unit: text("Devices"),
        bars: values
            .iter()
            .map(|(label, value)| Bar {
                label: text(label),
                value: *value,
                href: format!("/devices?platform={label}"),
            })
            .collect(),
    }
}

fn expiries() -> Vec<Expiry> {
    vec![
        Expiry {
            name: text("Push certificate"),
            detail: text("com.apple.mgmt.External.00000000-demo"),
            at: Some(after(17)),
            href: text("/settings/push"),
            consequence: text("Apple devices can then not be woken any more."),
        },
        Expiry {
            name: text("TLS certificate"),
            detail: text("mdm.example.org"),
            at: Some(after(74)),
            href: String::new(),
            consequence: text("Devices and browsers then refuse the connection."),
        },
        Expiry {
            name: text("Issuing certificate authority"),
            detail: String::new(),
            at: Some(after(1800)),
            href: String::new(),
            consequence: text("Devices can then not renew their identity."),
        },
        Expiry {
            name: text("Deployment programme token"),
            detail: String::new(),
            at: None,
            href: String::new(),
            consequence: String::new(),
        },
    ]
}

pub(super) fn overview(empty: bool) -> OverviewPage {
    OverviewPage {
        shell: live(),
        figures: [
            ("Managed devices", 12_480, "/devices?state=enrolled", false),
            ("Seen today", 11_902, "/devices?seen=1d", false),
            ("Not seen for 30 days", 214, "/devices?seen=over-30d", true),
            ("Commands waiting", 37, "/devices", false),
        ]
        .map(|(label, value, href, attention)| Figure {
            label: text(label),
            value: if empty { 0 } else { value },
            href: text(href),
            attention,
        })
        .to_vec(),
        by_platform: bars(
            "platform",
            "Devices by platform",
            "Platform",
            if empty {
                &[]
            } else {
                &[
                    ("iOS", 7210),
                    ("iPadOS", 2904),
                    ("macOS", 2331),
                    ("tvOS", 35),
                ]
            },
        ),
        by_state: bars(
            "state",
            "Devices by state",
            "State",
            if empty {
                &[]
            } else {
                &[
                    ("Managed", 12_101),
                    ("Enrolling", 23),
                    ("No longer managed", 341),
                    ("Wiped", 15),
                ]
            },
        ),
        recent: if empty { Vec::new() } else { entries() },
        expiries: expiries(),
    }
}

fn token(id: &str) -> EnrollmentTokenView {
    EnrollmentTokenView {
        id: text(id),
        name: format!("Front desks {id}"),
        ownership: text("cope"),
        platforms: vec![text("ios"), text("ipados")],
        serials: vec![text("ZZDEMO000017"), text("ZZDEMO000018")],
        used: 3,
        uses: Some(20),
        created_by: text("Sam Example"),
        created_at: before(9000),
        expires_at: after(6),
        revoked: false,
    }
}

fn link() -> EnrollmentLink {
    let url = "https://mdm.example.org/enroll/sample-token-not-real";
    EnrollmentLink {
        url: text(url),
        qr: QrCode::new(url, "Enrolment link as QR code").unwrap(),
    }
}

fn lines(words: &[&str]) -> Vec<NoticeLine> {
    words
        .iter()
        .map(|word| NoticeLine {
            text: text(word),
            reason: String::new(),
        })
        .collect()
}

fn public(ownership: &str) -> PublicEnrollmentPage {
    PublicEnrollmentPage {
        shell: outside(),
        ownership: text(ownership),
        sees: vec![NoticeLine {
            text: text("The model and serial number"),
            reason: text("To know which device it is."),
        }],
        never_sees: lines(&["Photos, messages, calls", "Web pages you visit"]),
        can: lines(&["Install and remove work apps", "Lock the device"]),
        cannot: if ownership == "personal" {
            lines(&["Wipe the device"])
        } else {
            Vec::new()
        },
        profile_url: text("/enroll/sample-token-not-real/profile"),
        contact: text("service desk, 01632 960000"),
        expires_at: after(6),
    }
}

pub(super) fn problem(status: u16, code: &str) -> ProblemPage {
    ProblemPage {
        shell: shell(),
        status,
        code: text(code),
        detail: String::new(),
        request_id: text("0193a1b2-sample"),
    }
}

/// Name and HTML of every page.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    let narrowed = DeviceQuery {
        q: text("kim"),
        platform: text("ipados"),
        sort: text("seen"),
        dir: text("desc"),
        ..DeviceQuery::default()
    };
    let mut faulty = devices(
        DeviceQuery {
            os: text("new"),
            ..DeviceQuery::default()
        },
        Vec::new(),
    );
    faulty.problems = vec![(text("os"), text("Enter a version such as 26 or 26.1"))];
    let api_tokens = |created: Option<String>| ApiTokensPage {
        shell: shell(),
        created,
        tokens: [false, true]
            .map(|revoked| ApiTokenRow {
                id: format!("t{revoked}"),
                name: format!("Nightly export {revoked}"),
                scopes: vec![text("devices:read"), text("journal:read")],
                created_by: text("Sam Example"),
                created_at: before(9000),
                expires_at: Some(after(20)),
                last_used_at: Some(before(55)),
                revoked,
            })
            .to_vec(),
        scopes: vec![
            Choice::new("devices:read", "Read devices"),
            Choice::new("commands:send", "Send commands"),
        ],
        form: Form::new().with("days", "90"),
    };
    let push = |current: bool| PushCertificatePage {
        shell: shell(),
        current: current.then(|| PushCertificate {
            topic: text("com.apple.mgmt.External.00000000-0000-0000-0000-00000000demo"),
            serial: text("00:11:22:33:44:55:66:77"),
            not_before: before(60 * 24 * 348),
            not_after: after(17),
        }),
        devices: 12_480,
        form: Form::new(),
        may_change: true,
    };
    vec![
        ("sign-in", SignInPage { shell: outside(), problem: String::new(), link_command: text("muster admin sign-in-link sam@example.org") }.render().unwrap()),
        ("sign-in-problem", SignInPage { shell: outside(), problem: text("The link has been used already, or is too old."), link_command: text("muster admin sign-in-link sam@example.org") }.render().unwrap()),
        ("sign-in-confirm", ConfirmSignInPage { shell: outside(), action: text("/sign-in/link/sample"), name: text("Sam Example") }.render().unwrap()),
        ("signed-out", SignedOutPage { shell: outside() }.render().unwrap()),
        ("account", AccountPage { shell: shell(), name: text("Sam Example"), roles: vec![text("Administrator")], passkeys: vec![PasskeyRow { id: text("p1"), name: text("Work laptop"), created_at: before(90_000), last_used_at: None }], session_ends_at: after(1) }.render().unwrap()),
        ("account-new", AccountPage { shell: shell(), name: text("Sam Example"), roles: Vec::new(), passkeys: Vec::new(), session_ends_at: after(1) }.render().unwrap()),
        ("overview", overview(false).render().unwrap()),
        ("overview-empty", overview(true).render().unwrap()),
        ("devices", devices(DeviceQuery::default(), rows()).render().unwrap()),
        ("devices-narrowed", devices(narrowed, rows()).render().unwrap()),
        ("devices-faulty", faulty.render().unwrap()),
        ("device", device().render().unwrap()),
        ("reveal", RevealPage { shell: shell(), device: mac(), secret: secret(), value: None, form: Form::new().with_error("reason", "Enter a reason") }.render().unwrap()),
        ("revealed", RevealPage { shell: shell(), device: mac(), secret: secret(), value: Some(text("SAMP-LEKE-YNOT-REAL-0000-1111")), form: Form::new() }.render().unwrap()),
        ("report", ReportPage { shell: shell(), device: mac(), report: report(), text: text("<?xml version=\"1.0\"?>\n<plist version=\"1.0\"><dict><key>Status</key><string>Acknowledged</string></dict></plist>"), truncated: false }.render().unwrap()),
        ("lock", LockPage { shell: shell(), device: identity("corporate"), needs_pin: false, impossible: String::new(), form: Form::new() }.render().unwrap()),
        ("lock-mac", LockPage { shell: shell(), device: mac(), needs_pin: true, impossible: String::new(), form: bad_form() }.render().unwrap()),
        ("wipe", WipePage { shell: shell(), device: identity("corporate"), needs_pin: false, impossible: String::new(), also: vec![text("A second person must approve it.")], form: Form::new() }.render().unwrap()),
        ("wipe-mac", WipePage { shell: shell(), device: mac(), needs_pin: true, impossible: String::new(), also: Vec::new(), form: bad_form() }.render().unwrap()),
        ("wipe-personal", WipePage { shell: shell(), device: identity("personal"), needs_pin: false, impossible: String::new(), also: Vec::new(), form: Form::new() }.render().unwrap()),
        ("send", send(false).render().unwrap()),
        ("send-chosen", send(true).render().unwrap()),
        ("enrol", EnrollmentTokensPage { shell: shell(), tokens: vec![token("a"), EnrollmentTokenView { revoked: true, uses: None, ..token("b") }], pager: Pager::default(), obstacle: text("There is no push certificate, so devices that enrol now cannot be woken.") }.render().unwrap()),
        ("enrol-new", NewEnrollmentTokenPage { shell: shell(), form: Form::new().with("ownership", "cope").with("platform", "ios").with("days", "14").with_error("ownership", "Say whose devices they are").with_error("name", "Enter a name"), platforms: vec![Choice::new("ios", "iPhone"), Choice::new("ipados", "iPad"), Choice::new("macos", "Mac")] }.render().unwrap()),
        ("enrol-token", EnrollmentTokenPage { shell: shell(), token: token("a"), link: Some(link()), devices: vec![(text("0193-demo-1"), text("Reception iPad"))] }.render().unwrap()),
        ("enrol-sheet", EnrollmentSheetPage { shell: shell(), token: token("a"), link: link() }.render().unwrap()),
        ("public-personal", public("personal").render().unwrap()),
        ("public-corporate", public("corporate").render().unwrap()),
        ("journal", JournalPage { shell: live(), filter: Form::new(), kinds: vec![Choice::new("", "Any"), Choice::new("device.enrolled", "Device enrolled")], entries: entries(), pager: Pager { label: text("Journal"), next: Some(text("/journal?after=1")), ..Pager::default() }, head: 48_213, head_hash: text("9f3a61c0") }.render().unwrap()),
        ("push", push(true).render().unwrap()),
        ("push-none", push(false).render().unwrap()),
        ("tokens", api_tokens(None).render().unwrap()),
        ("tokens-created", api_tokens(Some(text("mst_sample_not_a_real_token"))).render().unwrap()),
        ("webhooks", WebhooksPage { shell: shell(), created_secret: Some(text("sample-secret")), webhooks: vec![WebhookRow { id: text("w1"), url: text("https://events.example.org/muster/a-rather-long-address-for-narrow-screens"), kinds: vec![text("device.enrolled")], delivered_seq: 48_200, waiting: 13, last_success_at: Some(before(4)), last_error: text("503 from the receiver"), enabled: true }], kinds: vec![Choice::new("device.enrolled", "Device enrolled")], form: Form::new() }.render().unwrap()),
        ("problem-400", problem(400, "form.expired").render().unwrap()),
        ("problem-403", problem(403, "permission.denied").render().unwrap()),
        ("problem-404", problem(404, "device.not_found").render().unwrap()),
        ("problem-500", problem(500, "internal").render().unwrap()),
    ]
}
