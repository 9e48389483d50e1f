//! The journal, newest first.

use domain::{DeviceId, Timestamp, journal::Event, scope::Authority};
use engine::Engine;
use serde::Deserialize;
use store::EventFilter;
use url::form_urlencoded;

use super::{
    answer::{Answer, Fault, Params, invalid, page as answer_page},
    visit::By,
    words,
};
use crate::console::{
    components::{Choice, Form, Pager},
    views::{JournalEntry, JournalPage},
};

/// Entries of one page.
const PAGE: usize = 50;
/// How many events are read at once.
const CHUNK: u32 = 500;
/// How many events one page looks through at most.
const MOST_READ: usize = 5000;

/// What the journal is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    kind: String,
    actor: String,
    from: String,
    to: String,
    before: Option<u64>,
}

pub(super) async fn page(by: By, Params(asked): Params<Asked>) -> Answer {
    let shell = by.live_shell();
    let (from, to) = (moment(&asked.from), moment(&asked.to));
    let mut filter = Form::from_pairs(
        asked
            .pairs()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    );
    for (name, moment) in [("from", &from), ("to", &to)] {
        if moment.is_err() {
            filter = filter.with_error(name, "Enter a day and a time");
        }
    }
    let newest = newest(by.engine(), by.authority()).await?;
    let mut view = JournalPage {
        shell,
        filter,
        kinds: kinds(),
        entries: Vec::new(),
        pager: Pager {
            label: "Journal".to_owned(),
            ..Pager::default()
        },
        head: newest.as_ref().map_or(0, |event| event.seq),
        head_hash: newest
            .map(|event| event.hash.to_string().chars().take(16).collect())
            .unwrap_or_default(),
    };
    let (Ok(from), Ok(to)) = (from, to) else {
        return invalid(&view);
    };
    let found = search(&by, &asked, from, to).await?;
    view.entries = entries(&by, &found.events).await?;
    view.pager.first = asked.before.map(|_| asked.href(None));
    view.pager.next = found.next.map(|before| asked.href(Some(before)));
    answer_page(&view)
}

impl Asked {
    fn pairs(&self) -> [(&'static str, &str); 5] {
        [
            ("q", &self.q),
            ("kind", &self.kind),
            ("actor", &self.actor),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }

    fn href(&self, before: Option<u64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(
            self.pairs()
                .into_iter()
                .filter(|(_, value)| !value.is_empty()),
        );
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        format!("/journal?{}", query.finish())
    }

    /// Whether an event is among those that are looked for.
    fn matches(&self, event: &Event) -> bool {
        let contains = |text: &str, part: &str| text.to_lowercase().contains(part);
        let (q, actor) = (
            self.q.trim().to_lowercase(),
            self.actor.trim().to_lowercase(),
        );
        let draft = &event.draft;
        let by_actor = actor.is_empty()
            || contains(&words::actor(&draft.actor), &actor)
            || contains(&draft.actor.address, &actor);
        let by_text = q.is_empty()
            || contains(&words::sentence(&draft.kind, &draft.data), &q)
            || contains(&draft.kind, &q)
            || contains(&draft.data.to_string(), &q)
            || draft.device.is_some_and(|id| contains(&id.to_string(), &q))
            || draft.subject.as_deref().is_some_and(|id| contains(id, &q));
        by_actor && by_text
    }
}

struct Found {
    events: Vec<Event>,
    next: Option<u64>,
}

/// Goes through the journal from the newest entry, within what one page may read.
async fn search(
    by: &By,
    asked: &Asked,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Found, Fault> {
    let filter = EventFilter {
        kind_prefix: Some(asked.kind.clone()).filter(|kind| !kind.is_empty()),
        ..EventFilter::default()
    };
    let mut before = asked.before;
    if let Some(to) = to {
        let end = first_at_or_after(by, to).await?;
        before = Some(before.map_or(end, |before| before.min(end)));
    }
    let mut events = Vec::new();
    let mut read = 0;
    loop {
        let chunk = by
            .engine()
            .events_before(by.authority(), filter.clone(), before, CHUNK)
            .await?;
        let whole = chunk.len() == CHUNK as usize;
        read += chunk.len();
        for event in chunk {
            if from.is_some_and(|from| event.draft.at < from) {
                return Ok(Found { events, next: None });
            }
            if events.len() == PAGE {
                // There is at least one more entry to look at.
                return Ok(Found {
                    events,
                    next: before,
                });
            }
            before = Some(event.seq);
            if asked.matches(&event) {
                events.push(event);
            }
        }
        if !whole {
            return Ok(Found { events, next: None });
        }
        if read >= MOST_READ {
            return Ok(Found {
                events,
                next: before,
            });
        }
    }
}

/// The first entry at a moment or after it; the journal is in the order of time.
async fn first_at_or_after(by: &By, at: Timestamp) -> Result<u64, Fault> {
    let head = newest(by.engine(), by.authority())
        .await?
        .map_or(0, |event| event.seq);
    let (mut low, mut high) = (1, head + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let event = by
            .engine()
            .events_after(by.authority(), EventFilter::default(), middle - 1, 1)
            .await?
            .pop();
        match event {
            Some(event) if event.draft.at < at => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

async fn newest(engine: &Engine, by: &Authority) -> Result<Option<Event>, Fault> {
    Ok(engine
        .events_before(by, EventFilter::default(), None, 1)
        .await?
        .pop())
}

/// Events as rows, with the names of their devices.
pub(super) async fn entries(by: &By, events: &[Event]) -> Result<Vec<JournalEntry>, Fault> {
    let ids: Vec<DeviceId> = events
        .iter()
        .filter_map(|event| event.draft.device)
        .collect();
    let devices = by.engine().devices_among(by.authority(), ids).await?;
    Ok(events
        .iter()
        .map(|event| words::entry(event, &devices))
        .collect())
}

fn kinds() -> Vec<Choice> {
    std::iter::once(Choice::new("", "Any"))
        .chain(
            words::EVENT_KINDS
                .iter()
                .map(|(kind, name)| Choice::new(*kind, *name)),
        )
        .collect()
}

/// What a browser sends for day and time (`2026-11-21T14:03`), taken as UTC.
fn moment(text: &str) -> Result<Option<Timestamp>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let seconds = if text.len() == "2026-11-21T14:03".len() {
        ":00"
    } else {
        ""
    };
    format!("{text}{seconds}Z")
        .parse()
        .map(Some)
        .map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_browsers_send_it() {
        assert_eq!(moment(""), Ok(None));
        let at = moment("2026-11-21T14:03").ok().flatten();
        assert_eq!(
            at.map(|at| at.to_string()).as_deref(),
            Some("2026-11-21T14:03:00.000Z")
        );
        assert_eq!(
            moment("2026-11-21T14:03:05").map(|at| at.is_some()),
            Ok(true)
        );
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn the_address_of_older_entries_keeps_the_filter() {
        let asked = Asked {
            q: "a b".to_owned(),
            kind: "device.".to_owned(),
            ..Asked::default()
        };
        assert_eq!(asked.href(Some(7)), "/journal?q=a+b&kind=device.&before=7");
    }
}
