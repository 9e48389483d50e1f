//! Which report keys become which facts.

use domain::facts::Category as C;

/// The normal form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A link-layer address: lower case with colons.
    Mac,
    /// True or false.
    Flag,
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// A date and time, as RFC 3339.
    Date,
}

/// One report key and the fact it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// The key in the report.
    pub wire: &'static str,
    /// The category of the fact.
    pub category: C,
    /// The key of the fact.
    pub key: &'static str,
    /// Its normal form.
    pub kind: Kind,
}

const fn to(wire: &'static str, category: C, key: &'static str, kind: Kind) -> Mapping {
    Mapping {
        wire,
        category,
        key,
        kind,
    }
}

use Kind::{Date, Flag, Integer, Mac, Real, Text};

pub(super) const AUTHENTICATE: &[Mapping] = &[
    to("UDID", C::Identity, "udid", Text),
    to("SerialNumber", C::Identity, "serial_number", Text),
    to("DeviceName", C::Identity, "device_name", Text),
    to("IMEI", C::Identity, "imei", Text),
    to("MEID", C::Identity, "meid", Text),
    to("Model", C::Hardware, "model", Text),
    to("ModelName", C::Hardware, "model_name", Text),
    to("ProductName", C::Hardware, "product_name", Text),
    to("OSVersion", C::Os, "version", Text),
    to("BuildVersion", C::Os, "build", Text),
];

pub(super) const DEVICE_INFORMATION: &[Mapping] = &[
    to("UDID", C::Identity, "udid", Text),
    to("ProvisioningUDID", C::Identity, "provisioning_udid", Text),
    to("SerialNumber", C::Identity, "serial_number", Text),
    to("DeviceName", C::Identity, "device_name", Text),
    to("HostName", C::Identity, "host_name", Text),
    to("LocalHostName", C::Identity, "local_host_name", Text),
    to("DeviceID", C::Identity, "apple_tv_id", Text),
    to("EASDeviceIdentifier", C::Identity, "eas_identifier", Text),
    to("IMEI", C::Identity, "imei", Text),
    to("MEID", C::Identity, "meid", Text),
    to(
        "iTunesStoreAccountHash",
        C::Identity,
        "itunes_account_hash",
        Text,
    ),
    to("Model", C::Hardware, "model", Text),
    to("ModelName", C::Hardware, "model_name", Text),
    to("ModelNumber", C::Hardware, "model_number", Text),
    to("ProductName", C::Hardware, "product_name", Text),
    to("IsAppleSilicon", C::Hardware, "apple_silicon", Flag),
    to("HasBattery", C::Hardware, "has_battery", Flag),
    to("DeviceCapacity", C::Hardware, "capacity_gb", Real),
    to("AvailableDeviceCapacity", C::Hardware, "available_gb", Real),
    to("OSVersion", C::Os, "version", Text),
    to(
        "SupplementalOSVersionExtra",
        C::Os,
        "supplemental_version",
        Text,
    ),
    to("BuildVersion", C::Os, "build", Text),
    to(
        "SupplementalBuildVersion",
        C::Os,
        "supplemental_build",
        Text,
    ),
    to("SoftwareUpdateDeviceID", C::Os, "update_device_id", Text),
    to("TimeZone", C::Os, "time_zone", Text),
    to("IsSupervised", C::Security, "supervised", Flag),
    to(
        "AwaitingConfiguration",
        C::Security,
        "awaiting_configuration",
        Flag,
    ),
    to(
        "IsActivationLockEnabled",
        C::Security,
        "activation_lock_enabled",
        Flag,
    ),
    to(
        "IsActivationLockSupported",
        C::Security,
        "activation_lock_supported",
        Flag,
    ),
    to(
        "IsDeviceLocatorServiceEnabled",
        C::Security,
        "find_my_enabled",
        Flag,
    ),
    to(
        "IsMDMLostModeEnabled",
        C::Security,
        "lost_mode_enabled",
        Flag,
    ),
    to(
        "IsCloudBackupEnabled",
        C::Security,
        "cloud_backup_enabled",
        Flag,
    ),
    to(
        "LastCloudBackupDate",
        C::Security,
        "last_cloud_backup",
        Date,
    ),
    to(
        "SystemIntegrityProtectionEnabled",
        C::Security,
        "sip_enabled",
        Flag,
    ),
    to(
        "DiagnosticSubmissionEnabled",
        C::Security,
        "diagnostics_enabled",
        Flag,
    ),
    to(
        "AppAnalyticsEnabled",
        C::Security,
        "app_analytics_enabled",
        Flag,
    ),
    to("WiFiMAC", C::Network, "wifi_mac", Mac),
    to("BluetoothMAC", C::Network, "bluetooth_mac", Mac),
    to("EthernetMAC", C::Network, "ethernet_mac", Mac),
    to("PhoneNumber", C::Network, "phone_number", Text),
    to("ICCID", C::Network, "iccid", Text),
    to("CurrentCarrierNetwork", C::Network, "current_carrier", Text),
    to(
        "SubscriberCarrierNetwork",
        C::Network,
        "subscriber_carrier",
        Text,
    ),
    to(
        "CellularTechnology",
        C::Network,
        "cellular_technology",
        Integer,
    ),
    to("ModemFirmwareVersion", C::Network, "modem_firmware", Text),
    to("IsRoaming", C::Network, "roaming", Flag),
    to(
        "DataRoamingEnabled",
        C::Network,
        "data_roaming_enabled",
        Flag,
    ),
    to(
        "VoiceRoamingEnabled",
        C::Network,
        "voice_roaming_enabled",
        Flag,
    ),
    to(
        "PersonalHotspotEnabled",
        C::Network,
        "hotspot_enabled",
        Flag,
    ),
    to("IsMultiUser", C::Capabilities, "shared_ipad", Flag),
    to(
        "PINRequiredForEraseDevice",
        C::Capabilities,
        "erase_needs_pin",
        Flag,
    ),
    to(
        "PINRequiredForDeviceLock",
        C::Capabilities,
        "lock_needs_pin",
        Flag,
    ),
    to("SupportsiOSAppInstalls", C::Capabilities, "ios_apps", Flag),
    to("SupportsLOMDevice", C::Capabilities, "lights_out", Flag),
    to("EACSPreflight", C::Capabilities, "erase_preflight", Text),
    to("ResidentUsers", C::Capabilities, "resident_users", Integer),
    to(
        "EstimatedResidentUsers",
        C::Capabilities,
        "estimated_resident_users",
        Integer,
    ),
    to("QuotaSize", C::Capabilities, "user_quota_mb", Integer),
];

