//! What an answer to a command means.

use domain::{
    Secret,
    facts::{Category, Observation},
};
use serde::{Deserialize, Serialize};

/// What an answer to a command means for what Muster knows and keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What became of the command.
    pub result: CommandResult,
    /// What the answer says of the device.
    pub observations: Vec<Observation>,
    /// Secrets to keep in escrow.
    pub escrow: Vec<Escrow>,
    /// What else follows.
    pub effects: Vec<Effect>,
}

impl Outcome {
    pub(crate) const fn of(result: CommandResult) -> Self {
        Self {
            result,
            observations: Vec::new(),
            escrow: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(crate) fn keep(&mut self, kind: EscrowKind, secret: impl Into<Vec<u8>>) {
        self.escrow.push(Escrow {
            kind,
            secret: Secret::new(secret.into()),
        });
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandResult {
    /// The device did it.
    Done,
    /// The device refused or failed; the text is for people. Final: no retry.
    Failed(String),
    /// Not now; offer it again on the next fresh connection.
    Deferred,
    /// The report answers nothing (`Idle`, or a status of a later release).
    Undecided,
}

/// A secret that belongs into escrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escrow {
    /// What it is.
    pub kind: EscrowKind,
    /// The secret.
    pub secret: Secret<Vec<u8>>,
}

/// What kinds of secrets Apple devices bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscrowKind {
    /// CMS (DER) holding the FileVault personal recovery key, encrypted to our escrow certificate.
    FilevaultRecoveryKeyCms,
    /// Turns off Activation Lock.
    ActivationLockBypassCode,
    /// The recovery lock password; empty when it was cleared.
    RecoveryLockPassword,
    /// The firmware password; empty when it was cleared.
    FirmwarePassword,
    /// Unlocks a Mac after DeviceLock or EraseDevice.
    DeviceLockPin,
    /// Lets the passcode be cleared.
    UnlockToken,
    /// Lets a Mac authorise software updates and grant secure tokens.
    BootstrapToken,
}

impl EscrowKind {
    /// The word used in the API and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FilevaultRecoveryKeyCms => "filevault_recovery_key_cms",
            Self::ActivationLockBypassCode => "activation_lock_bypass_code",
            Self::RecoveryLockPassword => "recovery_lock_password",
            Self::FirmwarePassword => "firmware_password",
            Self::DeviceLockPin => "device_lock_pin",
            Self::UnlockToken => "unlock_token",
            Self::BootstrapToken => "bootstrap_token",
        }
    }
}

/// What follows from an acknowledged command besides facts and secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The device erases itself; management of it ends.
    Erased,
    /// Facts of this category are out of date: ask again.
    Refresh(Category),
    /// The device left Setup Assistant.
    Configured,
    /// Declarative management is on for this channel.
    DeclarativeManagementEnabled,
}
