//! Telling check-ins from command reports.

use crate::{
    checkin::CheckIn,
    connect::Report,
    plist::{self, Limits},
};

/// A message of a device on the MDM protocol.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// It announces something or asks for something.
    CheckIn(Box<CheckIn>),
    /// It is idle, or answers a command.
    Report(Box<Report>),
}

/// Why bytes are not a device message. Answer 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not an acceptable property list.
    #[error(transparent)]
    Plist(#[from] plist::Error),
    /// Neither `MessageType` nor `Status` is there.
    #[error("neither MessageType nor Status is there")]
    NoKind,
    /// A key that the message needs is missing or has the wrong type.
    #[error("{message} lacks {key}")]
    Missing {
        /// The message type.
        message: &'static str,
        /// The key.
        key: &'static str,
    },
}

impl Message {
    /// Reads a message with the default limits; its kind is decided by content, as `Content-Type` may be missing.
    ///
    /// # Errors
    /// When the bytes are not a property list within limits, or lack what makes them a message.
    pub fn parse(body: &[u8]) -> Result<Self, ParseError> {
        Self::parse_within(body, Limits::DEFAULT)
    }

    /// Reads a message with other limits.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_within(body: &[u8], limits: Limits) -> Result<Self, ParseError> {
        let dict = plist::read_dict(body, limits)?;
        if dict.string("MessageType").is_some() {
            CheckIn::read(dict, body).map(|message| Self::CheckIn(Box::new(message)))
        } else if dict.string("Status").is_some() {
            Report::read(dict, body).map(|report| Self::Report(Box::new(report)))
        } else {
            Err(ParseError::NoKind)
        }
    }

    /// Who sent it.
    pub fn sender(&self) -> &crate::Sender {
        match self {
            Self::CheckIn(message) => &message.sender,
            Self::Report(report) => &report.sender,
        }
    }
}