pub(super) const SUBSCRIPTION: &[Mapping] = &[
    to("Slot", C::Network, "slot", Text),
    to("Label", C::Network, "label", Text),
    to("PhoneNumber", C::Network, "phone_number", Text),
    to("ICCID", C::Network, "iccid", Text),
    to("EID", C::Network, "eid", Text),
    to("IMEI", C::Network, "imei", Text),
    to("MEID", C::Network, "meid", Text),
    to("CurrentCarrierNetwork", C::Network, "current_carrier", Text),
    to(
        "SubscriberCarrierNetwork",
        C::Network,
        "subscriber_carrier",
        Text,
    ),
    to("IsDataPreferred", C::Network, "data_preferred", Flag),
    to("IsVoicePreferred", C::Network, "voice_preferred", Flag),
    to("IsRoaming", C::Network, "roaming", Flag),
];

pub(super) const SECURITY_INFO: &[Mapping] = &[
    to(
        "HardwareEncryptionCaps",
        C::Security,
        "hardware_encryption",
        Integer,
    ),
    to("PasscodePresent", C::Security, "passcode_present", Flag),
    to("PasscodeCompliant", C::Security, "passcode_compliant", Flag),
    to(
        "PasscodeCompliantWithProfiles",
        C::Security,
        "passcode_compliant_with_profiles",
        Flag,
    ),
    to(
        "PasscodeLockGracePeriod",
        C::Security,
        "passcode_grace_seconds",
        Integer,
    ),
    to(
        "PasscodeLockGracePeriodEnforced",
        C::Security,
        "passcode_grace_enforced_seconds",
        Integer,
    ),
    to("AutoLockTime", C::Security, "auto_lock_seconds", Integer),
    to("FDE_Enabled", C::Security, "filevault_enabled", Flag),
    to(
        "FDE_HasPersonalRecoveryKey",
        C::Security,
        "filevault_personal_key",
        Flag,
    ),
    to(
        "FDE_HasInstitutionalRecoveryKey",
        C::Security,
        "filevault_institutional_key",
        Flag,
    ),
    to(
        "SystemIntegrityProtectionEnabled",
        C::Security,
        "sip_enabled",
        Flag,
    ),
    to(
        "AuthenticatedRootVolumeEnabled",
        C::Security,
        "authenticated_root_volume",
        Flag,
    ),
    to(
        "RemoteDesktopEnabled",
        C::Security,
        "remote_desktop_enabled",
        Flag,
    ),
    to(
        "IsRecoveryLockEnabled",
        C::Security,
        "recovery_lock_enabled",
        Flag,
    ),
    to(
        "BootstrapTokenAllowedForAuthentication",
        C::Security,
        "bootstrap_token_for_authentication",
        Text,
    ),
    to(
        "BootstrapTokenRequiredForSoftwareUpdate",
        C::Security,
        "bootstrap_token_for_updates",
        Flag,
    ),
    to(
        "BootstrapTokenRequiredForKernelExtensionApproval",
        C::Security,
        "bootstrap_token_for_kexts",
        Flag,
    ),
];

