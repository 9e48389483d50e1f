//! The pages: one struct for each, rendered by the template of the same name.

mod account;
mod actions;
mod device;
mod devices;
mod enrollment;
mod journal;
mod overview;
mod problem;
mod settings;
mod sign_in;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod samples;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use account::*;
pub use actions::*;
pub use device::*;
pub use devices::*;
pub use enrollment::*;
pub use journal::*;
pub use overview::*;
pub use problem::*;
pub use settings::*;
pub use sign_in::*;

use domain::Timestamp;

use super::components::{CsrfField, Notice};

/// The part of the console a page belongs to; marks the navigation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Section {
    /// No part: errors, the account page.
    #[default]
    None,
    /// `/`
    Overview,
    /// `/devices`
    Devices,
    /// `/enrol`
    Enroll,
    /// `/journal`
    Journal,
    /// `/settings/...`
    Settings,
}

/// Colours a person chose for the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the operating system asks.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// The word in the form, the cookie and the `data-theme` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the word; anything unknown is [`Theme::System`].
    pub fn from_word(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// What all pages share.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// Name of the person signed in; without one there is no navigation.
    pub user: Option<String>,
    /// Name of the organisation that runs this server; may be empty.
    pub organization: String,
    /// Token for the forms of this session.
    pub csrf: String,
    /// The moment the page was made.
    pub now: Timestamp,
    /// Whether this server is a demonstration with simulated devices.
    pub demo: bool,
    /// Results of what was just done.
    pub notices: Vec<Notice>,
    /// Last journal entry the page takes account of; switches live updates on.
    pub live_after: Option<u64>,
    /// Colours.
    pub theme: Theme,
    /// Path and query of this page, to come back to after a change of theme.
    pub here: String,
}

impl Shell {
    /// The hidden field of every form.
    pub fn csrf_field(&self) -> CsrfField {
        CsrfField {
            token: self.csrf.clone(),
        }
    }
}

macro_rules! sections {
    ($($page:ident: $section:ident),+ $(,)?) => {
        $(impl $page {
            const fn section(&self) -> Section {
                Section::$section
            }
        })+
    };
}
sections! {
    OverviewPage: Overview,
    DevicesPage: Devices,
    DevicePage: Devices,
    RevealPage: Devices,
    ReportPage: Devices,
    LockPage: Devices,
    WipePage: Devices,
    SendCommandPage: Devices,
    EnrollmentTokensPage: Enroll,
    NewEnrollmentTokenPage: Enroll,
    EnrollmentTokenPage: Enroll,
    EnrollmentSheetPage: Enroll,
    PublicEnrollmentPage: None,
    JournalPage: Journal,
    PushCertificatePage: Settings,
    ApiTokensPage: Settings,
    WebhooksPage: Settings,
    SignInPage: None,
    ConfirmSignInPage: None,
    SignedOutPage: None,
    AccountPage: None,
    ProblemPage: None,
}
