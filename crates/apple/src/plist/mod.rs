//! Property lists: a bounded reader for XML and binary, a small value type, and an XML writer.
//!
//! The reader never recurses and stops at limits on size, depth, number of
//! values and total content, so a message of a few bytes that unfolds into
//! gigabytes (shared references in a binary list) or into a stack overflow
//! (deep nesting) ends in an [`Error`].

mod json;
mod read;
mod value;
mod write;

pub use json::{NotAPlist, from_json, to_json};
pub use read::{Error, Limits, read, read_dict};
pub use value::{Dict, Value};
pub use write::{write, write_dict};
