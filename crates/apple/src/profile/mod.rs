//! Configuration profiles: building, the enrollment profile, reading.
//!
//! See "Configuration profiles" in Apple's Device Management reference. Signing
//! and unwrapping of signatures are the business of the caller.

mod enrollment;
mod read;

use domain::Timestamp;
use uuid::Uuid;

pub use enrollment::{
    ACCESS_RIGHTS, Anchor, EnrollmentMode, EnrollmentParams, SERVER_CAPABILITIES, Scep,
    enrollment_profile,
};
pub use read::{PayloadSummary, ProfileSummary, read, summarize};

use crate::{
    plist::{self, Dict, write_dict},
    sha256,
};

/// Why a profile cannot be built or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not a property list within limits; a signed profile must be unwrapped first.
    #[error(transparent)]
    Plist(#[from] plist::Error),
    /// It lacks a key that every profile has.
    #[error("the profile lacks {0}")]
    Missing(&'static str),
    /// `PayloadType` of the top is not `Configuration`.
    #[error("this is not a configuration profile")]
    NotAProfile,
    /// More payloads than allowed.
    #[error("the profile has more than {0} payloads")]
    TooManyPayloads(usize),
    /// A parameter that Apple's clients would refuse.
    #[error("{parameter}: {reason}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

/// To whom a profile on a Mac applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole device.
    System,
    /// One user.
    User,
}

/// One payload of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// `PayloadType`, for example `com.apple.wifi.managed`.
    pub payload_type: String,
    /// `PayloadIdentifier`; stable across versions of the profile.
    pub identifier: String,
    /// `PayloadUUID`; stable too, see [`derive_uuid`].
    pub uuid: Uuid,
    /// `PayloadDisplayName`.
    pub display_name: String,
    /// The keys of this payload type.
    pub content: Dict,
}

/// A configuration profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// `PayloadIdentifier`: a profile with the same one is an update.
    pub identifier: String,
    /// `PayloadUUID`.
    pub uuid: Uuid,
    /// `PayloadDisplayName`.
    pub display_name: String,
    /// `PayloadOrganization`.
    pub organization: Option<String>,
    /// `PayloadDescription`.
    pub description: Option<String>,
    /// `PayloadRemovalDisallowed`: only supervised devices honour it.
    pub removal_disallowed: bool,
    /// `PayloadScope`, for Macs.
    pub scope: Option<Scope>,
    /// `RemovalDate`: it removes itself then.
    pub removal_date: Option<Timestamp>,
    /// The payloads, in order.
    pub payloads: Vec<Payload>,
}

impl Profile {
    /// A profile without payloads.
    pub fn new(identifier: impl Into<String>, uuid: Uuid, display_name: impl Into<String>) -> Self {
        Self {
            identifier: identifier.into(),
            uuid,
            display_name: display_name.into(),
            organization: None,
            description: None,
            removal_disallowed: false,
            scope: None,
            removal_date: None,
            payloads: Vec::new(),
        }
    }

    /// The profile with one more payload, whose identifier and UUID are derived from
    /// the profile's and from `label`, which must be unique within the profile.
    #[must_use]
    pub fn with(
        mut self,
        payload_type: &str,
        label: &str,
        display_name: &str,
        content: Dict,
    ) -> Self {
        self.payloads.push(Payload {
            payload_type: payload_type.to_owned(),
            identifier: format!("{}.{label}", self.identifier),
            uuid: derive_uuid(self.uuid, label),
            display_name: display_name.to_owned(),
            content,
        });
        self
    }

    /// The unsigned `.mobileconfig`.
    pub fn encode(&self) -> Vec<u8> {
        let payloads: Vec<Dict> = self
            .payloads
            .iter()
            .map(|payload| {
                let mut dict = payload.content.clone();
                dict.insert("PayloadType", payload.payload_type.as_str());
                common(
                    &mut dict,
                    &payload.identifier,
                    payload.uuid,
                    &payload.display_name,
                );
                dict
            })
            .collect();
        let mut dict = Dict::new()
            .with("PayloadType", "Configuration")
            .with("PayloadContent", payloads);
        common(&mut dict, &self.identifier, self.uuid, &self.display_name);
        dict.insert_some("PayloadOrganization", self.organization.as_deref());
        dict.insert_some("PayloadDescription", self.description.as_deref());
        dict.insert_some("RemovalDate", self.removal_date);
        dict.insert_some(
            "PayloadScope",
            self.scope.map(|scope| match scope {
                Scope::System => "System",
                Scope::User => "User",
            }),
        );
        if self.removal_disallowed {
            dict.insert("PayloadRemovalDisallowed", true);
        }
        write_dict(&dict)
    }
}

/// A UUID (version 8) that is always the same for the same base and label.
///
/// `PayloadUUID`s made this way stay put from one version of a profile to the next.
pub fn derive_uuid(base: Uuid, label: &str) -> Uuid {
    let digest = sha256(&[base.as_bytes(), label.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn common(dict: &mut Dict, identifier: &str, uuid: Uuid, display_name: &str) {
    dict.insert("PayloadIdentifier", identifier);
    dict.insert("PayloadUUID", upper(uuid));
    dict.insert("PayloadVersion", 1);
    dict.insert("PayloadDisplayName", display_name);
}

/// Apple writes UUIDs in upper case, and compares some of them as text.
fn upper(uuid: Uuid) -> String {
    uuid.hyphenated().to_string().to_ascii_uppercase()
}
