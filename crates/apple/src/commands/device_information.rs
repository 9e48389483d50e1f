//! `DeviceInformation`: names, model, operating system, network, capabilities.

use domain::{EnrollmentKind, Ownership, Platform, command::Hazard};
use serde::{Deserialize, Serialize};

use super::{
    Invalid, Meta, Outcome, Parameter, ParameterKind as Kind, Priority, Rules, Spec, Support,
    Target, Unfit,
};
use crate::{facts, plist::Dict};

/// What every platform answers, in any kind of enrollment.
const COMMON: &[&str] = &[
    "DeviceName",
    "OSVersion",
    "SupplementalOSVersionExtra",
    "BuildVersion",
    "SupplementalBuildVersion",
    "ModelName",
    "Model",
    "ModelNumber",
    "ProductName",
    "IsSupervised",
    "AwaitingConfiguration",
];
/// What a device that is not in User Enrollment answers besides.
const DEVICE: &[&str] = &[
    "UDID",
    "SerialNumber",
    "ProvisioningUDID",
    "DeviceCapacity",
    "AvailableDeviceCapacity",
    "WiFiMAC",
    "BluetoothMAC",
    "SoftwareUpdateDeviceID",
];
const MAC: &[&str] = &[
    "IsAppleSilicon",
    "EthernetMAC",
    "HostName",
    "LocalHostName",
    "HasBattery",
    "BatteryLevel",
    "IsActivationLockSupported",
    "SystemIntegrityProtectionEnabled",
    "PINRequiredForEraseDevice",
    "PINRequiredForDeviceLock",
    "SupportsiOSAppInstalls",
    "EACSPreflight",
];
const MOBILE: &[&str] = &[
    "BatteryLevel",
    "CellularTechnology",
    "ModemFirmwareVersion",
    "DataRoamingEnabled",
    "PersonalHotspotEnabled",
    "IsRoaming",
    "ServiceSubscriptions",
    "IsMultiUser",
    "IsMDMLostModeEnabled",
    "IsDeviceLocatorServiceEnabled",
    "IsCloudBackupEnabled",
    "LastCloudBackupDate",
    "DiagnosticSubmissionEnabled",
    "AppAnalyticsEnabled",
    "EASDeviceIdentifier",
    "TimeZone",
];

/// Asks for names, model, operating system, network and capabilities.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceInformation {
    /// Apple's query names, for example `OSVersion`; see [`DeviceInformation::for_target`].
    pub queries: Vec<String>,
    /// Up to 32 bytes that a fresh attestation will contain; asks for one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "super::base64_bytes::option"
    )]
    pub attestation_nonce: Option<Vec<u8>>,
}

impl DeviceInformation {
    /// The queries that make sense for a target; what its ownership forbids is not even asked.
    pub fn for_target(target: &Target) -> Self {
        let mut queries = COMMON.to_vec();
        let user_enrollment = target.kind == EnrollmentKind::AccountUser;
        if !user_enrollment {
            queries.extend(DEVICE);
        }
        match target.platform {
            Platform::Macos => queries.extend(MAC),
            Platform::Ios | Platform::Ipados | Platform::Watchos => queries.extend(MOBILE),
            Platform::Visionos => queries.extend(["BatteryLevel", "TimeZone"]),
            Platform::Tvos => queries.extend(["DeviceID", "TimeZone"]),
            Platform::Windows | Platform::Android => {}
        }
        if target.ownership == Ownership::Personal {
            queries.retain(|query| !facts::is_private_query(query));
        }
        Self {
            queries: queries.into_iter().map(str::to_owned).collect(),
            attestation_nonce: None,
        }
    }
}

impl Spec for DeviceInformation {
    const META: Meta = Meta {
        name: "device_information",
        request_type: "DeviceInformation",
        title: "Device information",
        description: "Asks for names, model, operating system, network and capabilities.",
        hazard: Hazard::None,
        priority: Priority::Background,
        rules: Rules {
            ios: Some(Support::since(4, 0).user_enrollment().user_channel()),
            macos: Some(Support::since(10, 7).user_enrollment().user_channel()),
            tvos: Some(Support::since(9, 0)),
            watchos: Some(Support::since(10, 0)),
            visionos: Some(Support::since(1, 1).user_enrollment()),
            ..Rules::NOWHERE
        },
        parameters: &[
            Parameter::new(
                "queries",
                Kind::Texts,
                "Apple's query names, for example OSVersion",
            )
            .required(),
            Parameter::new(
                "attestation_nonce",
                Kind::Data,
                "Up to 32 bytes that a fresh attestation will contain",
            ),
        ],
    };

    fn validate(&self) -> Result<(), Invalid> {
        if self.queries.is_empty() && self.attestation_nonce.is_none() {
            return Err(Invalid {
                parameter: "queries",
                reason: "there is nothing to ask",
            });
        }
        if self
            .attestation_nonce
            .as_ref()
            .is_some_and(|nonce| nonce.is_empty() || nonce.len() > 32)
        {
            return Err(Invalid {
                parameter: "attestation_nonce",
                reason: "it must have 1 to 32 bytes",
            });
        }
        Ok(())
    }

    fn check(&self, target: &Target) -> Result<(), Unfit> {
        if target.ownership == Ownership::Personal
            && self
                .queries
                .iter()
                .any(|query| facts::is_private_query(query))
        {
            return Err(Unfit::Personal("a query asks for private data"));
        }
        Ok(())
    }

    fn write(&self, command: &mut Dict) {
        let mut queries = self.queries.clone();
        if self.attestation_nonce.is_some()
            && !queries.iter().any(|q| q == "DevicePropertiesAttestation")
        {
            queries.push("DevicePropertiesAttestation".into());
        }
        command.insert("Queries", queries);
        command.insert_some("DeviceAttestationNonce", self.attestation_nonce.as_deref());
    }

    fn observe(&self, body: &Dict, outcome: &mut Outcome) {
        outcome.observations =
            facts::from_device_information(body.dict("QueryResponses").unwrap_or(body));
    }
}
