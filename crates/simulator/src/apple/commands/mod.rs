//! Commands by family. Each checks what it received before it takes effect.

mod apps;
mod inventory;
mod lost_mode;
mod power;
mod profiles;
mod secrets;
mod settings;
mod users;

use super::{Device, Kind, Refusal, channel::Channel};
use crate::{
    Error,
    plist::{Dictionary, Value},
};

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// `CommandFormatError`: the command is malformed.
    Format(String),
    /// `Error`.
    Refused(Refusal),
}

impl From<Error> for Failure {
    /// A key that is missing or of the wrong type.
    fn from(error: Error) -> Self {
        Self::Format(error.to_string())
    }
}

/// What happens only after the server has the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Everything is forgotten; with a profile the device enrolls again.
    Erase { profile: Option<Vec<u8>> },
    /// The management profile goes.
    RemoveManagement,
    /// The connection goes.
    Disconnect,
    /// A new TokenUpdate is due.
    UpdateToken,
    /// Declarative management starts or looks for changes.
    Synchronize(Channel, Option<Vec<u8>>),
}

type Answer = Result<Dictionary, Failure>;

/// `MCMDMErrorDomain` codes, as devices report them.
mod code {
    pub(super) const UNKNOWN_REQUEST: i64 = 12021;
    pub(super) const NOT_SUPERVISED: i64 = 12018;
    pub(super) const NO_SUCH_PROFILE: i64 = 12009;
    pub(super) const PROFILE_REFUSED: i64 = 4001;
    pub(super) const NOT_IN_LOST_MODE: i64 = 12067;
    pub(super) const WRONG_PASSWORD: i64 = 12089;
    pub(super) const NO_SUCH_APP: i64 = 12023;
    pub(super) const NO_SUCH_USER: i64 = 12071;
    pub(super) const RIGHTS: i64 = 12007;
    pub(super) const CHANNEL: i64 = 12078;
}

fn refused(code: i64, text: &str) -> Failure {
    Failure::Refused(Refusal::mdm(code, text))
}

/// Bits of `AccessRights`.
mod right {
    pub(super) const INSPECT_PROFILES: i64 = 1;
    pub(super) const CHANGE_PROFILES: i64 = 2;
    pub(super) const LOCK: i64 = 4;
    pub(super) const ERASE: i64 = 8;
    pub(super) const DEVICE_INFORMATION: i64 = 16;
    pub(super) const INSPECT_APPS: i64 = 256;
    pub(super) const SECURITY: i64 = 1024;
    pub(super) const SETTINGS: i64 = 2048;
    pub(super) const CHANGE_APPS: i64 = 4096;
}

