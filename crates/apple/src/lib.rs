//! Apple's wire formats: check-in, commands, profiles, declarative management, push.
//!
//! Pure: no I/O, no clock, no randomness. Bytes go in, messages and
//! observations come out. Unknown keys, messages and commands pass through, so
//! that a new operating-system release never breaks enrollment.
//!
//! A device message is read by [`Message::parse`]; what a command report means
//! is told by [`commands::Command::observe`]; what a check-in says of the
//! device by [`facts`].

pub mod checkin;
pub mod commands;
pub mod connect;
pub mod ddm;
pub mod facts;
mod message;
pub mod plist;
pub mod profile;
pub mod push;
mod sender;
mod sensitive;

pub use message::{Message, ParseError};
pub use sender::{EnrollmentKey, KeyKind, Sender};
pub use sensitive::Sensitive;

/// SHA-256 over the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
