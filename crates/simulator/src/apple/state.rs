//! What a device holds, open to tests.

use std::collections::BTreeMap;

use super::{Declarations, Executed, InstalledProfile};
use crate::plist::Value;

/// Everything about a device that management can change. Cheap enough to clone for one look.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The management relationship, when enrolled.
    pub enrollment: Option<Enrollment>,
    /// Profiles by `PayloadIdentifier`.
    pub profiles: BTreeMap<String, InstalledProfile>,
    /// Apps by bundle identifier.
    pub apps: BTreeMap<String, App>,
    /// True when a passcode is set.
    pub passcode_present: bool,
    /// The PIN of the last DeviceLock, on a Mac, or an empty string; `None` while unlocked.
    pub locked: Option<String>,
    /// Times this device was erased.
    pub erasures: u32,
    /// Times it was restarted by command.
    pub restarts: u32,
    /// Times it was shut down by command.
    pub shutdowns: u32,
    /// Lost Mode, when on.
    pub lost_mode: Option<LostMode>,
    /// Times the Lost Mode sound was played.
    pub lost_mode_sounds: u32,
    /// Full-disk encryption of a Mac.
    pub filevault_enabled: bool,
    /// The personal recovery key, when a profile or command made one.
    pub filevault_key: Option<String>,
    /// The recovery lock of an Apple silicon Mac.
    pub recovery_lock: Option<String>,
    /// The firmware password of an Intel Mac.
    pub firmware_password: Option<String>,
    /// Values set by Settings items, by item name.
    pub settings: BTreeMap<String, Value>,
    /// Local or shared users.
    pub users: Vec<User>,
    /// True in Setup Assistant until DeviceConfigured arrives.
    pub awaiting_configuration: bool,
    /// Declarative management of the device channel.
    pub declarations: Declarations,
    /// Declarative management of the user channel.
    pub user_declarations: Declarations,
    /// The bootstrap token a Mac made.
    pub bootstrap_token: Option<Vec<u8>>,
    /// The token that clears a mobile device's passcode.
    pub unlock_token: Option<Vec<u8>>,
    /// Servers asked for new cellular plans.
    pub cellular_plan_servers: Vec<String>,
    /// A version an OS update command or declaration asks for.
    pub update: Option<Update>,
    /// The last 200 commands, oldest first.
    pub commands: Vec<Executed>,
    /// Commands executed since the start.
    pub executed: u64,
    /// Sessions held since the start.
    pub sessions: u64,
    /// Pushes that arrived with the wrong magic.
    pub wrong_pushes: u64,
}

/// The management relationship of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrollment {
    /// `PayloadIdentifier` of the enrollment profile.
    pub profile: String,
    /// Where commands come from.
    pub server_url: String,
    /// Where check-in messages go.
    pub check_in_url: String,
    /// The push topic.
    pub topic: String,
    /// True when messages carry `Mdm-Signature`.
    pub sign_message: bool,
    /// True when CheckOut is sent on removal.
    pub check_out_when_removed: bool,
    /// `AccessRights`, absent on account-driven enrollments.
    pub access_rights: Option<i64>,
    /// `ServerCapabilities`.
    pub capabilities: Vec<String>,
    /// Identity certificate, DER.
    pub certificate: Vec<u8>,
    /// Push token of the device channel.
    pub token: Vec<u8>,
    /// Push magic of the device channel.
    pub push_magic: String,
    /// Users whose channel is open, by user identifier.
    pub users: BTreeMap<String, UserChannel>,
    /// `EnrollmentID` in place of UDID and serial number, on a user enrollment.
    pub enrollment_id: Option<String>,
    /// Identity renewals so far.
    pub renewals: u32,
}

/// The channel of one user of a Mac.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserChannel {
    /// `UserID`.
    pub user_id: String,
    /// `UserShortName`.
    pub short_name: String,
    /// `UserLongName`.
    pub long_name: String,
    /// Push token of this channel.
    pub token: Vec<u8>,
    /// Push magic of this channel.
    pub push_magic: String,
}

/// One installed app.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// Bundle identifier.
    pub identifier: String,
    /// Name.
    pub name: String,
    /// Version as people read it.
    pub short_version: String,
    /// Build version.
    pub version: String,
    /// Bytes on disk.
    pub bundle_size: i64,
    /// True when management installed it.
    pub managed: bool,
    /// App Store number, when it came from there.
    pub store_id: Option<i64>,
}

/// Lost Mode as the command set it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LostMode {
    /// Text on the lock screen.
    pub message: String,
    /// Phone number on the lock screen.
    pub phone_number: String,
    /// Footnote on the lock screen.
    pub footnote: String,
}

/// A local user of a Mac or user of a shared iPad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Short name.
    pub name: String,
    /// Full name.
    pub full_name: String,
    /// Generated UID.
    pub guid: String,
    /// True while logged in.
    pub logged_in: bool,
}

/// An OS update under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The version wanted.
    pub version: String,
    /// `waiting`, `installing`, `failed` and so on, as status reports say it.
    pub state: String,
}
