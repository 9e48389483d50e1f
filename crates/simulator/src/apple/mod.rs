//! Simulated Apple devices.
//!
//! A [`Device`] is given an enrollment URL (or the profile's bytes) and trust anchors, and nothing
//! else: it downloads and checks the profile, obtains its identity by SCEP, checks in and executes
//! commands and declarations as a strict but forgiving Apple device would.
//!
//! ```no_run
//! # async fn run(ca_pem: &str) -> simulator::Result<()> {
//! use simulator::apple::{Device, Kind};
//!
//! let mut phone = Device::new(Kind::IPhone, 7).trusting(ca_pem)?;
//! phone.enroll_from("https://127.0.0.1:8443/enroll/abc/profile").await?;
//! let session = phone.connect().await?;
//! assert!(session.commands.is_empty());
//! assert!(phone.state().enrollment.is_some());
//! # Ok(()) }
//! ```

mod behavior;
mod channel;
mod checkin;
mod commands;
mod ddm;
mod device;
mod enroll;
mod fleet;
mod hardware;
mod profile;
mod scep;
mod session;
mod state;

pub use behavior::{Behavior, Quirks, Refusal};
pub(crate) use channel::signature;
pub use checkin::TokenService;
pub use ddm::{Declaration, Declarations, Group};
pub use device::{Device, Identity};
pub use fleet::{Event, EventKind, Fleet, FleetOptions, Handle};
pub use hardware::{Hardware, Kind};
pub use profile::{EnrollmentProfile, InstalledProfile, OpenedProfile, ScepSettings, open_profile};
pub use scep::{ScepAuthority, ScepExchange, ScepRequest};
pub use session::{Executed, Outcome, Session};
pub use state::{App, Enrollment, LostMode, State, Update, User, UserChannel};
