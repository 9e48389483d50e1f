//! Lists of applications, profiles, certificates and users.

use std::collections::BTreeMap;

use domain::facts::{Category, Observation};
use serde_json::{Map, Value as Json, json};

use super::{scalar, tables::Kind};
use crate::{
    plist::{Dict, Value},
    sha256,
};

/// What a list may hold; further entries are left out.
const MOST_ENTRIES: usize = 20_000;

/// `InstalledApplicationList`: entries by bundle identifier.
///
/// Only a list of managed applications says of each that it is `managed`; a full
/// list does not tell, and a manifest that needs to know drops what does not say.
/// A filtered list (`complete` false) adds to what is known, it removes nothing.
pub fn from_installed_applications(
    body: &Dict,
    managed_only: bool,
    complete: bool,
) -> Vec<Observation> {
    let entries = body
        .dicts("InstalledApplicationList")
        .take(MOST_ENTRIES)
        .filter_map(|app| {
            let key = app
                .string("Identifier")
                .map(str::to_owned)
                .or_else(|| app.string("Name").map(|name| format!("name:{name}")))?;
            let mut entry = pick(
                app,
                &[
                    ("Name", "name", Kind::Text),
                    ("Version", "version", Kind::Text),
                    ("ShortVersion", "short_version", Kind::Text),
                    ("BundleSize", "bundle_bytes", Kind::Integer),
                    ("DynamicSize", "data_bytes", Kind::Integer),
                    ("IsValidated", "validated", Kind::Flag),
                    ("Installing", "installing", Kind::Flag),
                    ("AppStoreVendable", "app_store", Kind::Flag),
                    ("DeviceBasedVPP", "device_license", Kind::Flag),
                    ("BetaApp", "beta", Kind::Flag),
                    ("AdHocCodeSigned", "ad_hoc_signed", Kind::Flag),
                    ("HasUpdateAvailable", "update_available", Kind::Flag),
                    ("IsAppClip", "app_clip", Kind::Flag),
                    ("Source", "source", Kind::Text),
                ],
            );
            if managed_only {
                entry.insert("managed".into(), true.into());
            }
            Some((clip(&key), Json::Object(entry)))
        })
        .collect();
    list(Category::Apps, entries, complete)
}

/// `ManagedApplicationList`: entries by bundle identifier. A filtered list removes nothing.
pub fn from_managed_applications(body: &Dict, complete: bool) -> Vec<Observation> {
    let entries = body
        .dict("ManagedApplicationList")
        .into_iter()
        .flat_map(Dict::iter)
        .take(MOST_ENTRIES)
        .filter_map(|(identifier, value)| Some((identifier, value.as_dict()?)))
        .map(|(identifier, app)| {
            let mut entry = pick(
                app,
                &[
                    ("Status", "status", Kind::Text),
                    ("ManagementFlags", "management_flags", Kind::Integer),
                    ("HasConfiguration", "has_configuration", Kind::Flag),
                    ("HasFeedback", "has_feedback", Kind::Flag),
                    ("IsValidated", "validated", Kind::Flag),
                    (
                        "ExternalVersionIdentifier",
                        "external_version",
                        Kind::Integer,
                    ),
                ],
            );
            entry.insert("managed".into(), true.into());
            (clip(identifier), Json::Object(entry))
        })
        .collect();
    list(Category::ManagedApps, entries, complete)
}

