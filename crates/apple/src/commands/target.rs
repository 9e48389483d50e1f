//! What a command may be sent to.

use domain::{
    Channel, EnrollmentKind, OsVersion, Ownership, Platform,
    facts::{Category, Document},
};

/// What is known of an enrollment that decides whether a command fits it.
///
/// Something unknown never refuses a command: the device has the last word.
/// The exception is ownership, which is always known and always binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The platform.
    pub platform: Platform,
    /// The operating-system version, once reported.
    pub os_version: Option<OsVersion>,
    /// Whether the device is supervised, once reported.
    pub supervised: Option<bool>,
    /// Device or user channel.
    pub channel: Channel,
    /// How it was enrolled.
    pub kind: EnrollmentKind,
    /// Who owns it.
    pub ownership: Ownership,
    /// A Shared iPad, once reported (`IsMultiUser`).
    pub shared_ipad: Option<bool>,
    /// A Mac with Apple silicon, once reported.
    pub apple_silicon: Option<bool>,
}

impl Target {
    /// A corporate device on its device channel of which only the platform is known.
    pub const fn new(platform: Platform) -> Self {
        Self {
            platform,
            os_version: None,
            supervised: None,
            channel: Channel::Device,
            kind: EnrollmentKind::Profile,
            ownership: Ownership::Corporate,
            shared_ipad: None,
            apple_silicon: None,
        }
    }

    /// Takes over what the facts of one category tell.
    pub fn learn(&mut self, category: Category, document: &Document) {
        let flag = |key: &str| document.get(key).and_then(|fact| fact.value.as_bool());
        match category {
            Category::Os => {
                let version = document.get("version").and_then(|fact| fact.value.as_str());
                if let Some(version) = version {
                    self.os_version = Some(OsVersion::new(version));
                }
            }
            Category::Security => self.supervised = flag("supervised").or(self.supervised),
            Category::Hardware => {
                self.apple_silicon = flag("apple_silicon").or(self.apple_silicon);
            }
            Category::Capabilities => self.shared_ipad = flag("shared_ipad").or(self.shared_ipad),
            _ => {}
        }
    }
}

