//! What the device list is asked for: words of the address as a filter, and cursors.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::Timestamp;
use store::{DeviceCursor, DeviceFilter, DeviceOrder, DeviceSort};

use crate::console::views::DeviceQuery;

/// The longest text that is looked for, in characters.
const LONGEST_SEARCH: usize = 200;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// A query that makes sense.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) filter: DeviceFilter,
    pub(super) order: DeviceOrder,
    pub(super) after: Option<DeviceCursor>,
}

/// Reads a query.
///
/// # Errors
/// What is wrong with it: field and message.
pub(super) fn read(
    query: &DeviceQuery,
    now: Timestamp,
) -> Result<Selection, Vec<(String, String)>> {
    let mut problems = Vec::new();
    let mut filter = DeviceFilter {
        search: given(&query.q),
        platform: word(&query.platform, "platform", &mut problems),
        ownership: word(&query.ownership, "ownership", &mut problems),
        state: word(&query.state, "state", &mut problems),
        os_version: given(&query.os),
        ..DeviceFilter::default()
    };
    if query.q.chars().count() > LONGEST_SEARCH {
        problem(&mut problems, "q", "Look for at most 200 characters");
    }
    filter.supervised = match query.supervised.as_str() {
        "" => None,
        "yes" => Some(true),
        "no" => Some(false),
        _ => {
            problem(&mut problems, "supervised", "Choose yes or no");
            None
        }
    };
    if !seen(&query.seen, now, &mut filter) {
        problem(&mut problems, "seen", "Choose one of the times");
    }
    let order = DeviceOrder {
        sort: sort(&query.sort, &mut problems),
        descending: query.dir == "desc",
    };
    let after = cursor(&query.after, order, &mut problems);
    if problems.is_empty() {
        Ok(Selection {
            filter,
            order,
            after,
        })
    } else {
        Err(problems)
    }
}

/// A cursor as a word of the address.
pub(super) fn cursor_word(cursor: &DeviceCursor) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn cursor(
    text: &str,
    order: DeviceOrder,
    problems: &mut Vec<(String, String)>,
) -> Option<DeviceCursor> {
    if text.is_empty() {
        return None;
    }
    let cursor = BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|json| serde_json::from_slice::<DeviceCursor>(&json).ok())
        .filter(|cursor| cursor.order == order);
    if cursor.is_none() {
        problem(
            problems,
            "q",
            "This page of the list is not known any more. Begin at the first page",
        );
    }
    cursor
}

fn sort(text: &str, problems: &mut Vec<(String, String)>) -> DeviceSort {
    match text {
        "" | "name" => DeviceSort::Name,
        "serial" => DeviceSort::Serial,
        "os" => DeviceSort::OsVersion,
        "seen" => DeviceSort::LastSeen,
        _ => {
            problem(problems, "q", "The list cannot be sorted by this");
            DeviceSort::Name
        }
    }
}

fn seen(text: &str, now: Timestamp, filter: &mut DeviceFilter) -> bool {
    let ago = |seconds| Some(now.minus(Duration::from_secs(seconds)));
    match text {
        "" => {}
        "1h" => filter.seen_after = ago(HOUR),
        "1d" => filter.seen_after = ago(DAY),
        "7d" => filter.seen_after = ago(7 * DAY),
        "30d" => filter.seen_after = ago(30 * DAY),
        "over-7d" => filter.seen_before = ago(7 * DAY),
        "over-30d" => filter.seen_before = ago(30 * DAY),
        // A device that was never seen counts as seen at the beginning of time.
        "never" => filter.seen_before = Some(Timestamp::from_millis(1)),
        _ => return false,
    }
    true
}

fn word<T: std::str::FromStr>(
    text: &str,
    field: &str,
    problems: &mut Vec<(String, String)>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let word = text.parse().ok();
    if word.is_none() {
        problem(problems, field, "Choose one of the list");
    }
    word
}

fn given(text: &str) -> Option<String> {
    Some(text.trim())
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn problem(problems: &mut Vec<(String, String)>, field: &str, message: &str) {
    problems.push((field.to_owned(), message.to_owned()));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn query(change: impl FnOnce(&mut DeviceQuery)) -> DeviceQuery {
        let mut query = DeviceQuery::default();
        change(&mut query);
        query
    }

    #[test]
    fn every_word_the_page_offers_is_understood() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        for seen in ["", "1h", "1d", "7d", "30d", "over-7d", "over-30d", "never"] {
            read(&query(|q| q.seen = seen.to_owned()), now).unwrap();
        }
        for sort in ["", "name", "serial", "os", "seen"] {
            read(&query(|q| q.sort = sort.to_owned()), now).unwrap();
        }
        for platform in domain::Platform::ALL {
            let read = read(&query(|q| q.platform = platform.to_string()), now).unwrap();
            assert_eq!(read.filter.platform, Some(*platform));
        }
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        let now = Timestamp::from_millis(0);
        for (field, query) in [
            ("platform", query(|q| q.platform = "beos".to_owned())),
            ("supervised", query(|q| q.supervised = "perhaps".to_owned())),
            ("seen", query(|q| q.seen = "1y".to_owned())),
            ("q", query(|q| q.after = "!".to_owned())),
        ] {
            let problems = read(&query, now).unwrap_err();
            assert_eq!(problems[0].0, field, "{problems:?}");
        }
    }

    #[test]
    fn a_cursor_goes_through_an_address_and_keeps_to_its_order() {
        let order = DeviceOrder {
            sort: DeviceSort::Name,
            descending: false,
        };
        let cursor = DeviceCursor {
            order,
            value: store::SortValue::Text("a/ü".to_owned()),
            id: domain::DeviceId::new(Timestamp::from_millis(1), [7; 10]),
        };
        let now = Timestamp::from_millis(1);
        let mut asked = query(|q| q.after = cursor_word(&cursor));
        assert_eq!(read(&asked, now).unwrap().after, Some(cursor));
        asked.dir = "desc".to_owned();
        assert!(read(&asked, now).is_err());
    }
}
