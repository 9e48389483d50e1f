//! The field's words: platforms, ownership, channels, versions.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

/// The text is none of the words allowed here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}; one of: {allowed}")]
pub struct UnknownWord {
    pub(crate) text: String,
    pub(crate) what: &'static str,
    pub(crate) allowed: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them, in their natural order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in the API, the database and files.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord {
                        text: text.chars().take(40).collect(),
                        what: $what,
                        allowed: concat!($($text, " ",)+),
                    }),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The operating system of a device, as the vendor's management tells them apart.
    Platform, "platform" {
        /// iPhone and iPod touch.
        Ios = "ios",
        /// iPad.
        Ipados = "ipados",
        /// Mac.
        Macos = "macos",
        /// Apple TV.
        Tvos = "tvos",
        /// Apple Watch.
        Watchos = "watchos",
        /// Apple Vision.
        Visionos = "visionos",
        /// PC.
        Windows = "windows",
        /// Android phone or tablet.
        Android = "android",
    }
}

words! {
    /// Whose management protocol a platform speaks.
    OsFamily, "family" {
        /// Apple MDM and declarative management.
        Apple = "apple",
        /// MS-MDE2 and OMA-DM.
        Windows = "windows",
        /// Android Management API.
        Android = "android",
    }
}

words! {
    /// Who owns a device and what it may be used for; fixes what may be collected and done.
    Ownership, "ownership" {
        /// Owned by the organisation, business use only (COBO).
        Corporate = "corporate",
        /// Owned by the organisation, private use allowed (COPE).
        Cope = "cope",
        /// Owned by its user (BYOD).
        Personal = "personal",
    }
}

words! {
    /// The management channel of an enrollment.
    Channel, "channel" {
        /// The device as a whole.
        Device = "device",
        /// One user of a shared device or Mac.
        User = "user",
    }
}

words! {
    /// How an enrollment came about; decides which management functions exist.
    EnrollmentKind, "enrollment kind" {
        /// Through the vendor's deployment programme; supervised.
        Automated = "automated",
        /// By installing a profile.
        Profile = "profile",
        /// Account-driven, the organisation's device.
        AccountDevice = "account_device",
        /// Account-driven, a person's own device (User Enrollment).
        AccountUser = "account_user",
    }
}

words! {
    /// Where a device stands in its life with us.
    DeviceState, "device state" {
        /// Seen, not yet managed.
        Enrolling = "enrolling",
        /// Managed.
        Enrolled = "enrolled",
        /// Management ended, by the device or by us.
        Unenrolled = "unenrolled",
        /// Erased by us; the device acknowledged.
        Wiped = "wiped",
    }
}

impl Platform {
    /// The management family this platform belongs to.
    pub const fn family(self) -> OsFamily {
        match self {
            Self::Windows => OsFamily::Windows,
            Self::Android => OsFamily::Android,
            _ => OsFamily::Apple,
        }
    }

    /// The vendor's own spelling.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ios => "iOS",
            Self::Ipados => "iPadOS",
            Self::Macos => "macOS",
            Self::Tvos => "tvOS",
            Self::Watchos => "watchOS",
            Self::Visionos => "visionOS",
            Self::Windows => "Windows",
            Self::Android => "Android",
        }
    }
}

/// A version of an operating system, ordered by its numbers; further text such as `(a)` breaks ties.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OsVersion(String);

impl OsVersion {
    /// Any text a device reports; it is kept as it is, at most 64 characters.
    pub fn new(text: &str) -> Self {
        Self(text.trim().chars().take(64).collect())
    }

    /// As reported.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first number, `0` when there is none.
    pub fn major(&self) -> u64 {
        self.numbers().first().copied().unwrap_or(0)
    }

    /// Whether this is at least `major.minor`.
    pub fn at_least(&self, major: u64, minor: u64) -> bool {
        let numbers = self.numbers();
        let have = (
            numbers.first().copied().unwrap_or(0),
            numbers.get(1).copied().unwrap_or(0),
        );
        have >= (major, minor)
    }

    /// A text that sorts as the versions do, for databases.
    pub fn sort_key(&self) -> String {
        let mut key = String::new();
        for number in self.numbers().iter().take(5) {
            key.push_str(&format!("{:06}.", number.min(&999_999)));
        }
        key
    }

    fn numbers(&self) -> Vec<u64> {
        self.0
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .next()
            .unwrap_or("")
            .split('.')
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().unwrap_or(u64::MAX))
            .collect()
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Ord for OsVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut mine, mut theirs) = (self.numbers(), other.numbers());
        let length = mine.len().max(theirs.len());
        mine.resize(length, 0);
        theirs.resize(length, 0);
        mine.cmp(&theirs).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for OsVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_order_by_number_not_by_letter() {
        let mut versions: Vec<_> = ["18.10", "9.3.5", "18.2", "26.0", "18.2.1 (a)"]
            .map(OsVersion::new)
            .to_vec();
        versions.sort();
        let texts: Vec<_> = versions.iter().map(OsVersion::as_str).collect();
        assert_eq!(texts, ["9.3.5", "18.2", "18.2.1 (a)", "18.10", "26.0"]);
        assert!(OsVersion::new("18.2").at_least(18, 1));
        assert!(!OsVersion::new("17.9").at_least(18, 0));
        assert!(OsVersion::new("18.2").sort_key() < OsVersion::new("18.10").sort_key());
    }

    #[test]
    fn words_round_trip_and_name_the_alternatives() {
        for platform in Platform::ALL {
            assert_eq!(platform.as_str().parse::<Platform>(), Ok(*platform));
        }
        let error = "byod".parse::<Ownership>().unwrap_err().to_string();
        assert!(error.contains("corporate cope personal"), "{error}");
    }
}