/// The dictionaries within SecurityInfo.
pub(super) const SECURITY_GROUPS: &[(&str, &[Mapping])] = &[
    (
        "FirewallSettings",
        &[
            to("FirewallEnabled", C::Security, "firewall_enabled", Flag),
            to("BlockAllIncoming", C::Security, "firewall_block_all", Flag),
            to("StealthMode", C::Security, "firewall_stealth", Flag),
            to("LoggingEnabled", C::Security, "firewall_logging", Flag),
        ],
    ),
    (
        "FirmwarePasswordStatus",
        &[
            to("PasswordExists", C::Security, "firmware_password", Flag),
            to(
                "ChangePending",
                C::Security,
                "firmware_password_pending",
                Flag,
            ),
        ],
    ),
    (
        "ManagementStatus",
        &[
            to("EnrolledViaDEP", C::Security, "automated_enrollment", Flag),
            to("UserApprovedEnrollment", C::Security, "user_approved", Flag),
            to("IsUserEnrollment", C::Security, "user_enrollment", Flag),
            to(
                "IsActivationLockManageable",
                C::Security,
                "activation_lock_manageable",
                Flag,
            ),
        ],
    ),
    (
        "SecureBoot",
        &[
            to("SecureBootLevel", C::Security, "secure_boot", Text),
            to("ExternalBootLevel", C::Security, "external_boot", Text),
        ],
    ),
];

pub(super) const LOCATION: &[Mapping] = &[
    to("Latitude", C::Location, "latitude", Real),
    to("Longitude", C::Location, "longitude", Real),
    to("HorizontalAccuracy", C::Location, "accuracy_m", Real),
    to("VerticalAccuracy", C::Location, "vertical_accuracy_m", Real),
    to("Altitude", C::Location, "altitude_m", Real),
    to("Speed", C::Location, "speed_mps", Real),
    to("Course", C::Location, "course_degrees", Real),
    to("Timestamp", C::Location, "measured_at", Date),
];

/// Keys of a location that have no negative value.
pub(super) const NEVER_NEGATIVE: &[&str] = &[
    "accuracy_m",
    "vertical_accuracy_m",
    "speed_mps",
    "course_degrees",
];

/// Status items of declarative management.
pub(super) const STATUS: &[Mapping] = &[
    to(
        "device.identifier.serial-number",
        C::Identity,
        "serial_number",
        Text,
    ),
    to("device.identifier.udid", C::Identity, "udid", Text),
    to("device.model.identifier", C::Hardware, "product_name", Text),
    to(
        "device.model.marketing-name",
        C::Hardware,
        "model_name",
        Text,
    ),
    to("device.model.number", C::Hardware, "model_number", Text),
    to(
        "device.power.battery-health",
        C::Hardware,
        "battery_health",
        Text,
    ),
    to("device.operating-system.version", C::Os, "version", Text),
    to(
        "device.operating-system.build-version",
        C::Os,
        "build",
        Text,
    ),
    to(
        "device.operating-system.marketing-name",
        C::Os,
        "marketing_name",
        Text,
    ),
    to(
        "device.operating-system.supplemental.build-version",
        C::Os,
        "supplemental_build",
        Text,
    ),
    to(
        "device.operating-system.supplemental.extra-version",
        C::Os,
        "supplemental_version",
        Text,
    ),
    to("softwareupdate.device-id", C::Os, "update_device_id", Text),
    to("softwareupdate.install-state", C::Os, "update_state", Text),
    to(
        "softwareupdate.pending-version.os-version",
        C::Os,
        "update_pending_version",
        Text,
    ),
    to(
        "softwareupdate.pending-version.build-version",
        C::Os,
        "update_pending_build",
        Text,
    ),
    to(
        "softwareupdate.pending-version.target-local-date-time",
        C::Os,
        "update_due_local",
        Text,
    ),
    to(
        "softwareupdate.failure-reason.reason",
        C::Os,
        "update_failure",
        Text,
    ),
    to(
        "softwareupdate.failure-reason.count",
        C::Os,
        "update_failures",
        Integer,
    ),
    to(
        "softwareupdate.beta-enrollment",
        C::Os,
        "beta_program",
        Text,
    ),
    to("passcode.is-present", C::Security, "passcode_present", Flag),
    to(
        "passcode.is-compliant",
        C::Security,
        "passcode_compliant",
        Flag,
    ),
    to(
        "diskmanagement.filevault.enabled",
        C::Security,
        "filevault_enabled",
        Flag,
    ),
];
