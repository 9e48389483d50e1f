//! Calendar arithmetic in UTC, without a library.

use super::{Element, tag};
use crate::{Error, Result};

/// Year, month, day, hour, minute, second of seconds since 1970.
#[must_use]
pub fn civil(seconds: i64) -> (i64, u32, u32, u32, u32, u32) {
    let days = seconds.div_euclid(86_400);
    let second = seconds.rem_euclid(86_400) as u32;
    // Howard Hinnant's days-to-civil: eras of 400 years that start on 1 March.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        month,
        day,
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// Days since 1970 of a calendar date.
#[must_use]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds since 1970 of a UTCTime or GeneralizedTime that ends in Z.
///
/// # Errors
/// When the element is no such time.
pub fn parse_time(element: &Element<'_>) -> Result<i64> {
    let text = element.text()?;
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let year = digits(text, 0, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        tag::GENERALIZED_TIME => (digits(text, 0, 4)?, 4),
        _ => return Err(Error::Der("not a time")),
    };
    if !text.ends_with('Z') {
        return Err(Error::Der("time without Z"));
    }
    let part = |at: usize| digits(text, rest + at, 2);
    Ok(seconds(
        year,
        part(0)?,
        part(2)?,
        [part(4)?, part(6)?, part(8)?],
    ))
}

/// `2026-01-31T08:00:00Z` of seconds since 1970.
#[must_use]
pub fn rfc3339(at: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds since 1970 of `2026-01-31T08:00:00Z` (fraction ignored).
///
/// # Errors
/// When the text has another form.
pub fn parse_rfc3339(text: &str) -> Result<i64> {
    let part = |at: usize| digits(text, at, 2);
    if !text.ends_with('Z') {
        return Err(Error::Der("time without Z"));
    }
    Ok(seconds(
        digits(text, 0, 4)?,
        part(5)?,
        part(8)?,
        [part(11)?, part(14)?, part(17)?],
    ))
}

fn seconds(year: i64, month: i64, day: i64, [hour, minute, second]: [i64; 3]) -> i64 {
    days_from_civil(year, month as u32, day as u32) * 86_400 + hour * 3600 + minute * 60 + second
}

fn digits(text: &str, at: usize, count: usize) -> Result<i64> {
    text.get(at..at + count)
        .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|part| part.parse().ok())
        .ok_or(Error::Der("malformed time"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn calendar_round_trips() {
        for seconds in [
            0,
            951_782_400,
            1_767_225_599,
            1_772_323_200,
            4_102_444_800,
            -1,
        ] {
            assert_eq!(parse_rfc3339(&rfc3339(seconds)).unwrap(), seconds);
            let der = super::super::time(seconds);
            assert_eq!(parse_time(&Element::only(&der).unwrap()).unwrap(), seconds);
        }
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in [
            "2026-01-31T08:00:00",
            "2026-01-31",
            "Z",
            "20x6-01-31T08:00:00Z",
        ] {
            assert!(parse_rfc3339(text).is_err(), "{text}");
        }
    }
}