/// `ProfileList`: entries by `PayloadIdentifier`.
///
/// Macs do not say of a profile whether it is managed; a list of managed ones says so of each.
pub fn from_profiles(body: &Dict, managed_only: bool) -> Vec<Observation> {
    let entries = body
        .dicts("ProfileList")
        .take(MOST_ENTRIES)
        .filter_map(|profile| {
            let key = profile.string("PayloadIdentifier")?;
            let mut entry = pick(
                profile,
                &[
                    ("PayloadUUID", "uuid", Kind::Text),
                    ("PayloadDisplayName", "name", Kind::Text),
                    ("PayloadOrganization", "organization", Kind::Text),
                    ("PayloadRemovalDisallowed", "removal_disallowed", Kind::Flag),
                    ("IsManaged", "managed", Kind::Flag),
                    ("IsEncrypted", "encrypted", Kind::Flag),
                    ("Source", "source", Kind::Text),
                ],
            );
            let types: Vec<&str> = profile
                .dicts("PayloadContent")
                .take(256)
                .filter_map(|payload| payload.string("PayloadType"))
                .collect();
            if !types.is_empty() {
                entry.insert("payload_types".into(), json!(types));
            }
            if managed_only {
                entry.insert("managed".into(), true.into());
            }
            Some((clip(key), Json::Object(entry)))
        })
        .collect();
    list(Category::Profiles, entries, true)
}

/// `ProvisioningProfileList`: entries by UUID.
pub fn from_provisioning_profiles(body: &Dict) -> Vec<Observation> {
    let entries = body
        .dicts("ProvisioningProfileList")
        .take(MOST_ENTRIES)
        .filter_map(|profile| {
            let entry = pick(
                profile,
                &[
                    ("Name", "name", Kind::Text),
                    ("ExpiryDate", "expires", Kind::Date),
                ],
            );
            Some((clip(profile.string("UUID")?), Json::Object(entry)))
        })
        .collect();
    list(Category::ProvisioningProfiles, entries, true)
}

/// `CertificateList`: entries by SHA-256 of the certificate in lower-case hexadecimal.
///
/// The certificate itself stays in the raw report.
pub fn from_certificates(body: &Dict, managed_only: bool) -> Vec<Observation> {
    let entries = body
        .dicts("CertificateList")
        .take(MOST_ENTRIES)
        .filter_map(|certificate| {
            let key = hex::encode(sha256(&[certificate.data("Data")?]));
            let mut entry = pick(
                certificate,
                &[
                    ("CommonName", "common_name", Kind::Text),
                    ("IsIdentity", "identity", Kind::Flag),
                ],
            );
            if managed_only {
                entry.insert("managed".into(), true.into());
            }
            Some((key, Json::Object(entry)))
        })
        .collect();
    list(Category::Certificates, entries, true)
}

/// `UserList`: entries by account name.
pub fn from_users(body: &Dict) -> Vec<Observation> {
    let entries = body
        .dicts("Users")
        .take(MOST_ENTRIES)
        .filter_map(|user| {
            let entry = pick(
                user,
                &[
                    ("FullName", "full_name", Kind::Text),
                    ("UID", "uid", Kind::Integer),
                    ("UserGUID", "guid", Kind::Text),
                    ("IsLoggedIn", "logged_in", Kind::Flag),
                    ("HasDataToSync", "data_to_sync", Kind::Flag),
                    ("DataQuota", "quota_bytes", Kind::Integer),
                    ("DataUsed", "used_bytes", Kind::Integer),
                    ("MobileAccount", "mobile_account", Kind::Flag),
                    ("HasSecureToken", "secure_token", Kind::Flag),
                ],
            );
            Some((clip(user.string("UserName")?), Json::Object(entry)))
        })
        .collect();
    list(Category::Users, entries, true)
}

fn pick(dict: &Dict, keys: &[(&str, &str, Kind)]) -> Map<String, Json> {
    keys.iter()
        .filter_map(|(wire, key, kind)| {
            let value = dict
                .get(wire)
                .and_then(|value: &Value| scalar(value, *kind))?;
            Some(((*key).to_owned(), value))
        })
        .collect()
}

fn clip(key: &str) -> String {
    key.chars().take(256).collect()
}

fn list(category: Category, entries: BTreeMap<String, Json>, complete: bool) -> Vec<Observation> {
    if complete {
        return vec![Observation::Replace { category, entries }];
    }
    entries
        .into_iter()
        .map(|(key, value)| Observation::Set {
            category,
            key,
            value,
        })
        .collect()
}
