//! DeviceInformation, SecurityInfo, CertificateList.

use super::{Answer, Device, Kind};
use crate::{
    dict,
    plist::{Dictionary, Lookup as _, Value},
    x509::{Certificate, attribute},
};

/// Answers the queries this device knows; leaves the others out, as devices do.
pub(super) fn device_information(device: &Device, command: &Dictionary) -> Answer {
    let mut answers = Dictionary::new();
    for query in command.need_array("Queries")? {
        let query = query
            .str()
            .ok_or_else(|| crate::Error::Plist("a query is not a string".into()))?;
        if let Some(value) = answer(device, query) {
            answers.insert(query.to_owned(), value);
        }
    }
    Ok(dict! { "QueryResponses" => answers })
}

fn answer(device: &Device, query: &str) -> Option<Value> {
    let (hardware, state) = (&device.hardware, &device.state);
    let (mac, mobile, cellular) = (
        hardware.kind == Kind::Mac,
        hardware.kind.is_mobile(),
        hardware.imei.is_some(),
    );
    let personal = state
        .enrollment
        .as_ref()
        .is_some_and(|enrollment| enrollment.enrollment_id.is_some());
    let setting = |item: &str| state.settings.get(item).cloned();
    let flag = |item: &str, default: bool| Some(setting(item).unwrap_or(Value::Boolean(default)));
    if personal
        && matches!(
            query,
            "UDID" | "SerialNumber" | "IMEI" | "MEID" | "WiFiMAC" | "BluetoothMAC" | "EthernetMAC"
        )
    {
        return None;
    }
    Some(match query {
        "UDID" => Value::from(&hardware.udid),
        "ProvisioningUDID" if mac => Value::from(format!("00008112-{}", &hardware.serial_number)),
        "SerialNumber" => Value::from(&hardware.serial_number),
        "DeviceName" => Value::from(&hardware.device_name),
        "OSVersion" => Value::from(&hardware.os_version),
        "BuildVersion" => Value::from(&hardware.build_version),
        "ModelName" => Value::from(&hardware.model_name),
        "Model" | "ModelNumber" => Value::from(&hardware.model),
        "ProductName" => Value::from(&hardware.product_name),
        "DeviceCapacity" => Value::Real(hardware.capacity),
        "AvailableDeviceCapacity" => Value::Real(hardware.available),
        "IsSupervised" => Value::Boolean(hardware.supervised),
        "IsAppleSilicon" if mac => Value::Boolean(true),
        "AwaitingConfiguration" => Value::Boolean(state.awaiting_configuration),
        "BatteryLevel" if mobile || mac => Value::Real(hardware.battery_level),
        "HasBattery" if mac => Value::Boolean(hardware.product_name != "Mac14,12"),
        "IMEI" => Value::from(hardware.imei.as_ref()?),
        "CellularTechnology" if mobile => Value::Integer(if cellular { 1 } else { 0 }),
        "ModemFirmwareVersion" if cellular => Value::from("3.10.02"),
        "IsRoaming" if cellular => Value::Boolean(false),
        "DataRoamingEnabled" if cellular => return flag("DataRoaming", false),
        "VoiceRoamingEnabled" if cellular => return flag("VoiceRoaming", false),
        "PersonalHotspotEnabled" if cellular => return flag("PersonalHotspot", false),
        "ServiceSubscriptions" if cellular => Value::from(vec![Value::from(dict! {
            "Slot" => "CTSubscriptionSlotOne",
            "IMEI" => hardware.imei.as_ref()?,
            "CurrentCarrierNetwork" => "Example Mobile",
            "IsDataPreferred" => true,
            "IsVoicePreferred" => true,
            "IsRoaming" => false,
        })]),
        "WiFiMAC" => Value::from(&hardware.wifi_mac),
        "BluetoothMAC" => Value::from(&hardware.bluetooth_mac),
        "EthernetMAC" if mac => Value::from(&hardware.wifi_mac),
        "PushToken" => Value::from(state.enrollment.as_ref()?.token.clone()),
        "IsMDMLostModeEnabled" if mobile => Value::Boolean(state.lost_mode.is_some()),
        "IsActivationLockEnabled" => Value::Boolean(false),
        "IsDeviceLocatorServiceEnabled" if mobile => Value::Boolean(!hardware.supervised),
        "IsCloudBackupEnabled" if mobile => Value::Boolean(!hardware.supervised),
        "IsDoNotDisturbInEffect" if mobile => Value::Boolean(false),
        "IsMultiUser" if mobile => Value::Boolean(false),
        "IsNetworkTethered" if mobile => Value::Boolean(false),
        "DiagnosticSubmissionEnabled" if mobile => return flag("DiagnosticSubmission", true),
        "AppAnalyticsEnabled" if mobile => return flag("AppAnalytics", true),
        "TimeZone" if mobile => setting("TimeZone").unwrap_or_else(|| Value::from("Europe/London")),
        "MDMOptions" => setting("MDMOptions").unwrap_or_else(|| Value::from(Dictionary::new())),
        "OrganizationInfo" => setting("OrganizationInfo")?,
        "HostName" | "LocalHostName" if mac => setting("HostName")
            .unwrap_or_else(|| Value::from(hardware.device_name.replace([' ', '\''], "-"))),
        "SystemIntegrityProtectionEnabled" if mac => Value::Boolean(true),
        "PINRequiredForEraseDevice" if mac => Value::Boolean(false),
        "PINRequiredForDeviceLock" if mac => Value::Boolean(true),
        "SupportsiOSAppInstalls" if mac => Value::Boolean(true),
        "SupportsLOMDevice" if mac => Value::Boolean(false),
        "ActiveManagedUsers" if mac => Value::from(
            state
                .enrollment
                .as_ref()?
                .users
                .keys()
                .map(Value::from)
                .collect::<Vec<_>>(),
        ),
        "SoftwareUpdateDeviceID" => {
            Value::from(format!("{}AP", hardware.product_name.replace(',', "_")))
        }
        "EACSPreflight" if mac => Value::from("success"),
        "iTunesStoreAccountIsActive" => Value::Boolean(false),
        _ => return None,
    })
}

