//! Commands: one module each, with parameters, fitness, encoding and reaction.
//!
//! See "Commands and queries" in Apple's Device Management reference.

mod activation_lock_bypass_code;
mod base64_bytes;
mod certificate_list;
mod clear_passcode;
mod declarative_management;
mod delete_user;
mod device_configured;
mod device_information;
mod device_location;
mod device_lock;
mod disable_lost_mode;
mod enable_lost_mode;
mod erase_device;
mod install_application;
mod install_enterprise_application;
mod install_profile;
mod installed_application_list;
mod log_out_user;
mod managed_application_list;
mod outcome;
mod play_lost_mode_sound;
mod profile_list;
mod provisioning_profile_list;
mod raw;
mod refresh_cellular_plans;
mod registry;
mod remove_application;
mod remove_profile;
mod restart_device;
mod rotate_file_vault_key;
mod security_info;
mod set_firmware_password;
mod set_recovery_lock;
mod settings;
mod shut_down_device;
mod target;
mod user_list;
mod verify_recovery_lock;

use std::fmt;

use domain::{Ownership, command::Hazard, plan::Inquiry};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use outcome::{CommandResult, Effect, Escrow, EscrowKind, Outcome};
pub use registry::{Entry, Meta, Parameter, ParameterKind, Priority};
pub use target::{Invalid, Rules, Support, Target, Unfit};

use crate::{
    connect::{Report, Status},
    plist::{Dict, NotAPlist, Value, from_json, write_dict},
};

/// What one module says of its command.
trait Spec {
    /// The registry entry.
    const META: Meta;

    /// Whether the parameters make sense at all.
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    /// Where it exists; more than the registry says only for commands that contain others.
    fn rules(&self) -> Rules {
        Self::META.rules
    }

    /// What the parameters demand of the target beyond the rules.
    fn check(&self, _target: &Target) -> Result<(), Unfit> {
        Ok(())
    }

    /// What it can destroy on a device that was enrolled by this profile; the worst case without it.
    fn hazard(&self, _enrollment_profile: Option<&str>) -> Hazard {
        Self::META.hazard
    }

    /// Apple's `RequestType`.
    fn request_type(&self) -> &str {
        Self::META.request_type
    }

    /// Puts the parameters beside `RequestType`.
    fn write(&self, command: &mut Dict);

    /// One line for people, without secrets.
    fn summary(&self) -> String {
        Self::META.title.to_owned()
    }

    /// Secrets that become true on the device once it carries the command out.
    fn secrets(&self) -> Vec<Escrow> {
        Vec::new()
    }

    /// What an acknowledgement says.
    fn observe(&self, _body: &Dict, _outcome: &mut Outcome) {}
}

macro_rules! commands {
    ($($module:ident :: $name:ident,)+) => {
        $(pub use $module::$name;)+

        /// A command with its parameters.
        ///
        /// In JSON an object whose `type` is the command's name, for example
        /// `{"type": "device_lock", "pin": "123456"}`. Serializing reveals
        /// secrets: seal what is stored, show [`Command::redacted`].
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub enum Command {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                $name($name),
            )+
        }

        $(
            impl From<$name> for Command {
                fn from(command: $name) -> Self {
                    Self::$name(command)
                }
            }
        )+

        /// All commands, in the order in which they are offered.
        pub const ALL: &[&Meta] = &[$(&<$name as Spec>::META),+];

        macro_rules! each {
            ($on:expr, $spec:ident => $do:expr) => {
                match $on { $(Command::$name($spec) => $do),+ }
            };
        }
        macro_rules! meta_of {
            ($on:expr) => {
                match $on { $(Command::$name(_) => &<$name as Spec>::META),+ }
            };
        }
    };
}

commands! {
    device_information::DeviceInformation,
    security_info::SecurityInfo,
    installed_application_list::InstalledApplicationList,
    managed_application_list::ManagedApplicationList,
    profile_list::ProfileList,
    provisioning_profile_list::ProvisioningProfileList,
    certificate_list::CertificateList,
    user_list::UserList,
    install_profile::InstallProfile,
    remove_profile::RemoveProfile,
    install_application::InstallApplication,
    install_enterprise_application::InstallEnterpriseApplication,
    remove_application::RemoveApplication,
    settings::Settings,
    declarative_management::DeclarativeManagement,
    device_configured::DeviceConfigured,
    restart_device::RestartDevice,
    shut_down_device::ShutDownDevice,
    device_lock::DeviceLock,
    clear_passcode::ClearPasscode,
    erase_device::EraseDevice,
    enable_lost_mode::EnableLostMode,
    disable_lost_mode::DisableLostMode,
    device_location::DeviceLocation,
    play_lost_mode_sound::PlayLostModeSound,
    activation_lock_bypass_code::ActivationLockBypassCode,
    rotate_file_vault_key::RotateFileVaultKey,
    set_recovery_lock::SetRecoveryLock,
    verify_recovery_lock::VerifyRecoveryLock,
    set_firmware_password::SetFirmwarePassword,
    log_out_user::LogOutUser,
    delete_user::DeleteUser,
    refresh_cellular_plans::RefreshCellularPlans,
    raw::Raw,
}