/// Executes one command.
pub(super) async fn execute(
    device: &mut Device,
    channel: &Channel,
    request_type: &str,
    command: &Dictionary,
) -> Answer {
    if request_type.is_empty() {
        return Err(Failure::Format("no RequestType".into()));
    }
    check_rights(device, request_type)?;
    if let Channel::User(_) = channel
        && !matches!(
            request_type,
            "InstallProfile"
                | "RemoveProfile"
                | "ProfileList"
                | "CertificateList"
                | "DeclarativeManagement"
                | "InstallApplication"
        )
    {
        return Err(refused(
            code::CHANNEL,
            "The command is not available on the user channel.",
        ));
    }
    match request_type {
        "DeviceInformation" => inventory::device_information(device, command),
        "SecurityInfo" => inventory::security_info(device),
        "CertificateList" => inventory::certificates(device, command),
        "InstalledApplicationList" => apps::installed(device, command),
        "ManagedApplicationList" => apps::managed(device, command),
        "InstallApplication" => apps::install(device, command),
        "InstallEnterpriseApplication" => apps::install_enterprise(device, command),
        "RemoveApplication" => apps::remove(device, command),
        "ProfileList" => profiles::list(device, command),
        "ProvisioningProfileList" => {
            Ok(crate::dict! { "ProvisioningProfileList" => Vec::<Value>::new() })
        }
        "InstallProfile" => profiles::install(device, command).await,
        "RemoveProfile" => profiles::remove(device, command),
        "DeviceLock" => power::lock(device, command),
        "ClearPasscode" => power::clear_passcode(device, command),
        "EraseDevice" => power::erase(device, command),
        "RestartDevice" => power::restart(device, command),
        "ShutDownDevice" => power::shut_down(device),
        "EnableLostMode" => lost_mode::enable(device, command),
        "DisableLostMode" => lost_mode::disable(device),
        "DeviceLocation" => lost_mode::location(device),
        "PlayLostModeSound" => lost_mode::sound(device),
        "Settings" => settings::settings(device, command),
        "DeviceConfigured" => settings::configured(device),
        "RefreshCellularPlans" => settings::cellular_plans(device, command),
        "RotateFileVaultKey" => secrets::rotate_filevault_key(device, command),
        "SetRecoveryLock" => secrets::set_recovery_lock(device, command),
        "VerifyRecoveryLock" => secrets::verify_recovery_lock(device, command),
        "SetFirmwarePassword" => secrets::set_firmware_password(device, command),
        "VerifyFirmwarePassword" => secrets::verify_firmware_password(device, command),
        "UserList" => users::list(device),
        "LogOutUser" => users::log_out(device),
        "DeleteUser" => users::delete(device, command),
        "DeclarativeManagement" => declarative(device, channel, command),
        other => Err(refused(
            code::UNKNOWN_REQUEST,
            &format!("“{other}” is not a valid request type."),
        )),
    }
}

fn check_rights(device: &Device, request_type: &str) -> Result<(), Failure> {
    let needed = match request_type {
        "ProfileList" => right::INSPECT_PROFILES,
        "InstallProfile" | "RemoveProfile" => right::CHANGE_PROFILES,
        "DeviceLock" | "ClearPasscode" => right::LOCK,
        "EraseDevice" => right::ERASE,
        "DeviceInformation" => right::DEVICE_INFORMATION,
        "InstalledApplicationList" => right::INSPECT_APPS,
        "SecurityInfo" => right::SECURITY,
        "Settings" => right::SETTINGS,
        "InstallApplication" | "RemoveApplication" | "ManagedApplicationList" => right::CHANGE_APPS,
        _ => return Ok(()),
    };
    match device
        .state
        .enrollment
        .as_ref()
        .and_then(|enrollment| enrollment.access_rights)
    {
        Some(rights) if rights & needed == 0 => Err(refused(
            code::RIGHTS,
            "The management profile does not have the right to perform this action.",
        )),
        _ => Ok(()),
    }
}

fn only(device: &Device, kinds: &[Kind]) -> Result<(), Failure> {
    if kinds.contains(&device.hardware.kind) {
        Ok(())
    } else {
        Err(refused(
            code::UNKNOWN_REQUEST,
            "The command is not available on this kind of device.",
        ))
    }
}

fn only_supervised(device: &Device) -> Result<(), Failure> {
    if device.hardware.supervised {
        Ok(())
    } else {
        Err(refused(
            code::NOT_SUPERVISED,
            "The device must be supervised.",
        ))
    }
}

fn declarative(device: &mut Device, channel: &Channel, command: &Dictionary) -> Answer {
    let old = match device.hardware.kind {
        Kind::Mac => !device.hardware.os_at_least(13, 0),
        Kind::AppleTv => !device.hardware.os_at_least(16, 0),
        _ => !device.hardware.os_at_least(15, 0),
    };
    if old {
        return Err(refused(
            code::UNKNOWN_REQUEST,
            "“DeclarativeManagement” is not a valid request type.",
        ));
    }
    let tokens = match command.get("Data") {
        None => None,
        Some(Value::Data(bytes)) => Some(bytes.clone()),
        Some(_) => return Err(Failure::Format("Data is not data".into())),
    };
    device
        .effects
        .push(Effect::Synchronize(channel.clone(), tokens));
    Ok(Dictionary::new())
}
