//! Wake-ups: what changed, told to this process and to the other nodes after the commit.

use domain::EnrollmentId;

/// Something to look at. A hint, never the only carrier of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wake {
    /// The queue or the state of an enrollment changed: forget what is cached of it.
    Enrollment(EnrollmentId),
    /// A push is wanted.
    Push,
    /// Events wait to be sealed.
    JournalPending,
    /// Events were sealed.
    Journal,
    /// A named thing changed, for example `settings` or `webhooks`.
    Changed(String),
    /// Wake-ups may have been lost: forget everything cached.
    Resync,
}
