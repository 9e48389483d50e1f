//! The enrollment profile.

use domain::Secret;
use uuid::Uuid;

use super::{Profile, ProfileError, derive_uuid, upper};
use crate::plist::{Dict, Value};

/// `AccessRights` with all rights.
pub const ACCESS_RIGHTS: i64 = 8191;

/// `ServerCapabilities`. All from day one: a device refuses a profile update that adds
/// per-user connections later.
pub const SERVER_CAPABILITIES: &[&str] = &[
    "com.apple.mdm.per-user-connections",
    "com.apple.mdm.bootstraptoken",
    "com.apple.mdm.token",
];

/// What goes into an enrollment profile.
#[derive(Debug, Clone)]
pub struct EnrollmentParams {
    /// `PayloadIdentifier`; the same for every device and every renewal.
    pub identifier: String,
    /// `PayloadUUID`; the payloads' UUIDs are derived from it, so the same one gives the same profile.
    pub uuid: Uuid,
    /// Who manages.
    pub organization: String,
    /// Shown before installation.
    pub display_name: String,
    /// Shown before installation.
    pub description: Option<String>,
    /// Where commands are fetched.
    pub server_url: String,
    /// Where check-ins go, when not to `server_url`.
    pub check_in_url: Option<String>,
    /// The push topic.
    pub topic: String,
    /// How the device gets its identity.
    pub scep: Scep,
    /// What kind of enrollment this is.
    pub mode: EnrollmentMode,
    /// Certificates the device must trust to reach us, when ours is self-made.
    pub anchors: Vec<Anchor>,
    /// The user cannot remove it; only supervised devices honour it.
    pub removal_disallowed: bool,
}

/// What kind of enrollment a profile makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrollmentMode {
    /// By installing the profile, or automated.
    Device,
    /// Account-driven, the organisation's device (`ADDE`).
    AccountDevice {
        /// The Managed Apple Account.
        managed_apple_account: String,
    },
    /// Account-driven, a person's own device (`BYOD`).
    AccountUser {
        /// The Managed Apple Account.
        managed_apple_account: String,
    },
}

/// How the device gets its identity by SCEP (RFC 8894).
#[derive(Debug, Clone)]
pub struct Scep {
    /// The SCEP address, without a query.
    pub url: String,
    /// The one-time challenge.
    pub challenge: Secret<String>,
    /// Pairs of C, L, ST, O, OU or CN and a value, in order.
    pub subject: Vec<(String, String)>,
    /// RSA key size in bits: 2048 or 4096.
    pub key_size: u32,
    /// The `message` of GetCACert.
    pub name: Option<String>,
    /// SHA-1 or SHA-256 of the CA certificate, for a connection without TLS.
    pub ca_fingerprint: Option<Vec<u8>>,
}

/// A certificate to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Shown on the device.
    pub name: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
}

/// The unsigned enrollment profile: identity first, management second, anchors after them.
///
/// # Errors
/// When a parameter would be refused by devices: an address that is not HTTPS, a SCEP
/// address with a query, a subject attribute SCEP payloads do not know, a weak key.
pub fn enrollment_profile(params: &EnrollmentParams) -> Result<Vec<u8>, ProfileError> {
    check(params)?;
    let mut profile = Profile::new(&params.identifier, params.uuid, &params.display_name)
        .with(
            "com.apple.security.scep",
            "scep",
            "Device identity",
            Dict::new().with("PayloadContent", scep(&params.scep)),
        )
        .with(
            "com.apple.mdm",
            "mdm",
            "Device management",
            management(params),
        );
    for (index, anchor) in params.anchors.iter().enumerate() {
        profile = profile.with(
            "com.apple.security.root",
            &format!("anchor.{index}"),
            &anchor.name,
            Dict::new()
                .with("PayloadCertificateFileName", format!("anchor-{index}.cer"))
                .with("PayloadContent", anchor.der.as_slice()),
        );
    }
    profile.organization = Some(params.organization.clone());
    profile.description.clone_from(&params.description);
    profile.removal_disallowed = params.removal_disallowed;
    Ok(profile.encode())
}

fn scep(scep: &Scep) -> Dict {
    let subject: Vec<Value> = scep
        .subject
        .iter()
        .map(|(key, value)| {
            let pair = Value::Array(vec![key.as_str().into(), value.as_str().into()]);
            Value::Array(vec![pair])
        })
        .collect();
    let mut dict = Dict::new()
        .with("URL", scep.url.as_str())
        .with("Challenge", scep.challenge.expose().as_str())
        .with("Subject", subject)
        .with("Keysize", scep.key_size)
        .with("Key Type", "RSA")
        // Signing and encryption.
        .with("Key Usage", 5)
        .with("KeyIsExtractable", false);
    dict.insert_some("Name", scep.name.as_deref());
    dict.insert_some("CAFingerprint", scep.ca_fingerprint.as_deref());
    dict
}

fn management(params: &EnrollmentParams) -> Dict {
    let mut dict = Dict::new()
        .with(
            "IdentityCertificateUUID",
            upper(derive_uuid(params.uuid, "scep")),
        )
        .with("ServerURL", params.server_url.as_str())
        .with("Topic", params.topic.as_str())
        .with("SignMessage", true)
        .with("CheckOutWhenRemoved", true)
        .with("ServerCapabilities", SERVER_CAPABILITIES);
    dict.insert_some("CheckInURL", params.check_in_url.as_deref());
    match &params.mode {
        EnrollmentMode::Device => dict.insert("AccessRights", ACCESS_RIGHTS),
        EnrollmentMode::AccountDevice {
            managed_apple_account,
        } => {
            dict.insert("AccessRights", ACCESS_RIGHTS);
            dict.insert("EnrollmentMode", "ADDE");
            dict.insert("AssignedManagedAppleID", managed_apple_account);
        }
        // Any AccessRights cancel this kind of enrollment.
        EnrollmentMode::AccountUser {
            managed_apple_account,
        } => {
            dict.insert("EnrollmentMode", "BYOD");
            dict.insert("AssignedManagedAppleID", managed_apple_account);
        }
    }
    dict
}

fn check(params: &EnrollmentParams) -> Result<(), ProfileError> {
    let wrong = |parameter, reason| Err(ProfileError::Parameter { parameter, reason });
    for (parameter, url) in [
        ("server_url", Some(&params.server_url)),
        ("check_in_url", params.check_in_url.as_ref()),
    ] {
        if url.is_some_and(|url| !url.starts_with("https://")) {
            return wrong(parameter, "it must begin with https://");
        }
    }
    let scep = &params.scep;
    if !scep.url.starts_with("https://") && !scep.url.starts_with("http://") {
        return wrong("scep.url", "it must begin with https:// or http://");
    }
    if scep.url.contains('?') {
        return wrong("scep.url", "devices refuse a query");
    }
    if !matches!(scep.key_size, 2048 | 4096) {
        return wrong("scep.key_size", "it must be 2048 or 4096");
    }
    if scep.subject.is_empty()
        || scep
            .subject
            .iter()
            .any(|(key, _)| !matches!(key.as_str(), "C" | "L" | "ST" | "O" | "OU" | "CN"))
    {
        return wrong("scep.subject", "it takes C, L, ST, O, OU and CN");
    }
    if params.topic.is_empty() {
        return wrong("topic", "a push certificate is needed first");
    }
    if params.identifier.is_empty() {
        return wrong("identifier", "it is empty");
    }
    Ok(())
}
