//! Points in time, as the whole product counts them.

use std::{fmt, str::FromStr, time::Duration};

use ::time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
///
/// Written and read as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The text was not an RFC 3339 date and time within years 1 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date and time: {0:?}")]
pub struct NotATimestamp(String);

/// The latest instant that has an RFC 3339 form: the last millisecond of year 9999.
const LATEST: i64 = 253_402_300_799_999;
/// The first instant of year 1.
const EARLIEST: i64 = -62_135_596_800_000;

impl Timestamp {
    /// From milliseconds since the epoch; clamped to years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        if millis > LATEST {
            Self(LATEST)
        } else if millis < EARLIEST {
            Self(EARLIEST)
        } else {
            Self(millis)
        }
    }

    /// From whole seconds since the epoch; clamped like [`Self::from_millis`].
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This much later.
    pub fn plus(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis_of(by)))
    }

    /// This much earlier.
    pub fn minus(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis_of(by)))
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The calendar form in UTC.
    pub fn to_datetime(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// From a calendar form in any offset.
    pub fn from_datetime(at: OffsetDateTime) -> Self {
        let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
        Self::from_millis(i64::try_from(millis).unwrap_or(LATEST))
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.to_datetime();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(|at| Self::from_datetime(at.to_offset(UtcOffset::UTC)))
            .map_err(|_| NotATimestamp(text.chars().take(40).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_any_offset_and_writes_utc() {
        let at: Timestamp = "2026-03-11T02:30:00.25+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-03-11T01:30:00.250Z");
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn arithmetic_saturates_and_never_goes_negative() {
        let early = Timestamp::from_millis(5);
        let late = Timestamp::from_millis(9);
        assert_eq!(late.since(early), Duration::from_millis(4));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(
            late.plus(Duration::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
        assert_eq!(
            late.minus(Duration::MAX).to_string(),
            "0001-01-01T00:00:00.000Z"
        );
    }

    proptest! {
        #[test]
        fn text_round_trips(millis in EARLIEST..=LATEST) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        }
    }
}
