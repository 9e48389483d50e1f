//! The device list.

use askama::Template;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Section, Shell};
use crate::console::{
    assets,
    components::{Choice, Form, Pager},
    format,
};

/// What the device list is asked for: the query of `/devices`. Empty means "any".
///
/// The address of a list holds everything, so that a copied link shows the same set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct DeviceQuery {
    /// Text to look for in serial number, name, UDID, model and user.
    pub q: String,
    /// A [`domain::Platform`] word.
    pub platform: String,
    /// A [`domain::Ownership`] word.
    pub ownership: String,
    /// A [`domain::DeviceState`] word.
    pub state: String,
    /// `yes` or `no`.
    pub supervised: String,
    /// A version as devices report it: `26.1`.
    pub os: String,
    /// How long ago the device was last seen: `1h`, `1d`, `7d`, `30d` for
    /// within; `over-7d`, `over-30d`, `never` for longer.
    pub seen: String,
    /// Column: `name` (the default), `serial`, `os` or `seen`.
    pub sort: String,
    /// `desc` for the other direction.
    pub dir: String,
    /// Cursor: rows after this one.
    pub after: String,
    /// Cursor: rows before this one.
    pub before: String,
}

impl DeviceQuery {
    /// The query without cursors, as `application/x-www-form-urlencoded`; empty parts left out.
    pub fn encoded(&self) -> String {
        self.encode(&self.sort, &self.dir, None)
    }

    /// Address of the rows after `cursor`.
    pub fn after_href(&self, cursor: &str) -> String {
        href(
            "/devices",
            &self.encode(&self.sort, &self.dir, Some(("after", cursor))),
        )
    }

    /// Address of the rows before `cursor`.
    pub fn before_href(&self, cursor: &str) -> String {
        href(
            "/devices",
            &self.encode(&self.sort, &self.dir, Some(("before", cursor))),
        )
    }

    /// Address of the first rows.
    pub fn first_href(&self) -> String {
        href("/devices", &self.encoded())
    }

    /// Address of the whole set as CSV.
    pub fn csv_href(&self) -> String {
        href("/devices.csv", &self.encoded())
    }

    /// Whether the list is narrowed in any way.
    pub fn is_narrowed(&self) -> bool {
        self.filters().iter().any(|(_, value)| !value.is_empty())
    }

    /// Address sorted by a column: the other way round when it is sorted by it already.
    fn sort_href(&self, column: &str) -> String {
        let dir = if self.sorted(column) == "ascending" {
            "desc"
        } else {
            ""
        };
        href("/devices", &self.encode(column, dir, None))
    }

