//! Reading a given profile.

use super::ProfileError;
use crate::plist::{Dict, Limits, read_dict};

/// What a profile may hold.
const MOST_PAYLOADS: usize = 1000;

/// What a profile says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSummary {
    /// `PayloadIdentifier`.
    pub identifier: String,
    /// `PayloadUUID` as written.
    pub uuid: String,
    /// `PayloadDisplayName`.
    pub display_name: Option<String>,
    /// `PayloadOrganization`.
    pub organization: Option<String>,
    /// `PayloadScope`.
    pub scope: Option<String>,
    /// Its payloads are encrypted to a device, and cannot be listed.
    pub encrypted: bool,
    /// Its payloads, in order.
    pub payloads: Vec<PayloadSummary>,
}

/// What a payload says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadSummary {
    /// `PayloadType`.
    pub payload_type: String,
    /// `PayloadIdentifier`.
    pub identifier: Option<String>,
    /// `PayloadUUID` as written.
    pub uuid: Option<String>,
    /// `PayloadDisplayName`.
    pub display_name: Option<String>,
}

impl ProfileSummary {
    /// What to call it: its display name, else its identifier.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.identifier)
    }

    /// Whether it would enrol the device into some management.
    pub fn enrolls(&self) -> bool {
        self.payloads
            .iter()
            .any(|payload| payload.payload_type == "com.apple.mdm")
    }
}

/// Reads an unsigned profile within the default limits.
///
/// # Errors
/// Those of [`read`].
pub fn summarize(bytes: &[u8]) -> Result<ProfileSummary, ProfileError> {
    read(bytes, Limits::DEFAULT).map(|(summary, _)| summary)
}

/// Reads an unsigned profile: what it says of itself, and all of it.
///
/// # Errors
/// When it is not a property list within `limits`, not a configuration profile, lacks
/// its identifier or UUID, or has more than 1,000 payloads.
pub fn read(bytes: &[u8], limits: Limits) -> Result<(ProfileSummary, Dict), ProfileError> {
    let dict = read_dict(bytes, limits)?;
    if dict.string("PayloadType") != Some("Configuration") {
        return Err(ProfileError::NotAProfile);
    }
    let text = |dict: &Dict, key: &str| dict.string(key).map(str::to_owned);
    let need = |key| text(&dict, key).ok_or(ProfileError::Missing(key));
    if dict.array("PayloadContent").len() > MOST_PAYLOADS {
        return Err(ProfileError::TooManyPayloads(MOST_PAYLOADS));
    }
    let encrypted = dict.data("EncryptedPayloadContent").is_some();
    if !encrypted && dict.get("PayloadContent").is_none() {
        return Err(ProfileError::Missing("PayloadContent"));
    }
    let payloads = dict
        .dicts("PayloadContent")
        .map(|payload| {
            Ok(PayloadSummary {
                payload_type: text(payload, "PayloadType")
                    .ok_or(ProfileError::Missing("PayloadType of a payload"))?,
                identifier: text(payload, "PayloadIdentifier"),
                uuid: text(payload, "PayloadUUID"),
                display_name: text(payload, "PayloadDisplayName"),
            })
        })
        .collect::<Result<Vec<_>, ProfileError>>()?;
    let summary = ProfileSummary {
        identifier: need("PayloadIdentifier")?,
        uuid: need("PayloadUUID")?,
        display_name: text(&dict, "PayloadDisplayName"),
        organization: text(&dict, "PayloadOrganization"),
        scope: text(&dict, "PayloadScope"),
        encrypted,
        payloads,
    };
    Ok((summary, dict))
}
