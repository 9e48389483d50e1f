//! The first page after signing in.

use askama::Template;
use domain::Timestamp;

use super::{JournalEntry, Section, Shell};
use crate::console::{assets, charts::BarChart, format};

/// A number worth a glance.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What is counted.
    pub label: String,
    /// How many.
    pub value: u64,
    /// Where the things counted are listed.
    pub href: String,
    /// Whether somebody should look at it.
    pub attention: bool,
}

/// Something that stops working on a date.
#[derive(Debug, Clone)]
pub struct Expiry {
    /// What it is: "Push certificate".
    pub name: String,
    /// What it is precisely: a topic, a common name; may be empty.
    pub detail: String,
    /// When it stops working; `None` when it is not there yet.
    pub at: Option<Timestamp>,
    /// Where it is renewed; empty for nowhere in the console.
    pub href: String,
    /// What stops working then, in plain words.
    pub consequence: String,
}

impl Expiry {
    fn is_past(&self, now: &Timestamp) -> bool {
        self.at.is_some_and(|at| at <= *now)
    }
}

/// `/`: the state of the fleet and of the server.
#[derive(Debug, Clone, Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    /// What all pages share.
    pub shell: Shell,
    /// Figures in the order shown.
    pub figures: Vec<Figure>,
    /// Devices by platform.
    pub by_platform: BarChart,
    /// Devices by state.
    pub by_state: BarChart,
    /// The newest journal entries, newest first.
    pub recent: Vec<JournalEntry>,
    /// What expires, soonest first.
    pub expiries: Vec<Expiry>,
}

impl OverviewPage {
    /// Expiries within 30 days or past, which get a banner.
    fn urgent(&self) -> Vec<&Expiry> {
        let limit = self
            .shell
            .now
            .plus(std::time::Duration::from_secs(30 * 86_400));
        self.expiries
            .iter()
            .filter(|expiry| expiry.at.is_some_and(|at| at < limit))
            .collect()
    }
}