    /// The value of `aria-sort` for a column.
    fn sorted(&self, column: &str) -> &'static str {
        let current = if self.sort.is_empty() {
            "name"
        } else {
            &self.sort
        };
        match (current == column, self.dir == "desc") {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        }
    }

    fn form(&self) -> Form {
        Form::from_pairs(
            self.filters()
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    fn filters(&self) -> [(&'static str, &str); 7] {
        [
            ("q", &self.q),
            ("platform", &self.platform),
            ("ownership", &self.ownership),
            ("state", &self.state),
            ("supervised", &self.supervised),
            ("os", &self.os),
            ("seen", &self.seen),
        ]
    }

    fn encode(&self, sort: &str, dir: &str, cursor: Option<(&str, &str)>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let sort = if sort == "name" { "" } else { sort };
        query.extend_pairs(
            self.filters()
                .into_iter()
                .chain([("sort", sort), ("dir", dir)])
                .filter(|(_, value)| !value.is_empty()),
        );
        if let Some((name, value)) = cursor {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

fn href(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// One device in the list; also the fragment `/devices/{id}/row`.
#[derive(Debug, Clone, Template)]
#[template(path = "devices/row.html")]
pub struct DeviceRow {
    /// Its id.
    pub id: String,
    /// The name it gives itself; may be empty.
    pub name: String,
    /// Serial number; may be empty for personal devices.
    pub serial: String,
    /// A [`domain::Platform`] word.
    pub platform: String,
    /// Version of the operating system; may be empty.
    pub os_version: String,
    /// Model in words; may be empty.
    pub model: String,
    /// Who uses it; may be empty.
    pub user: String,
    /// A [`domain::Ownership`] word.
    pub ownership: String,
    /// A [`domain::DeviceState`] word.
    pub state: String,
    /// Whether the organisation has the enlarged rights of supervision.
    pub supervised: bool,
    /// When it last spoke to the server.
    pub last_seen_at: Option<Timestamp>,
    /// The moment the row was made.
    pub now: Timestamp,
}

impl DeviceRow {
    fn title(&self) -> &str {
        [&self.name, &self.serial, &self.id]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", String::as_str)
    }
}

impl askama::filters::HtmlSafe for DeviceRow {}

/// `/devices`: all devices, narrowed and sorted as the address says.
#[derive(Debug, Clone, Template)]
#[template(path = "devices.html")]
pub struct DevicesPage {
    /// What all pages share.
    pub shell: Shell,
    /// What was asked for.
    pub query: DeviceQuery,
    /// What is wrong with it: field and message.
    pub problems: Vec<(String, String)>,
    /// How many devices match in all.
    pub total: u64,
    /// The rows of this page.
    pub rows: Vec<DeviceRow>,
    /// Neighbouring pages; see [`DeviceQuery::after_href`].
    pub pager: Pager,
}

impl DevicesPage {
    fn form(&self) -> Form {
        self.problems
            .iter()
            .fold(self.query.form(), |form, (field, message)| {
                form.with_error(field, message.clone())
            })
    }

    fn columns() -> [(&'static str, &'static str); 7] {
        [
            ("name", "Name"),
            ("serial", "Serial number"),
            ("os", "System"),
            ("user", "User"),
            ("ownership", "Ownership"),
            ("state", "State"),
            ("seen", "Last seen"),
        ]
    }

    /// Whether the list can be sorted by a column.
    fn sorts_by(key: &str) -> bool {
        matches!(key, "name" | "serial" | "os" | "seen")
    }

    fn platforms() -> Vec<Choice> {
        any(domain::Platform::ALL
            .iter()
            .map(|word| (word.as_str(), word.title().to_owned())))
    }

    fn ownerships() -> Vec<Choice> {
        any(domain::Ownership::ALL.iter().map(|word| {
            (
                word.as_str(),
                format::ownership_short(word.as_str()).to_owned(),
            )
        }))
    }

    fn states() -> Vec<Choice> {
        any(domain::DeviceState::ALL
            .iter()
            .map(|word| (word.as_str(), format::device_state(word.as_str()).text)))
    }

    fn yes_no() -> Vec<Choice> {
        any([("yes", "Yes".to_owned()), ("no", "No".to_owned())].into_iter())
    }

    fn seen() -> Vec<Choice> {
        any([
            ("1h", "Within the last hour"),
            ("1d", "Within the last day"),
            ("7d", "Within 7 days"),
            ("30d", "Within 30 days"),
            ("over-7d", "Not for 7 days"),
            ("over-30d", "Not for 30 days"),
            ("never", "Never"),
        ]
        .into_iter()
        .map(|(value, label)| (value, label.to_owned())))
    }
}

fn any<'a>(words: impl Iterator<Item = (&'a str, String)>) -> Vec<Choice> {
    std::iter::once(Choice::new("", "Any"))
        .chain(words.map(|(value, label)| Choice::new(value, label)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> DeviceQuery {
        DeviceQuery {
            q: "a&b".to_owned(),
            platform: "ios".to_owned(),
            sort: "seen".to_owned(),
            after: "old".to_owned(),
            ..DeviceQuery::default()
        }
    }

    #[test]
    fn an_address_keeps_the_filter_and_drops_the_old_cursor() {
        assert_eq!(
            query().after_href("c=1"),
            "/devices?q=a%26b&platform=ios&sort=seen&after=c%3D1"
        );
        assert_eq!(
            query().csv_href(),
            "/devices.csv?q=a%26b&platform=ios&sort=seen"
        );
        assert_eq!(DeviceQuery::default().first_href(), "/devices");
    }

    #[test]
    fn sorting_by_the_same_column_turns_it_round() {
        let query = query();
        assert_eq!(query.sorted("seen"), "ascending");
        assert_eq!(
            query.sort_href("seen"),
            "/devices?q=a%26b&platform=ios&sort=seen&dir=desc"
        );
        assert_eq!(query.sort_href("name"), "/devices?q=a%26b&platform=ios");
        assert_eq!(DeviceQuery::default().sorted("name"), "ascending");
    }
}
