//! What can go wrong, told apart by what the caller can do about it.

/// Which rule a write broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    /// The value exists already.
    Unique,
    /// What it refers to does not exist, or something still refers to it.
    ForeignKey,
    /// A value is missing.
    NotNull,
    /// Another rule, for example that the journal is append-only.
    Other,
}

/// Why the store did not do what was asked. In every case nothing of the transaction was kept,
/// except where [`StoreError::Unavailable`] says that the outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much waits already. Try again later.
    #[error("the database is busy")]
    Busy,
    /// The database cannot be reached or does not work. The layer connects again by itself.
    #[error("the database is not available: {reason}")]
    Unavailable {
        /// In the words of the driver.
        reason: String,
        /// Whether the connection broke during the commit, so that the write may have been kept.
        outcome_unknown: bool,
    },
    /// No space is left.
    #[error("the database has no space left")]
    Full,
    /// The database file is damaged, or is not ours.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The write breaks a rule of the schema.
    #[error("constraint {kind:?} {name}")]
    Constraint {
        /// Which sort of rule.
        kind: ConstraintKind,
        /// Its name, or the columns, in the words of the driver.
        name: String,
    },
    /// Another transaction was in the way (deadlock, serialization). Running the closure again may succeed.
    #[error("another transaction was in the way")]
    Conflict,
    /// The closure panicked. Its transaction was rolled back.
    #[error("a transaction panicked")]
    Panicked,
    /// A migration is missing, changed or failed.
    #[error("migration: {0}")]
    Migration(String),
    /// The configuration, a cursor or another argument is wrong, or a stored value cannot be read.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The statement itself failed: a mistake of ours.
    #[error("statement {statement}: {reason}")]
    Statement {
        /// The statement's name.
        statement: String,
        /// In the words of the driver.
        reason: String,
    },
}
