//! The journal.

use askama::Template;
use domain::Timestamp;

use super::{Section, Shell};
use crate::console::{
    assets,
    components::{Choice, Form, Pager},
    format,
};

/// One sealed event.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// Its place in the journal.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Its stable kind: `device.enrolled`.
    pub kind: String,
    /// One sentence in plain words.
    pub summary: String,
    /// Who or what caused it: a person, a token, a device, the server.
    pub actor: String,
    /// Network address of the actor; empty when there is none.
    pub address: String,
    /// What it is about: a serial number or a name; empty for nothing.
    pub subject: String,
    /// Page of the subject; empty for none.
    pub href: String,
    /// Details as JSON, secrets masked; empty for none.
    pub details: String,
}

/// `/journal`: everything that happened, newest first.
#[derive(Debug, Clone, Template)]
#[template(path = "journal.html")]
pub struct JournalPage {
    /// What all pages share.
    pub shell: Shell,
    /// Filter as asked: fields `q`, `kind`, `actor`, `from`, `to`.
    pub filter: Form,
    /// Kinds of event to choose from.
    pub kinds: Vec<Choice>,
    /// The entries.
    pub entries: Vec<JournalEntry>,
    /// Neighbouring pages.
    pub pager: Pager,
    /// Position of the newest sealed entry.
    pub head: u64,
    /// First letters of the hash of the newest sealed entry.
    pub head_hash: String,
}
