//! Bringing devices in.

use askama::Template;
use domain::Timestamp;

use super::{Section, Shell};
use crate::console::{
    assets,
    charts::QrCode,
    components::{Choice, Form, Pager, Tag, Tone},
    format,
};

/// An enrollment token as listed and as shown.
#[derive(Debug, Clone)]
pub struct EnrollmentTokenView {
    /// Its id.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// Ownership of devices that come with it: a [`domain::Ownership`] word.
    pub ownership: String,
    /// Platforms it admits, as [`domain::Platform`] words; empty for all.
    pub platforms: Vec<String>,
    /// Serial numbers it admits; empty for all.
    pub serials: Vec<String>,
    /// How often it was used.
    pub used: u64,
    /// How often it may be used; `None` for without limit.
    pub uses: Option<u64>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl EnrollmentTokenView {
    fn is_open(&self, now: &Timestamp) -> bool {
        !self.revoked && self.expires_at > *now && self.uses.is_none_or(|uses| self.used < uses)
    }

    fn state(&self, now: &Timestamp) -> Tag {
        if self.revoked {
            Tag::new("Revoked", Tone::Neutral)
        } else if self.expires_at <= *now {
            Tag::new("Expired", Tone::Neutral)
        } else if self.is_open(now) {
            Tag::new("Open", Tone::Good)
        } else {
            Tag::new("Used up", Tone::Neutral)
        }
    }

    fn platform_names(&self) -> String {
        if self.platforms.is_empty() {
            return "All".to_owned();
        }
        let names: Vec<_> = self
            .platforms
            .iter()
            .map(|word| format::platform(word))
            .collect();
        names.join(", ")
    }

    fn use_text(&self) -> String {
        match self.uses {
            Some(uses) => format!("{} of {}", format::count(self.used), format::count(uses)),
            None => format!("{}, no limit", format::count(self.used)),
        }
    }
}

/// `/enrol`: the tokens.
#[derive(Debug, Clone, Template)]
#[template(path = "enrollment_tokens.html")]
pub struct EnrollmentTokensPage {
    /// What all pages share.
    pub shell: Shell,
    /// The tokens, newest first.
    pub tokens: Vec<EnrollmentTokenView>,
    /// Neighbouring pages.
    pub pager: Pager,
    /// Whether devices can be enrolled now; when not, why, in plain words.
    pub obstacle: String,
}

/// `/enrol/new`: the form has `name`, `ownership`, `platform` (repeated),
/// `uses`, `days` and `serials` (one on each line).
#[derive(Debug, Clone, Template)]
#[template(path = "new_enrollment_token.html")]
pub struct NewEnrollmentTokenPage {
    /// What all pages share.
    pub shell: Shell,
    /// The form as sent.
    pub form: Form,
    /// Platforms this server can enrol.
    pub platforms: Vec<Choice>,
}

impl NewEnrollmentTokenPage {
    fn ownerships() -> Vec<Choice> {
        vec![
            Choice::new("corporate", "The organisation: work only")
                .with_hint("Everything on the device may be collected and it may be wiped."),
            Choice::new("cope", "The organisation: private use allowed")
                .with_hint("Private apps and accounts are not collected. It may be wiped."),
            Choice::new("personal", "The person who uses it")
                .with_hint("Only work data is managed. The device can never be wiped."),
        ]
    }
}

/// `/enrol/{id}`: one token with its link and QR code.
#[derive(Debug, Clone, Template)]
#[template(path = "enrollment_token.html")]
pub struct EnrollmentTokenPage {
    /// What all pages share.
    pub shell: Shell,
    /// The token.
    pub token: EnrollmentTokenView,
    /// The link people open, and the same as QR code; `None` once the link
    /// cannot be shown any more.
    pub link: Option<EnrollmentLink>,
    /// Devices that came in with it: id and name.
    pub devices: Vec<(String, String)>,
}

/// The link of a token.
#[derive(Debug, Clone)]
pub struct EnrollmentLink {
    /// The address.
    pub url: String,
    /// The address as QR code.
    pub qr: QrCode,
}

/// `/enrol/{id}/sheet`: the link on a sheet of paper, for a staging table.
#[derive(Debug, Clone, Template)]
#[template(path = "enrollment_sheet.html")]
pub struct EnrollmentSheetPage {
    /// What all pages share.
    pub shell: Shell,
    /// The token.
    pub token: EnrollmentTokenView,
    /// Its link.
    pub link: EnrollmentLink,
}

/// One line of the notice: what is collected or can be done.
#[derive(Debug, Clone)]
pub struct NoticeLine {
    /// What, in plain words.
    pub text: String,
    /// Why; may be empty.
    pub reason: String,
}

/// `/enroll/{token}`: what the person sees who enrols a device.
#[derive(Debug, Clone, Template)]
#[template(path = "public_enrollment.html")]
pub struct PublicEnrollmentPage {
    /// What all pages share.
    pub shell: Shell,
    /// Whose device it will be: a [`domain::Ownership`] word.
    pub ownership: String,
    /// What the server will see.
    pub sees: Vec<NoticeLine>,
    /// What the server will never see.
    pub never_sees: Vec<NoticeLine>,
    /// What the server can do.
    pub can: Vec<NoticeLine>,
    /// What the server cannot do.
    pub cannot: Vec<NoticeLine>,
    /// Where the profile is fetched.
    pub profile_url: String,
    /// Whom to ask; may be empty.
    pub contact: String,
    /// When the link stops working.
    pub expires_at: Timestamp,
}