pub(super) fn security_info(device: &Device) -> Answer {
    let (hardware, state) = (&device.hardware, &device.state);
    let rules = state.profiles.values().any(|p| {
        p.payloads("com.apple.mobiledevice.passwordpolicy")
            .next()
            .is_some()
    });
    let by_user = state
        .enrollment
        .as_ref()
        .is_some_and(|enrollment| enrollment.enrollment_id.is_some());
    let mut info = dict! {
        "PasscodePresent" => state.passcode_present,
        "PasscodeCompliant" => true,
        "PasscodeCompliantWithProfiles" => !rules || state.passcode_present,
    };
    if hardware.kind == Kind::Mac {
        info.extend(dict! {
            "FDE_Enabled" => state.filevault_enabled,
            "FDE_HasPersonalRecoveryKey" => state.filevault_key.is_some(),
            "FDE_HasInstitutionalRecoveryKey" => false,
            "SystemIntegrityProtectionEnabled" => true,
            "FirewallSettings" => dict! {
                "FirewallEnabled" => true, "BlockAllIncoming" => false, "StealthMode" => false,
                "Applications" => Vec::<Value>::new(),
            },
            "FirmwarePasswordStatus" => dict! {
                "PasswordExists" => state.firmware_password.is_some(), "ChangePending" => false, "AllowOroms" => false,
            },
            "ManagementStatus" => dict! {
                "EnrolledViaDEP" => hardware.supervised, "UserApprovedEnrollment" => true, "IsUserEnrollment" => by_user,
                "IsActivationLockManageable" => hardware.supervised,
            },
            "SecureBoot" => dict! { "SecureBootLevel" => "full", "ExternalBootLevel" => "disallowed" },
            "RemoteDesktopEnabled" => false,
            "AuthenticatedRootVolumeEnabled" => true,
            "BootstrapTokenAllowedForAuthentication" => "allowed",
            "BootstrapTokenRequiredForSoftwareUpdate" => true,
            "BootstrapTokenRequiredForKernelExtensionApproval" => true,
            "IsRecoveryLockEnabled" => state.recovery_lock.is_some(),
        });
        if let Some(escrow) = super::secrets::escrowed_key(device)? {
            info.extend(dict! { "FDE_PersonalRecoveryKeyCMS" => escrow, "FDE_PersonalRecoveryKeyDeviceKey" => &hardware.serial_number });
        }
    } else {
        info.extend(dict! {
            "HardwareEncryptionCaps" => 3_i64,
            "PasscodeLockGracePeriod" => 0_i64,
            "PasscodeLockGracePeriodEnforced" => 0_i64,
            "AutoLockTime" => 120_i64,
            "ManagementStatus" => dict! { "EnrolledViaDEP" => hardware.supervised, "IsUserEnrollment" => by_user },
        });
    }
    Ok(dict! { "SecurityInfo" => info })
}

/// The identity, and the certificates of installed profiles.
pub(super) fn certificates(device: &Device, command: &Dictionary) -> Answer {
    command.want_boolean("ManagedOnly")?;
    let mut list = Vec::new();
    let mut add = |certificate: &Certificate, identity: bool| {
        list.push(Value::from(dict! {
            "CommonName" => certificate.subject_attribute(attribute::CN).unwrap_or_default(),
            "IsIdentity" => identity,
            "Data" => certificate.der.clone(),
        }));
    };
    if let Some(identity) = &device.identity {
        add(&identity.certificate, true);
    }
    for profile in device.state.profiles.values() {
        for kind in [
            "com.apple.security.root",
            "com.apple.security.pkcs1",
            "com.apple.security.pem",
        ] {
            for payload in profile.payloads(kind) {
                if let Some(Ok(certificate)) = payload
                    .get("PayloadContent")
                    .and_then(Value::data)
                    .map(Certificate::parse)
                {
                    add(&certificate, false);
                }
            }
        }
    }
    Ok(dict! { "CertificateList" => list })
}
