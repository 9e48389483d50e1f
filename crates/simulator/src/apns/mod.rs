//! A strict stand-in for the Apple Push Notification service, for MDM pushes only.
//!
//! It accepts what Apple documents (*Sending notification requests to APNs*) and refuses the rest
//! with Apple's reasons. Where Apple would accept and silently drop, it refuses, so that a mistake
//! shows: a body other than `{"mdm":"..."}` is `BadPayload` (not one of Apple's reasons) and a
//! missing `apns-expiration` is `BadExpirationDate`.

mod certificate;
mod rules;
mod stand_in;
mod switchboard;

pub use certificate::PushCertificate;
pub use rules::Refused;
pub use stand_in::{Fault, Options, StandIn};
pub use switchboard::{Push, Switchboard};
