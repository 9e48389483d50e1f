//! The page of one device.

use askama::Template;
use domain::Timestamp;

use super::{JournalEntry, Section, Shell};
use crate::console::{
    assets,
    components::{CsrfField, Form, Tag},
    format,
};

/// What identifies a device to a person, at the top of its pages.
#[derive(Debug, Clone)]
pub struct DeviceIdentity {
    /// Its id.
    pub id: String,
    /// The name it gives itself; may be empty.
    pub name: String,
    /// Serial number; may be empty for personal devices.
    pub serial: String,
    /// A [`domain::Platform`] word.
    pub platform: String,
    /// Version of the operating system; may be empty.
    pub os_version: String,
    /// Model in words; may be empty.
    pub model: String,
    /// Who uses it; may be empty.
    pub user: String,
    /// A [`domain::Ownership`] word.
    pub ownership: String,
    /// When it last spoke to the server.
    pub last_seen_at: Option<Timestamp>,
}

impl DeviceIdentity {
    pub(super) fn title(&self) -> &str {
        [&self.name, &self.serial, &self.id]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", String::as_str)
    }

    /// Under the field where the serial number is typed again.
    pub(super) fn serial_hint(&self) -> String {
        if self.serial.is_empty() {
            format!("It is not known. Type {} instead.", self.id)
        } else {
            format!("It is {}.", self.serial)
        }
    }

    pub(super) fn is_personal(&self) -> bool {
        self.ownership == "personal"
    }
}

/// The status summary; also the fragment `/devices/{id}/summary`.
#[derive(Debug, Clone, Template)]
#[template(path = "device/summary.html")]
pub struct DeviceSummary {
    /// Which device.
    pub identity: DeviceIdentity,
    /// A [`domain::DeviceState`] word.
    pub state: String,
    /// Whether the organisation has the enlarged rights of supervision.
    pub supervised: bool,
    /// When the present enrollment began.
    pub enrolled_at: Option<Timestamp>,
    /// How it was enrolled, in words; may be empty.
    pub enrolled_by: String,
    /// When the device's certificate expires.
    pub certificate_expires_at: Option<Timestamp>,
    /// How many commands are not finished.
    pub waiting: u64,
    /// The moment the summary was made.
    pub now: Timestamp,
}

/// One command and what became of it.
#[derive(Debug, Clone)]
pub struct CommandRow {
    /// Its id.
    pub id: String,
    /// Its name in words: "Lock the device".
    pub name: String,
    /// Its state: `queued`, `pushed`, `sent`, `deferred`, `acknowledged`,
    /// `failed`, `expired` or `cancelled`.
    pub state: String,
    /// Who asked for it: a person, a token, a policy.
    pub requested_by: String,
    /// Why; may be empty.
    pub reason: String,
    /// What the device answered, in words; may be empty.
    pub outcome: String,
    /// Steps in its life, oldest first: a state word and its time.
    pub steps: Vec<(String, Timestamp)>,
    /// Whether it can still be cancelled.
    pub cancellable: bool,
}

/// Commands of a device; also the fragment `/devices/{id}/commands`.
#[derive(Debug, Clone, Template)]
#[template(path = "device/commands.html")]
pub struct CommandPanel {
    /// Id of the device.
    pub device_id: String,
    /// Token for the cancel forms.
    pub csrf: String,
    /// Not finished, in the order the device will get them.
    pub upcoming: Vec<CommandRow>,
    /// Finished, newest first.
    pub past: Vec<CommandRow>,
    /// The moment the panel was made.
    pub now: Timestamp,
}

impl CommandPanel {
    fn csrf_field(&self) -> CsrfField {
        CsrfField {
            token: self.csrf.clone(),
        }
    }
}

impl askama::filters::HtmlSafe for DeviceSummary {}
impl askama::filters::HtmlSafe for CommandPanel {}

/// One fact.
#[derive(Debug, Clone)]
pub struct FactRow {
    /// What it says in words: "Battery level".
    pub name: String,
    /// Its value in words.
    pub value: String,
    /// When the device reported it.
    pub reported_at: Timestamp,
    /// Whether hardware proved it; else the device told it.
    pub attested: bool,
}

