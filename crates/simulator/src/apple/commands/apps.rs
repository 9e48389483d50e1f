//! Application lists, installation and removal.

use super::{Answer, Device, Failure, Kind, code, only, refused};
use crate::{
    Error,
    apple::App,
    dict,
    plist::{Dictionary, Lookup as _, Value},
};

fn filter(command: &Dictionary) -> Result<Option<Vec<String>>, Failure> {
    let Some(list) = command.find("Identifiers") else {
        return Ok(None);
    };
    let names = list.array().and_then(|items| {
        items
            .iter()
            .map(|item| item.str().map(str::to_owned))
            .collect()
    });
    names
        .map(Some)
        .ok_or_else(|| Failure::Format("Identifiers is not an array of strings".into()))
}

pub(super) fn installed(device: &Device, command: &Dictionary) -> Answer {
    let wanted = filter(command)?;
    let personal = device
        .state
        .enrollment
        .as_ref()
        .is_some_and(|enrollment| enrollment.enrollment_id.is_some());
    let managed_only = command.want_boolean("ManagedAppsOnly")?.unwrap_or(false) || personal;
    let list: Vec<Value> = device
        .state
        .apps
        .values()
        .filter(|app| wanted.as_ref().is_none_or(|wanted| wanted.contains(&app.identifier)))
        .filter(|app| app.managed || !managed_only)
        .map(|app| {
            let mut item = dict! {
                "Identifier" => &app.identifier,
                "Name" => &app.name,
                "ShortVersion" => &app.short_version,
                "Version" => &app.version,
                "BundleSize" => app.bundle_size,
                "IsValidated" => true,
                "Installing" => false,
                "HasUpdateAvailable" => false,
            };
            if device.hardware.kind != Kind::Mac {
                item.extend(dict! { "DynamicSize" => app.bundle_size / 10, "AdHocCodeSigned" => false, "BetaApp" => false });
            }
            Value::from(item)
        })
        .collect();
    Ok(dict! { "InstalledApplicationList" => list })
}

pub(super) fn managed(device: &Device, command: &Dictionary) -> Answer {
    let wanted = filter(command)?;
    let mut list = Dictionary::new();
    for app in device.state.apps.values().filter(|app| app.managed) {
        if wanted
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&app.identifier))
        {
            list.extend(dict! { app.identifier.as_str() => dict! {
                "Status" => "Managed",
                "ManagementFlags" => 1_i64,
                "HasConfiguration" => false,
                "HasFeedback" => false,
                "IsValidated" => true,
                "ExternalVersionIdentifier" => 8_000_000_i64,
            }});
        }
    }
    Ok(dict! { "ManagedApplicationList" => list })
}

pub(super) fn install(device: &mut Device, command: &Dictionary) -> Answer {
    let store_id = command.want_integer("iTunesStoreID")?;
    let identifier = command.want_str("Identifier")?;
    let manifest = command.want_str("ManifestURL")?;
    command.want_integer("ManagementFlags")?;
    for key in ["Options", "Configuration", "Attributes"] {
        if command
            .find(key)
            .is_some_and(|value| value.dictionary().is_none())
        {
            return Err(Failure::Format(format!("{key} is not a dictionary")));
        }
    }
    let identifier = match (store_id, identifier, manifest) {
        (Some(id), None, None) => format!("com.example.store.{id}"),
        (None, Some(identifier), None) => identifier.to_owned(),
        (None, None, Some(url)) => from_url(url)?,
        _ => {
            return Err(Failure::Format(
                "needs one of iTunesStoreID, Identifier and ManifestURL".into(),
            ));
        }
    };
    let takes_over = command.want_str("ChangeManagementState")? == Some("Managed");
    if device
        .state
        .apps
        .get(&identifier)
        .is_some_and(|app| !app.managed)
        && !takes_over
    {
        return Err(Failure::Refused(crate::apple::Refusal {
            code: 12026,
            domain: "MCMDMErrorDomain".into(),
            text: "The app is already installed.".into(),
        }));
    }
    add(device, &identifier, store_id);
    Ok(dict! { "Identifier" => identifier, "State" => "Installing" })
}

pub(super) fn install_enterprise(device: &mut Device, command: &Dictionary) -> Answer {
    only(device, &[Kind::Mac])?;
    let identifier = match (command.find("Manifest"), command.want_str("ManifestURL")?) {
        (Some(manifest), None) => {
            let first = manifest
                .need_array("items")?
                .first()
                .ok_or_else(|| malformed("items is empty"))?;
            let assets = first.need_array("assets")?;
            let url = assets
                .first()
                .ok_or_else(|| malformed("assets is empty"))?
                .need_str("url")?;
            match first
                .get("metadata")
                .map(|metadata| metadata.need_str("bundle-identifier"))
                .transpose()?
            {
                Some(identifier) => identifier.to_owned(),
                None => from_url(url)?,
            }
        }
        (None, Some(url)) => from_url(url)?,
        _ => {
            return Err(Failure::Format(
                "needs either Manifest or ManifestURL".into(),
            ));
        }
    };
    add(device, &identifier, None);
    Ok(Dictionary::new())
}

pub(super) fn remove(device: &mut Device, command: &Dictionary) -> Answer {
    let identifier = command.need_str("Identifier")?;
    if device
        .state
        .apps
        .get(identifier)
        .is_some_and(|app| app.managed)
    {
        device.state.apps.remove(identifier);
        Ok(Dictionary::new())
    } else {
        Err(refused(code::NO_SUCH_APP, "The app is not managed."))
    }
}

fn malformed(why: &str) -> Error {
    Error::Plist(why.to_owned())
}

/// A made-up bundle identifier for an app known only by URL.
fn from_url(url: &str) -> Result<String, Failure> {
    if !url.starts_with("https://") {
        return Err(Failure::Format(format!("{url} is not https")));
    }
    let name = url.rsplit('/').next().unwrap_or(url);
    let name = name.split(['.', '?']).next().unwrap_or(name);
    Ok(format!("com.example.manifest.{name}"))
}

fn add(device: &mut Device, identifier: &str, store_id: Option<i64>) {
    let name = identifier
        .rsplit('.')
        .next()
        .unwrap_or(identifier)
        .to_owned();
    let app = App {
        identifier: identifier.to_owned(),
        name,
        short_version: "1.0".into(),
        version: "1".into(),
        bundle_size: 50_000_000,
        managed: true,
        store_id,
    };
    device.state.apps.insert(identifier.to_owned(), app);
}