/// Why a command does not fit a target. The text is meant for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The platform does not know it.
    #[error("{} does not have this command", .0.title())]
    Platform(Platform),
    /// It came with a later version.
    #[error("this needs {} {needs}, the device has {has}", .platform.title())]
    TooOld {
        /// The platform.
        platform: Platform,
        /// The first version that has it.
        needs: String,
        /// The device's version.
        has: String,
    },
    /// Only for supervised devices.
    #[error("this needs a supervised device")]
    NotSupervised,
    /// Only for devices enrolled through the vendor's programme.
    #[error("this needs a device enrolled by Automated Device Enrollment")]
    NotAutomated,
    /// Not on this channel.
    #[error("this is not available on the {0} channel")]
    Channel(Channel),
    /// Not in User Enrollment.
    #[error("this is not available in User Enrollment")]
    UserEnrollment,
    /// Never on somebody's own device.
    #[error("this is never done to a personally owned device: {0}")]
    Personal(&'static str),
    /// Only on Shared iPads.
    #[error("this needs a Shared iPad")]
    SharedIpadOnly,
    /// Not on Shared iPads.
    #[error("this is not available on a Shared iPad")]
    NotOnSharedIpad,
    /// Only on Macs with Apple silicon.
    #[error("this needs a Mac with Apple silicon")]
    AppleSiliconOnly,
    /// Only on Macs with Intel processors.
    #[error("this needs a Mac with an Intel processor")]
    IntelOnly,
    /// A parameter that this target needs is missing.
    #[error("this device needs the parameter {0}")]
    Needs(&'static str),
    /// A parameter that this target does not know.
    #[error("{} does not have the parameter {parameter}", .platform.title())]
    Parameter {
        /// Its name in the API.
        parameter: &'static str,
        /// The platform.
        platform: Platform,
    },
    /// A parameter is wrong whatever the target.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A parameter is wrong, whatever the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct Invalid {
    /// Its name in the API.
    pub parameter: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// How one platform supports a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    since: (u64, u64),
    supervised: bool,
    automated: bool,
    user_enrollment: bool,
    user_channel: bool,
    shared: Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shared {
    Allowed,
    Required,
    Forbidden,
}

impl Support {
    /// On the device channel since this version, not in User Enrollment.
    pub(crate) const fn since(major: u64, minor: u64) -> Self {
        Self {
            since: (major, minor),
            supervised: false,
            automated: false,
            user_enrollment: false,
            user_channel: false,
            shared: Shared::Allowed,
        }
    }

    pub(crate) const fn supervised(self) -> Self {
        Self {
            supervised: true,
            ..self
        }
    }

    pub(crate) const fn automated(self) -> Self {
        Self {
            automated: true,
            ..self
        }
    }

    pub(crate) const fn user_enrollment(self) -> Self {
        Self {
            user_enrollment: true,
            ..self
        }
    }

    /// Also on the user channel: of a Mac, or of a Shared iPad.
    pub(crate) const fn user_channel(self) -> Self {
        Self {
            user_channel: true,
            ..self
        }
    }

    pub(crate) const fn shared_only(self) -> Self {
        Self {
            shared: Shared::Required,
            ..self
        }
    }

    pub(crate) const fn not_shared(self) -> Self {
        Self {
            shared: Shared::Forbidden,
            ..self
        }
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if let Some(version) = &target.os_version
            && !version.at_least(self.since.0, self.since.1)
        {
            return Err(Unfit::TooOld {
                platform: target.platform,
                needs: format!("{}.{}", self.since.0, self.since.1),
                has: version.as_str().to_owned(),
            });
        }
        if self.supervised && target.supervised == Some(false) {
            return Err(Unfit::NotSupervised);
        }
        if self.automated && target.kind != EnrollmentKind::Automated {
            return Err(Unfit::NotAutomated);
        }
        if !self.user_channel && target.channel == Channel::User {
            return Err(Unfit::Channel(target.channel));
        }
        if !self.user_enrollment && target.kind == EnrollmentKind::AccountUser {
            return Err(Unfit::UserEnrollment);
        }
        match (self.shared, target.shared_ipad) {
            (Shared::Required, Some(false)) if target.platform == Platform::Ipados => {
                Err(Unfit::SharedIpadOnly)
            }
            (Shared::Required, _) if target.platform == Platform::Ios => Err(Unfit::SharedIpadOnly),
            (Shared::Forbidden, Some(true)) => Err(Unfit::NotOnSharedIpad),
            _ => Ok(()),
        }
    }
}

/// Where a command exists; `None` means the platform does not know it.
///
/// From Apple's published schema (apple/device-management, `mdm/commands`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// iOS and iPadOS, which count versions alike.
    pub(crate) ios: Option<Support>,
    pub(crate) macos: Option<Support>,
    pub(crate) tvos: Option<Support>,
    pub(crate) watchos: Option<Support>,
    pub(crate) visionos: Option<Support>,
    /// Why this is never done to a personally owned device, when it is not.
    pub(crate) personal: Option<&'static str>,
}

impl Rules {
    pub(crate) const NOWHERE: Self = Self {
        ios: None,
        macos: None,
        tvos: None,
        watchos: None,
        visionos: None,
        personal: None,
    };

    /// How a platform supports it.
    pub const fn on(&self, platform: Platform) -> Option<&Support> {
        match platform {
            Platform::Ios | Platform::Ipados => self.ios.as_ref(),
            Platform::Macos => self.macos.as_ref(),
            Platform::Tvos => self.tvos.as_ref(),
            Platform::Watchos => self.watchos.as_ref(),
            Platform::Visionos => self.visionos.as_ref(),
            Platform::Windows | Platform::Android => None,
        }
    }

    /// The Apple platforms that have it.
    pub fn platforms(&self) -> Vec<Platform> {
        Platform::ALL
            .iter()
            .copied()
            .filter(|platform| self.on(*platform).is_some())
            .collect()
    }

    pub(crate) fn check(&self, target: &Target) -> Result<(), Unfit> {
        // First, and before anything that could be unknown: what is never done is never done.
        if target.ownership == Ownership::Personal
            && let Some(reason) = self.personal
        {
            return Err(Unfit::Personal(reason));
        }
        self.on(target.platform)
            .ok_or(Unfit::Platform(target.platform))?
            .check(target)
    }
}