/// Facts about one subject.
#[derive(Debug, Clone)]
pub struct FactGroup {
    /// The subject: "Hardware", "Security".
    pub title: String,
    /// The facts.
    pub facts: Vec<FactRow>,
}

/// An installed configuration profile.
#[derive(Debug, Clone)]
pub struct ProfileRow {
    /// Its display name.
    pub name: String,
    /// Its identifier.
    pub identifier: String,
    /// Who installed it: "Muster" or "Somebody else".
    pub source: String,
    /// Whether it is installed, waiting or failed.
    pub state: Tag,
}

/// An installed app.
#[derive(Debug, Clone)]
pub struct AppRow {
    /// Its name.
    pub name: String,
    /// Its bundle or package identifier.
    pub identifier: String,
    /// Its version; may be empty.
    pub version: String,
    /// Whether Muster manages it.
    pub managed: bool,
}

/// A certificate on the device.
#[derive(Debug, Clone)]
pub struct CertificateRow {
    /// Its common name.
    pub name: String,
    /// Its issuer's common name; may be empty.
    pub issuer: String,
    /// When it expires, if known.
    pub expires_at: Option<Timestamp>,
    /// Whether its private key is on the device.
    pub is_identity: bool,
}

/// A declaration and what the device says about it.
#[derive(Debug, Clone)]
pub struct DeclarationRow {
    /// Its type: `com.apple.configuration.passcode.settings`.
    pub kind: String,
    /// Its identifier.
    pub identifier: String,
    /// Active and valid, or what is wrong.
    pub state: Tag,
    /// Reasons the device gave; may be empty.
    pub reasons: String,
    /// When the device said so.
    pub reported_at: Option<Timestamp>,
}

/// A secret kept for the device, never its value.
#[derive(Debug, Clone)]
pub struct SecretRow {
    /// Its id.
    pub id: String,
    /// What it is: "FileVault recovery key".
    pub name: String,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Who saw it last; empty for nobody.
    pub last_revealed_by: String,
    /// When it was last seen.
    pub last_revealed_at: Option<Timestamp>,
}

/// A message of the device as it came.
#[derive(Debug, Clone)]
pub struct ReportRow {
    /// Its id.
    pub id: String,
    /// What it answers: "DeviceInformation".
    pub kind: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Its size in bytes.
    pub bytes: u64,
}

/// `/devices/{id}`: everything about one device.
#[derive(Debug, Clone, Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    /// What all pages share.
    pub shell: Shell,
    /// The status summary.
    pub summary: DeviceSummary,
    /// Commands.
    pub commands: CommandPanel,
    /// Commands offered in the menu: name on the wire and words.
    pub menu: Vec<(String, String)>,
    /// Facts by subject.
    pub facts: Vec<FactGroup>,
    /// What the ownership forbids to collect and was dropped, in words; may be empty.
    pub withheld: String,
    /// Profiles.
    pub profiles: Vec<ProfileRow>,
    /// Apps.
    pub apps: Vec<AppRow>,
    /// Certificates.
    pub certificates: Vec<CertificateRow>,
    /// Declarations.
    pub declarations: Vec<DeclarationRow>,
    /// Secrets.
    pub secrets: Vec<SecretRow>,
    /// Reports, newest first.
    pub reports: Vec<ReportRow>,
    /// Journal entries about the device, newest first.
    pub journal: Vec<JournalEntry>,
}

/// `/devices/{id}/secrets/{secret}`: asks for a reason (field `reason`), then shows the secret.
#[derive(Debug, Clone, Template)]
#[template(path = "reveal.html")]
pub struct RevealPage {
    /// What all pages share.
    pub shell: Shell,
    /// Which device.
    pub device: DeviceIdentity,
    /// Which secret.
    pub secret: SecretRow,
    /// Its value, after a reason was given.
    pub value: Option<String>,
    /// The form as sent.
    pub form: Form,
}

/// `/devices/{id}/reports/{report}`: a message of the device as it came.
#[derive(Debug, Clone, Template)]
#[template(path = "report.html")]
pub struct ReportPage {
    /// What all pages share.
    pub shell: Shell,
    /// Which device.
    pub device: DeviceIdentity,
    /// Which report.
    pub report: ReportRow,
    /// Its text, secrets masked.
    pub text: String,
    /// Whether the text was cut because it is very long.
    pub truncated: bool,
}
