//! Live updates: the journal as server-sent events (HTML section 9.2).
//!
//! An event's id is its place in the journal, so a browser that comes back is told what it
//! missed. Browsers learn that something happened and fetch what they show again.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension,
    http::HeaderMap,
    response::{
        IntoResponse as _,
        sse::{Event as Sse, KeepAlive, Sse as Stream},
    },
};
use domain::journal::Event;
use engine::people::SessionAuthority;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use store::EventFilter;
use tokio::sync::watch;

use super::{
    answer::{Answer, Fault, Params},
    visit::By,
    words,
};

/// The most streams of one session: a tab has one each.
const MOST_STREAMS: usize = 12;
/// Further back a browser is not told what it missed; it shows a page that is long out of date.
const MOST_MISSED: u64 = 1000;
/// Events read at once.
const CHUNK: u32 = 200;
/// How often a comment keeps the connection alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether the session is still there.
const CHECK: Duration = Duration::from_secs(60);

/// The streams that are open, by session.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<BTreeMap<String, Open>>>);

#[derive(Debug)]
struct Open {
    count: usize,
    over: watch::Sender<bool>,
}

impl Streams {
    /// Ends all streams of a session.
    pub(super) fn end(&self, session: &SessionAuthority) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = open.remove(&name(session)) {
            one.over.send_replace(true);
        }
    }

    fn open(&self, session: &SessionAuthority) -> Option<Guard> {
        let name = name(session);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = open.entry(name.clone()).or_insert_with(|| Open {
            count: 0,
            over: watch::channel(false).0,
        });
        if one.count >= MOST_STREAMS {
            return None;
        }
        one.count += 1;
        Some(Guard {
            over: one.over.subscribe(),
            streams: self.clone(),
            name,
        })
    }

    fn close(&self, name: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = open.get_mut(name) {
            one.count = one.count.saturating_sub(1);
            if one.count == 0 {
                open.remove(name);
            }
        }
    }
}

/// Names a session without being its cookie.
fn name(session: &SessionAuthority) -> String {
    hex::encode(::pki::token::sha256(session.csrf.expose().as_bytes()))
}

/// One open stream; counts itself out when the browser goes away.
#[derive(Debug)]
struct Guard {
    streams: Streams,
    name: String,
    over: watch::Receiver<bool>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.streams.close(&self.name);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<u64>,
}

pub(super) async fn stream(
    by: By,
    Extension(streams): Extension<Streams>,
    Params(asked): Params<Asked>,
    headers: HeaderMap,
) -> Answer {
    let guard = streams
        .open(&by.session)
        .ok_or_else(|| Fault::too_many("Too many pages of this session are open."))?;
    let head = by.engine().journal_head();
    let newest = *head.borrow();
    // A browser that comes back says where it was; this is newer than its address.
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    let after = last
        .or(asked.after)
        .unwrap_or(newest)
        .clamp(newest.saturating_sub(MOST_MISSED), newest);
    let follower = Follower {
        remaining: by.session.expires_at.since(by.now()),
        stopping: by.visit.app.stopping.clone(),
        head,
        guard,
        by,
        after,
        waiting: VecDeque::new(),
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let stream = Stream::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(stream.into_response())
}

/// Reads on behind one browser.
struct Follower {
    by: By,
    guard: Guard,
    head: watch::Receiver<u64>,
    stopping: Option<watch::Receiver<bool>>,
    after: u64,
    waiting: VecDeque<Sse>,
    remaining: Duration,
}

impl Follower {
    /// The next event; `None` ends the stream, after which browsers come back by themselves, or
    /// are told that the session is over.
    async fn next(&mut self) -> Option<Sse> {
        loop {
            if *self.guard.over.borrow() {
                return None;
            }
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if *self.head.borrow_and_update() > self.after {
                self.read().await?;
            } else {
                self.wait().await?;
            }
        }
    }

    async fn read(&mut self) -> Option<()> {
        let events = self
            .by
            .engine()
            .events_after(
                self.by.authority(),
                EventFilter::default(),
                self.after,
                CHUNK,
            )
            .await
            .inspect_err(|error| tracing::debug!(%error, "live updates pause"))
            .ok()?;
        self.after = events.last()?.seq;
        self.waiting.extend(events.iter().map(told));
        Some(())
    }

    async fn wait(&mut self) -> Option<()> {
        let rest = CHECK.min(self.remaining);
        let stopping = async {
            match &mut self.stopping {
                // The sender is gone, or says so: either way the process ends.
                Some(stopping) => drop(stopping.wait_for(|stop| *stop).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.head.changed() => changed.ok(),
            _ = self.guard.over.changed() => None,
            () = stopping => None,
            () = tokio::time::sleep(rest) => {
                self.remaining = self.remaining.saturating_sub(rest);
                let living = !self.remaining.is_zero() && self.session_lives().await;
                living.then_some(())
            }
        }
    }

    /// Whether the session is still there; looking does not prolong it.
    async fn session_lives(&self) -> bool {
        self.by
            .engine()
            .sessions(&self.by.session)
            .await
            .is_ok_and(|sessions| sessions.iter().any(|session| session.current))
    }
}

fn told(event: &Event) -> Sse {
    let draft = &event.draft;
    let mut topics = vec!["journal".to_owned()];
    if let Some(device) = draft.device {
        topics.push(format!("device:{device}"));
        let of_lists = ["device.", "enrollment.", "user."];
        if of_lists.iter().any(|prefix| draft.kind.starts_with(prefix)) {
            topics.push("devices".to_owned());
        }
    }
    let data = json!({
        "seq": event.seq,
        "kind": draft.kind,
        "device": draft.device,
        "text": words::sentence(&draft.kind, &draft.data),
        "topics": topics,
    });
    Sse::default()
        .id(event.seq.to_string())
        .data(data.to_string())
}
