//! Command reports: what a device says on the command channel.
//!
//! See "Commands and queries" in Apple's Device Management reference. The reply
//! is 200 with the next command, or 200 with zero bytes.

use crate::{Sender, message::ParseError, plist::Dict};

/// The `Status` of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing to report; give me the next command.
    Idle,
    /// The command was carried out.
    Acknowledged,
    /// The command failed.
    Error,
    /// The device could not read the command.
    CommandFormatError,
    /// Not now; the device does not keep the command.
    NotNow,
    /// A word of a later release.
    Unknown(String),
}

impl Status {
    fn read(text: &str) -> Self {
        match text {
            "Idle" => Self::Idle,
            "Acknowledged" => Self::Acknowledged,
            "Error" => Self::Error,
            "CommandFormatError" => Self::CommandFormatError,
            "NotNow" => Self::NotNow,
            other => Self::Unknown(other.chars().take(64).collect()),
        }
    }

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Idle => "Idle",
            Self::Acknowledged => "Acknowledged",
            Self::Error => "Error",
            Self::CommandFormatError => "CommandFormatError",
            Self::NotNow => "NotNow",
            Self::Unknown(text) => text,
        }
    }

    /// Whether the command is finished, so that the device will not send it again.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Acknowledged | Self::Error | Self::CommandFormatError
        )
    }
}

/// One link of an `ErrorChain`. Codes and domains change between releases: show them, never decide by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLink {
    /// `ErrorCode`.
    pub code: i64,
    /// `ErrorDomain`.
    pub domain: String,
    /// `LocalizedDescription`, in the device's language.
    pub localized: Option<String>,
    /// `USEnglishDescription`.
    pub us_english: Option<String>,
}

impl ErrorLink {
    /// What to show: the English text, else the local one, with code and domain.
    pub fn describe(&self) -> String {
        let text = self
            .us_english
            .as_deref()
            .or(self.localized.as_deref())
            .unwrap_or("no description");
        format!("{text} ({} {})", self.domain, self.code)
    }
}

/// A report on the command channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What it says.
    pub status: Status,
    /// The command it answers; absent when idle.
    pub command_uuid: Option<String>,
    /// Who sent it.
    pub sender: Sender,
    /// Why the command failed.
    pub error_chain: Vec<ErrorLink>,
    /// A Mac's user channel speaks while the user is not at the console.
    pub not_on_console: bool,
    /// The whole message.
    pub body: Dict,
    /// The bytes as received.
    pub raw: Vec<u8>,
}

impl Report {
    /// The error for people, innermost link last; `None` without an error chain.
    pub fn error_text(&self) -> Option<String> {
        if self.error_chain.is_empty() {
            return None;
        }
        Some(
            self.error_chain
                .iter()
                .map(ErrorLink::describe)
                .collect::<Vec<_>>()
                .join("; "),
        )
    }

    pub(crate) fn read(body: Dict, raw: &[u8]) -> Result<Self, ParseError> {
        let missing = |key| ParseError::Missing {
            message: "Report",
            key,
        };
        let status = Status::read(body.string("Status").ok_or_else(|| missing("Status"))?);
        let command_uuid = body
            .string("CommandUUID")
            .filter(|text| text.len() <= 256)
            .map(str::to_owned);
        if command_uuid.is_none() && status != Status::Idle {
            return Err(missing("CommandUUID"));
        }
        Ok(Self {
            sender: Sender::read(&body),
            error_chain: error_chain(&body),
            not_on_console: body.bool("NotOnConsole").unwrap_or(false),
            command_uuid,
            status,
            raw: raw.to_vec(),
            body,
        })
    }
}

/// The links of an `ErrorChain`; at most 16 are kept.
pub(crate) fn error_chain(dict: &Dict) -> Vec<ErrorLink> {
    let text = |link: &Dict, key| {
        link.string(key)
            .map(|text| text.chars().take(1024).collect::<String>())
    };
    dict.dicts("ErrorChain")
        .take(16)
        .map(|link| ErrorLink {
            code: link.integer("ErrorCode").unwrap_or(0),
            domain: text(link, "ErrorDomain").unwrap_or_default(),
            localized: text(link, "LocalizedDescription"),
            us_english: text(link, "USEnglishDescription"),
        })
        .collect()
}
