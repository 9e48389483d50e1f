//! ProfileList, InstallProfile, RemoveProfile.

use super::{Answer, Device, Effect, Failure, code, refused};
use crate::{
    apple::{
        Refusal,
        profile::{InstalledProfile, open_profile},
    },
    dict,
    plist::{Dictionary, Lookup as _, Value},
};

const KEYS: [&str; 7] = [
    "PayloadUUID",
    "PayloadIdentifier",
    "PayloadVersion",
    "PayloadDisplayName",
    "PayloadOrganization",
    "PayloadDescription",
    "PayloadType",
];

pub(super) fn list(device: &Device, command: &Dictionary) -> Answer {
    let managed_only = command.want_boolean("ManagedOnly")?.unwrap_or(false);
    let pick = |from: &Dictionary| -> Dictionary {
        KEYS.iter()
            .filter_map(|key| Some(((*key).to_owned(), from.get(*key)?.clone())))
            .collect()
    };
    let list: Vec<Value> = device
        .state
        .profiles
        .values()
        .filter(|profile| profile.managed || !managed_only)
        .map(|profile| {
            let mut item = pick(&profile.content);
            item.remove("PayloadType");
            let payloads = profile.content.get("PayloadContent").and_then(Value::array).unwrap_or_default();
            let payloads: Vec<Value> =
                payloads.iter().filter_map(Value::dictionary).map(|payload| Value::from(pick(payload))).collect();
            let removal = profile.content.get("PayloadRemovalDisallowed").and_then(Value::boolean).unwrap_or(false);
            item.extend(dict! {
                "PayloadContent" => payloads,
                "PayloadRemovalDisallowed" => removal,
                "HasRemovalPasscode" => false,
                "IsEncrypted" => false,
                "IsManaged" => profile.managed,
                "SignerCertificates" => profile.signers.iter().cloned().map(Value::Data).collect::<Vec<_>>(),
            });
            if profile.declaration.is_some() {
                item.extend(dict! { "Source" => "Declaration" });
            }
            Value::from(item)
        })
        .collect();
    Ok(dict! { "ProfileList" => list })
}

pub(super) async fn install(device: &mut Device, command: &Dictionary) -> Answer {
    let bytes = command.need_data("Payload")?;
    let refuse = |why: String| {
        Failure::Refused(Refusal {
            code: code::PROFILE_REFUSED,
            domain: "MCInstallationErrorDomain".into(),
            text: format!("Profile Installation Failed: {why}"),
        })
    };
    let opened = open_profile(bytes, &device.anchors).map_err(|error| refuse(error.to_string()))?;
    let profile = InstalledProfile::of(&opened, true);
    let carries_mdm = profile.payloads("com.apple.mdm").next().is_some();
    let current = device
        .state
        .enrollment
        .as_ref()
        .map(|enrollment| enrollment.profile.clone())
        .unwrap_or_default();
    match (carries_mdm, profile.identifier == current) {
        (true, true) => {
            device
                .renew(&opened)
                .await
                .map_err(|error| refuse(error.to_string()))?;
            device.acknowledge_by_former = device.behavior.acknowledges_renewal_by_old_identity;
            return Ok(Dictionary::new());
        }
        (true, false) => return Err(refuse("a second management profile".into())),
        (false, true) => return Err(refuse("it would replace the management profile".into())),
        (false, false) => {}
    }
    let other = device.state.profiles.get(&profile.identifier);
    if other.is_some_and(|other| other.declaration.is_some()) {
        return Err(refuse("the profile belongs to a declaration".into()));
    }
    super::secrets::apply_filevault(device, &profile)?;
    device
        .state
        .profiles
        .insert(profile.identifier.clone(), profile);
    Ok(Dictionary::new())
}

pub(super) fn remove(device: &mut Device, command: &Dictionary) -> Answer {
    let identifier = command.need_str("Identifier")?;
    if device
        .state
        .enrollment
        .as_ref()
        .is_some_and(|enrollment| enrollment.profile == identifier)
    {
        device.effects.push(Effect::RemoveManagement);
        return Ok(Dictionary::new());
    }
    match device.state.profiles.get(identifier) {
        Some(profile) if profile.managed && profile.declaration.is_none() => {
            device.state.profiles.remove(identifier);
            Ok(Dictionary::new())
        }
        _ => Err(refused(
            code::NO_SUCH_PROFILE,
            &format!("The profile “{identifier}” is not installed by management."),
        )),
    }
}
