//! The `server` room.

pub mod console;
