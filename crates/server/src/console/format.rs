//! How values read in the console: dates, spans of time, counts and plain words.

use std::{fmt::Display, time::Duration};

use askama::Template;
use domain::Timestamp;

use super::components::{Tag, Tone};

/// A point in time as a `<time>` element.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<time datetime="{{ machine }}" title="{{ full }}">{{ text }}</time>"#,
    ext = "html"
)]
pub struct TimeElement {
    machine: String,
    full: String,
    text: String,
}

impl TimeElement {
    /// The words alone, for places that take no markup.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl askama::filters::HtmlSafe for TimeElement {}

/// How long before or after `now` the moment is, such as "3 minutes ago" or "in 2 days".
pub fn ago(at: &Timestamp, now: &Timestamp) -> TimeElement {
    let text = if at <= now {
        let span = now.since(*at);
        if span < Duration::from_secs(10) {
            "just now".to_owned()
        } else {
            format!("{} ago", span_text(span))
        }
    } else {
        format!("in {}", span_text(at.since(*now)))
    };
    element(at, text)
}

/// The calendar day, such as "21 November 2026".
pub fn date(at: &Timestamp) -> TimeElement {
    element(at, day_text(at))
}

/// Day and time of day in UTC, such as "21 Nov 2026, 14:03".
pub fn date_time(at: &Timestamp) -> TimeElement {
    let calendar = at.to_datetime();
    let month = month_name(u8::from(calendar.month()));
    element(
        at,
        format!(
            "{} {} {}, {:02}:{:02}",
            calendar.day(),
            month.get(..3).unwrap_or(month),
            calendar.year(),
            calendar.hour(),
            calendar.minute()
        ),
    )
}

/// Time of day with seconds in UTC, such as "14:03:21".
pub fn clock(at: &Timestamp) -> TimeElement {
    let calendar = at.to_datetime();
    element(
        at,
        format!(
            "{:02}:{:02}:{:02}",
            calendar.hour(),
            calendar.minute(),
            calendar.second()
        ),
    )
}

/// A count with thousands separated by commas, such as "12,480".
pub fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, such as "1 device" or "12,480 devices".
pub fn counted(number: &u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        count(number),
        if *number == 1 { one } else { many }
    )
}

/// The text, or a dash for nothing.
pub fn dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// A state of a device ([`domain::DeviceState`]) in plain words.
pub fn device_state(code: &str) -> Tag {
    match code {
        "enrolling" => Tag::new("Enrolling", Tone::Info),
        "enrolled" => Tag::new("Managed", Tone::Good),
        "unenrolled" => Tag::new("No longer managed", Tone::Neutral),
        "wiped" => Tag::new("Wiped", Tone::Neutral),
        other => unknown(other),
    }
}

/// An ownership ([`domain::Ownership`]) in plain words.
pub fn ownership(code: &str) -> &str {
    match code {
        "corporate" => "Organisation, work only",
        "cope" => "Organisation, private use allowed",
        "personal" => "Personal",
        other => other,
    }
}

/// An ownership in one or two words, for narrow columns.
pub fn ownership_short(code: &str) -> &str {
    match code {
        "corporate" => "Corporate",
        "cope" => "Corporate, personal use",
        "personal" => "Personal",
        other => other,
    }
}

/// A platform ([`domain::Platform`]) as its maker writes it.
pub fn platform(code: &str) -> &str {
    match code {
        "ios" => "iOS",
        "ipados" => "iPadOS",
        "macos" => "macOS",
        "tvos" => "tvOS",
        "watchos" => "watchOS",
        "visionos" => "visionOS",
        "windows" => "Windows",
        "android" => "Android",
        other => other,
    }
}

