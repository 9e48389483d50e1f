//! Identifiers: one registry, each kind a distinct type over a `UUIDv7`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

/// The text was not an identifier (a UUID).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: {0:?}")]
pub struct NotAnId(String);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier (`UUIDv7`, RFC 9562 section 5.7) from the time and ten random bytes.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// An identifier that was made before.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare value.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| NotAnId(text.chars().take(60).collect()))
            }
        }
    )+};
}

ids! {
    /// A person or program that administers.
    AdminId
    /// A bearer token of the admin API.
    ApiTokenId
    /// An action on the wire.
    CommandId
    /// A declaration, across its versions.
    DeclarationId
    /// A physical device, across re-enrollments.
    DeviceId
    /// A period of management of a device on one channel.
    EnrollmentId
    /// A secret that lets devices enrol.
    EnrollmentTokenId
    /// An event of the journal.
    EventId
    /// A passkey of an administrator.
    PasskeyId
    /// A raw report of a device.
    ReportId
    /// An escrowed secret.
    SecretId
    /// A one-time permission to enrol, made from an enrollment token.
    TicketId
    /// A node of the organisation tree.
    UnitId
    /// A webhook subscription.
    WebhookId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_identifiers_sort_later() {
        let first = DeviceId::new(Timestamp::from_millis(1_000), [0xff; 10]);
        let second = DeviceId::new(Timestamp::from_millis(1_001), [0; 10]);
        assert!(first < second);
        assert_eq!(first.uuid().get_version_num(), 7);
    }

    #[test]
    fn text_round_trips_and_rubbish_is_refused() {
        let id = CommandId::new(Timestamp::from_millis(7), [7; 10]);
        assert_eq!(id.to_string().parse::<CommandId>(), Ok(id));
        assert!("not-an-id".parse::<CommandId>().is_err());
    }
}