impl Command {
    /// The registry entry.
    pub const fn meta(&self) -> &'static Meta {
        meta_of!(self)
    }

    /// The name in the API, for example `device_lock`.
    pub const fn name(&self) -> &'static str {
        self.meta().name
    }

    /// Apple's `RequestType`.
    pub fn request_type(&self) -> &str {
        each!(self, spec => spec.request_type())
    }

    /// Whether the parameters make sense, whatever the target.
    ///
    /// # Errors
    /// Names the first parameter that does not.
    pub fn validate(&self) -> Result<(), Invalid> {
        each!(self, spec => spec.validate())
    }

    /// Whether this command may be sent to a target.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn fits(&self, target: &Target) -> Result<(), Unfit> {
        each!(self, spec => {
            spec.rules().check(target)?;
            spec.check(target)?;
            spec.validate()?;
            Ok(())
        })
    }

    /// The command on the wire, with the identifier that the report will name.
    pub fn encode(&self, uuid: impl fmt::Display) -> Vec<u8> {
        let mut command = Dict::new().with("RequestType", self.request_type());
        each!(self, spec => spec.write(&mut command));
        write_dict(
            &Dict::new()
                .with("Command", command)
                .with("CommandUUID", uuid.to_string()),
        )
    }

    /// What it can destroy at worst: removing any profile may remove the one that enrolls.
    pub fn hazard(&self) -> Hazard {
        each!(self, spec => spec.hazard(None))
    }

    /// What it can destroy on a device that was enrolled by the profile with this
    /// `PayloadIdentifier`.
    pub fn hazard_on(&self, enrollment_profile: &str) -> Hazard {
        each!(self, spec => spec.hazard(Some(enrollment_profile)))
    }

    /// Which command goes first.
    pub const fn priority(&self) -> Priority {
        self.meta().priority
    }

    /// One line for people, without secrets.
    pub fn summary(&self) -> String {
        each!(self, spec => spec.summary())
    }

    /// Secrets that become true once the device carries the command out: keep
    /// them in escrow when it is queued, since its answer may be lost. They come
    /// again in the [`Outcome`] of an acknowledgement.
    pub fn secrets(&self) -> Vec<Escrow> {
        each!(self, spec => spec.secrets())
    }

    /// The JSON form with every secret replaced, for people, logs and the journal.
    pub fn redacted(&self) -> Json {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Some(map) = json.as_object_mut() {
            for parameter in self.meta().parameters.iter().filter(|p| p.secret) {
                if let Some(value) = map.get_mut(parameter.name)
                    && !value.is_null()
                {
                    *value = "[secret]".into();
                }
            }
        }
        hide_configurations(&mut json);
        json
    }

    /// What a report that answers this command means.
    pub fn observe(&self, report: &Report) -> Outcome {
        let result = match report.status {
            Status::Acknowledged => CommandResult::Done,
            Status::Error => CommandResult::Failed(
                report
                    .error_text()
                    .unwrap_or_else(|| "the device gave no reason".into()),
            ),
            Status::CommandFormatError => {
                CommandResult::Failed("the device could not read the command".into())
            }
            Status::NotNow => CommandResult::Deferred,
            Status::Idle | Status::Unknown(_) => CommandResult::Undecided,
        };
        let mut outcome = Outcome::of(result);
        if report.status == Status::Acknowledged {
            outcome.escrow = self.secrets();
            each!(self, spec => spec.observe(&report.body, &mut outcome));
        }
        outcome
    }
}

/// Shows the redacted form.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.redacted())
    }
}

/// Configurations of applications often hold credentials.
fn hide_configurations(json: &mut Json) {
    match json {
        Json::Object(map) => {
            for (key, value) in map {
                if key == "configuration" {
                    *value = "[secret]".into();
                } else {
                    hide_configurations(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(hide_configurations),
        _ => {}
    }
}

/// The command that answers an inquiry of the planner, within what the ownership allows
/// to be asked; `None` where the target has no such command.
pub fn for_inquiry(inquiry: Inquiry, target: &Target) -> Option<Command> {
    let managed_only = target.ownership != Ownership::Corporate;
    let command: Command = match inquiry {
        Inquiry::DeviceInformation => DeviceInformation::for_target(target).into(),
        Inquiry::SecurityInfo => SecurityInfo {}.into(),
        Inquiry::InstalledApplications => InstalledApplicationList {
            identifiers: Vec::new(),
            managed_apps_only: managed_only,
        }
        .into(),
        Inquiry::ManagedApplications => ManagedApplicationList::default().into(),
        Inquiry::Profiles => ProfileList { managed_only }.into(),
        Inquiry::Certificates => CertificateList { managed_only }.into(),
    };
    command.fits(target).is_ok().then_some(command)
}

/// The registry entry of a command, by its name in the API.
pub fn find(name: &str) -> Option<&'static Meta> {
    ALL.iter().copied().find(|meta| meta.name == name)
}

/// The registry entry of a command, by Apple's `RequestType`.
pub fn find_request_type(request_type: &str) -> Option<&'static Meta> {
    ALL.iter()
        .copied()
        .find(|meta| meta.request_type == request_type && meta.name != "raw")
}

/// Whether an object of the API has a property-list form.
fn check_object(
    map: Option<&serde_json::Map<String, Json>>,
    parameter: &'static str,
) -> Result<(), Invalid> {
    let Some(map) = map else { return Ok(()) };
    from_json(&Json::Object(map.clone()))
        .map(drop)
        .map_err(|error| Invalid {
            parameter,
            reason: match error {
                NotAPlist::Null => "null has no property-list form",
                NotAPlist::Data => "$data is not base64",
                NotAPlist::Date => "$date is not an RFC 3339 date and time",
                NotAPlist::TooDeep => "it is nested too deeply",
            },
        })
}

/// The property-list form of an object that passed [`check_object`].
fn object(map: &serde_json::Map<String, Json>) -> Dict {
    match from_json(&Json::Object(map.clone())) {
        Ok(Value::Dict(dict)) => dict,
        _ => Dict::new(),
    }
}