/// A state in the life of a command in plain words.
pub fn command_state(code: &str) -> Tag {
    match code {
        "queued" => Tag::new("Queued", Tone::Info),
        "pushed" => Tag::new("Device notified", Tone::Info),
        "sent" => Tag::new("Sent to device", Tone::Info),
        "deferred" => Tag::new("Deferred by device", Tone::Attention),
        "acknowledged" => Tag::new("Done", Tone::Good),
        "failed" => Tag::new("Failed", Tone::Bad),
        "expired" => Tag::new("Expired", Tone::Attention),
        "cancelled" => Tag::new("Cancelled", Tone::Neutral),
        other => unknown(other),
    }
}

/// How urgent an expiry is, seen from `now`.
pub fn expiry(at: &Timestamp, now: &Timestamp) -> Tag {
    const DAY: Duration = Duration::from_secs(86_400);
    if at <= now {
        Tag::new("Expired", Tone::Bad)
    } else if at.since(*now) < DAY * 30 {
        Tag::new("Expires soon", Tone::Attention)
    } else {
        Tag::new("Valid", Tone::Good)
    }
}

fn unknown(code: &str) -> Tag {
    Tag::new(code, Tone::Neutral)
}

fn element(at: &Timestamp, text: String) -> TimeElement {
    let calendar = at.to_datetime();
    let full = format!(
        "{}, {:02}:{:02}:{:02} UTC",
        day_text(at),
        calendar.hour(),
        calendar.minute(),
        calendar.second()
    );
    TimeElement {
        machine: at.to_string(),
        full,
        text,
    }
}

fn day_text(at: &Timestamp) -> String {
    let calendar = at.to_datetime();
    format!(
        "{} {} {}",
        calendar.day(),
        month_name(u8::from(calendar.month())),
        calendar.year()
    )
}

fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..5_184_000 => (seconds / 86_400, "day"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

fn month_name(month: u8) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES
        .get(usize::from(month.saturating_sub(1)))
        .copied()
        .unwrap_or("")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn spans_read_naturally_in_both_directions() {
        let now = at("2026-11-21T12:00:00Z");
        for (when, text) in [
            ("2026-11-21T11:59:55Z", "just now"),
            ("2026-11-21T11:59:00Z", "1 minute ago"),
            ("2026-11-21T09:59:00Z", "2 hours ago"),
            ("2026-11-19T11:59:00Z", "2 days ago"),
            ("2026-08-01T00:00:00Z", "3 months ago"),
            ("2020-11-21T12:00:00Z", "6 years ago"),
            ("2026-11-22T12:00:00Z", "in 1 day"),
        ] {
            assert_eq!(ago(&at(when), &now).text, text, "{when}");
        }
    }

    #[test]
    fn a_time_element_carries_the_machine_form() {
        assert_eq!(
            date_time(&at("2026-11-01T04:05:06Z")).to_string(),
            "<time datetime=\"2026-11-01T04:05:06.000Z\" \
             title=\"1 November 2026, 04:05:06 UTC\">1 Nov 2026, 04:05</time>"
        );
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(&1, "device", "devices"), "1 device");
    }

    #[test]
    fn every_word_of_the_domain_has_plain_words() {
        for state in domain::DeviceState::ALL {
            assert_ne!(device_state(state.as_str()).text, state.as_str());
        }
        for state in domain::command::CommandState::ALL {
            assert_ne!(command_state(state.as_str()).text, state.as_str());
        }
        for word in domain::Ownership::ALL {
            assert_ne!(ownership(word.as_str()), word.as_str());
            assert_ne!(ownership_short(word.as_str()), word.as_str());
        }
        for word in domain::Platform::ALL {
            assert_eq!(platform(word.as_str()), word.title());
        }
    }

    #[test]
    fn an_expiry_within_thirty_days_asks_for_attention() {
        let now = at("2026-11-21T12:00:00Z");
        assert_eq!(expiry(&at("2026-11-21T11:00:00Z"), &now).tone, Tone::Bad);
        assert_eq!(
            expiry(&at("2026-12-20T12:00:00Z"), &now).tone,
            Tone::Attention
        );
        assert_eq!(expiry(&at("2026-12-22T12:00:00Z"), &now).tone, Tone::Good);
    }
}
