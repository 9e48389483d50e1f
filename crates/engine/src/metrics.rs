//! Names of what is counted.

/// Requests that used another device's identity.
pub const CLONED_IDENTITIES: &str = "muster_cloned_identities_total";
/// Answers to commands that are not open: late, repeated or unknown.
pub const UNKNOWN_ANSWERS: &str = "muster_unknown_answers_total";
/// Values dropped before storage because the ownership does not allow them, by `category`.
pub const DROPPED_FACTS: &str = "muster_dropped_facts_total";
/// Device messages refused, by `reason`.
pub const REFUSED_MESSAGES: &str = "muster_refused_messages_total";
/// Pushes, by `outcome`.
pub const PUSHES: &str = "muster_pushes_total";
/// SCEP requests, by `outcome`.
pub const SCEP: &str = "muster_scep_requests_total";
/// Events waiting to be sealed.
pub const JOURNAL_BACKLOG: &str = "muster_journal_backlog";
/// Unfinished commands, by `state`.
pub const QUEUE: &str = "muster_queued_commands";
/// Failures of periodic work, by `task`.
pub const TASK_FAILURES: &str = "muster_task_failures_total";
/// Days until a certificate ends, by `name`.
pub const CERTIFICATE_DAYS: &str = "muster_certificate_days_left";
