//! Settings, DeviceConfigured, RefreshCellularPlans.

use super::{Answer, Device, Effect, Failure, Kind, code, only, refused};
use crate::{
    apple::{Refusal, session::error_item},
    dict,
    plist::{Dictionary, Lookup as _, Value},
};

/// Items and the key that holds their value.
const ITEMS: [(&str, &str); 17] = [
    ("Wallpaper", "Image"),
    ("DataRoaming", "Enabled"),
    ("VoiceRoaming", "Enabled"),
    ("PersonalHotspot", "Enabled"),
    ("Bluetooth", "Enabled"),
    ("DiagnosticSubmission", "Enabled"),
    ("AppAnalytics", "Enabled"),
    ("DeviceName", "DeviceName"),
    ("HostName", "HostName"),
    ("OrganizationInfo", "OrganizationInfo"),
    ("MDMOptions", "MDMOptions"),
    ("TimeZone", "TimeZone"),
    ("PasscodeLockGracePeriod", "PasscodeLockGracePeriod"),
    ("MaximumResidentUsers", "MaximumResidentUsers"),
    ("ApplicationConfiguration", "Identifier"),
    ("ApplicationAttributes", "Identifier"),
    ("SoftwareUpdateSettings", "RecommendationCadence"),
];

/// Applies item by item: one may fail while others succeed.
pub(super) fn settings(device: &mut Device, command: &Dictionary) -> Answer {
    let mut results = Vec::new();
    for item in command.need_array("Settings")? {
        let name = item.need_str("Item")?;
        let status = match apply(device, name, item) {
            Ok(()) => dict! { "Item" => name, "Status" => "Acknowledged" },
            Err(Failure::Refused(refusal)) => {
                dict! { "Item" => name, "Status" => "Error", "ErrorChain" => vec![Value::from(error_item(&refusal))] }
            }
            Err(format) => return Err(format),
        };
        results.push(Value::from(status));
    }
    Ok(dict! { "Settings" => results })
}

fn apply(device: &mut Device, name: &str, item: &Value) -> Result<(), Failure> {
    if matches!(name, "AccessibilitySettings" | "SharedDeviceConfiguration") {
        device.state.settings.insert(name.to_owned(), item.clone());
        return Ok(());
    }
    let Some((_, key)) = ITEMS.iter().find(|(known, _)| *known == name) else {
        return Err(refused(
            code::UNKNOWN_REQUEST,
            &format!("“{name}” is not a valid setting."),
        ));
    };
    let value = item
        .get(key)
        .cloned()
        .ok_or_else(|| Failure::Format(format!("{name} without {key}")))?;
    let fits = match *key {
        "Enabled" => value.boolean().is_some(),
        "Image" => value.data().is_some(),
        "OrganizationInfo" | "MDMOptions" => value.dictionary().is_some(),
        "PasscodeLockGracePeriod" | "MaximumResidentUsers" | "RecommendationCadence" => {
            value.integer().is_some()
        }
        _ => value.str().is_some_and(|text| !text.is_empty()),
    };
    if !fits {
        return Err(Failure::Format(format!(
            "{name} with a {key} of the wrong type"
        )));
    }
    let supervised_only = matches!(
        name,
        "Wallpaper" | "DeviceName" | "Bluetooth" | "TimeZone" | "DiagnosticSubmission"
    );
    if supervised_only && !device.hardware.supervised && device.hardware.kind != Kind::Mac {
        return Err(refused(
            code::NOT_SUPERVISED,
            "The device must be supervised.",
        ));
    }
    if matches!(name, "DataRoaming" | "VoiceRoaming" | "PersonalHotspot")
        && device.hardware.imei.is_none()
    {
        return Err(Failure::Refused(Refusal::mdm(
            12005,
            "The device has no cellular modem.",
        )));
    }
    if name == "DeviceName" {
        device.hardware.device_name = value.str().unwrap_or_default().to_owned();
    }
    device.state.settings.insert(name.to_owned(), value);
    Ok(())
}

pub(super) fn configured(device: &mut Device) -> Answer {
    if device.state.awaiting_configuration {
        device.state.awaiting_configuration = false;
        device.effects.push(Effect::UpdateToken);
        Ok(Dictionary::new())
    } else {
        Err(refused(12076, "The device is not awaiting configuration."))
    }
}

pub(super) fn cellular_plans(device: &mut Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::IPhone, Kind::IPad])?;
    let url = command.need_str("eSIMServerURL")?.to_owned();
    if device.hardware.imei.is_none() {
        return Err(Failure::Refused(Refusal::mdm(
            12005,
            "The device has no cellular modem.",
        )));
    }
    device.state.cellular_plan_servers.push(url);
    Ok(Dictionary::new())
}
