//! What things are, and every decision.
//!
//! Nothing here performs I/O, reads a clock or draws random numbers: time and
//! random bytes are arguments. Everything that Muster decides about devices,
//! commands, facts, tokens and the journal is a function of its inputs and can
//! be tested as such.

pub mod command;
pub mod enrollment;
pub mod facts;
pub mod id;
pub mod journal;
pub mod manifest;
pub mod plan;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;
pub mod words;

pub use id::*;
pub use secret::Secret;
pub use time::Timestamp;
pub use words::{Channel, DeviceState, EnrollmentKind, OsFamily, OsVersion, Ownership, Platform};
