//! Configuration profiles as a device reads them.

use crate::{
    Error, Result,
    cms::SignedData,
    plist::{Dictionary, Lookup as _, Value},
    x509::Certificate,
};

/// A profile out of its signature.
#[derive(Debug, Clone)]
pub struct OpenedProfile {
    /// The profile's dictionary.
    pub content: Dictionary,
    /// Who signed it, when it is signed.
    pub signer: Option<Certificate>,
    /// True when the signer chains to a trust anchor: what the device shows as verified.
    pub verified: bool,
}

/// Opens a signed or plain profile and checks the structure that every profile must have.
///
/// # Errors
/// When the signature is wrong or the profile is malformed.
pub fn open_profile(bytes: &[u8], anchors: &[Certificate]) -> Result<OpenedProfile> {
    let opened = if bytes.first() == Some(&0x30) {
        let signed = SignedData::parse(bytes)?;
        let signer = signed.verify(None)?.signer;
        let verified = signer.chains_to(anchors, &signed.certificates);
        let content = signed.content.as_deref().map(Value::parse).transpose()?;
        (content, Some(signer), verified)
    } else {
        (Some(Value::parse(bytes)?), None, false)
    };
    let (Some(Value::Dictionary(content)), signer, verified) = opened else {
        return Err(Error::Profile("not a dictionary".into()));
    };
    check(&content)?;
    Ok(OpenedProfile {
        content,
        signer,
        verified,
    })
}

fn check(profile: &Dictionary) -> Result<()> {
    let refuse = |why: String| Error::Profile(why);
    if profile.need_str("PayloadType")? != "Configuration" {
        return Err(refuse("PayloadType is not Configuration".into()));
    }
    let mut uuids = vec![header(profile)?];
    for payload in profile.need_array("PayloadContent")? {
        let payload = payload
            .dictionary()
            .ok_or_else(|| refuse("a payload is not a dictionary".into()))?;
        payload.need_str("PayloadType")?;
        let uuid = header(payload)?;
        if uuids.contains(&uuid) {
            return Err(refuse(format!("PayloadUUID {uuid} appears twice")));
        }
        uuids.push(uuid);
    }
    Ok(())
}

/// Checks the keys that profile and payload share; returns the UUID.
fn header(part: &Dictionary) -> Result<String> {
    if part.want_integer("PayloadVersion")? != Some(1) {
        return Err(Error::Profile("PayloadVersion is not 1".into()));
    }
    for key in ["PayloadIdentifier", "PayloadUUID"] {
        if part.need_str(key)?.is_empty() {
            return Err(Error::Profile(format!("{key} is empty")));
        }
    }
    Ok(part.need_str("PayloadUUID")?.to_owned())
}

/// A profile on the device.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledProfile {
    /// `PayloadIdentifier`.
    pub identifier: String,
    /// `PayloadUUID`.
    pub uuid: String,
    /// The whole profile.
    pub content: Dictionary,
    /// Signer certificates, DER.
    pub signers: Vec<Vec<u8>>,
    /// True when management installed it.
    pub managed: bool,
    /// The declaration that owns it, when declarative management does.
    pub declaration: Option<String>,
}

impl InstalledProfile {
    /// What an opened profile becomes once installed.
    #[must_use]
    pub fn of(opened: &OpenedProfile, managed: bool) -> Self {
        let text = |key: &str| {
            opened
                .content
                .find(key)
                .and_then(Value::str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            identifier: text("PayloadIdentifier"),
            uuid: text("PayloadUUID"),
            content: opened.content.clone(),
            signers: opened
                .signer
                .iter()
                .map(|signer| signer.der.clone())
                .collect(),
            managed,
            declaration: None,
        }
    }

    /// The payloads of one type.
    pub fn payloads<'a>(&'a self, payload_type: &'a str) -> impl Iterator<Item = &'a Dictionary> {
        self.content
            .get("PayloadContent")
            .and_then(Value::array)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::dictionary)
            .filter(move |payload| {
                payload.get("PayloadType").and_then(Value::str) == Some(payload_type)
            })
    }
}

/// What a SCEP payload asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScepSettings {
    /// Where the SCEP service is.
    pub url: String,
    /// CA name for services with several.
    pub name: String,
    /// Challenge password.
    pub challenge: Option<String>,
    /// Subject: attribute type in dotted form and value.
    pub subject: Vec<(String, String)>,
    /// Key size in bits.
    pub key_size: i64,
    /// Key usage: 1 signing, 4 encryption, 5 both.
    pub key_usage: i64,
    /// Fingerprint of the CA's certificate, by SHA-1 or SHA-256.
    pub ca_fingerprint: Option<Vec<u8>>,
}

impl ScepSettings {
    /// Reads the `PayloadContent` of a com.apple.security.scep payload.
    ///
    /// # Errors
    /// When a required key is missing or of the wrong type, or the URL carries a query.
    pub fn read(payload: &Dictionary) -> Result<Self> {
        let content = payload
            .get("PayloadContent")
            .and_then(Value::dictionary)
            .ok_or_else(|| Error::Profile("the SCEP payload has no PayloadContent".into()))?;
        let url = content.need_str("URL")?.to_owned();
        if url.contains('?') {
            return Err(Error::Profile("the SCEP URL has a query string".into()));
        }
        if content
            .want_str("Key Type")?
            .is_some_and(|kind| kind != "RSA")
        {
            return Err(Error::Profile("Key Type is not RSA".into()));
        }
        let mut subject = Vec::new();
        if let Some(list) = content.find("Subject") {
            for set in list
                .array()
                .ok_or_else(|| Error::Profile("Subject is not an array".into()))?
            {
                for pair in set.array().unwrap_or_default() {
                    let pair = pair.array().unwrap_or_default();
                    let (Some(id), Some(value)) = (
                        pair.first().and_then(Value::str),
                        pair.get(1).and_then(Value::str),
                    ) else {
                        return Err(Error::Profile(
                            "Subject is not an array of arrays of pairs".into(),
                        ));
                    };
                    subject.push((subject_oid(id)?, value.to_owned()));
                }
            }
        }
        let key_size = content.want_integer("Keysize")?.unwrap_or(1024);
        if key_size < 2048 {
            return Err(Error::Profile(format!("Keysize {key_size} is below 2048")));
        }
        Ok(Self {
            url,
            name: content.want_str("Name")?.unwrap_or("").to_owned(),
            challenge: content.want_str("Challenge")?.map(str::to_owned),
            subject,
            key_size,
            key_usage: content.want_integer("Key Usage")?.unwrap_or(0),
            ca_fingerprint: content
                .find("CAFingerprint")
                .and_then(Value::data)
                .map(<[u8]>::to_vec),
        })
    }
}

fn subject_oid(name: &str) -> Result<String> {
    use crate::x509::attribute;
    Ok(match name {
        "C" => attribute::C,
        "ST" => attribute::ST,
        "L" => attribute::L,
        "O" => attribute::O,
        "OU" => attribute::OU,
        "CN" => attribute::CN,
        dotted if dotted.split('.').all(|arc| arc.parse::<u64>().is_ok()) => dotted,
        other => return Err(Error::Profile(format!("unknown subject attribute {other}"))),
    }
    .to_owned())
}

/// An enrollment profile, checked (Apple: *MDM* payload).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentProfile {
    /// `PayloadIdentifier` of the profile.
    pub identifier: String,
    /// `ServerURL`.
    pub server_url: String,
    /// `CheckInURL`, or `ServerURL`.
    pub check_in_url: String,
    /// `Topic`.
    pub topic: String,
    /// `SignMessage`.
    pub sign_message: bool,
    /// `CheckOutWhenRemoved`.
    pub check_out_when_removed: bool,
    /// `AccessRights`.
    pub access_rights: Option<i64>,
    /// `ServerCapabilities`.
    pub capabilities: Vec<String>,
    /// `EnrollmentMode`.
    pub mode: Option<String>,
    /// The identity to obtain.
    pub scep: ScepSettings,
}

impl EnrollmentProfile {
    /// Reads an opened profile.
    ///
    /// # Errors
    /// When there is not exactly one SCEP payload and, after it, exactly one MDM payload, when the
    /// one does not name the other, or when a required key is missing or malformed.
    pub fn read(profile: &OpenedProfile) -> Result<Self> {
        let refuse = |why: &str| Error::Profile(why.to_owned());
        let installed = InstalledProfile::of(profile, false);
        let only = |kind: &'static str| -> Result<Dictionary> {
            let mut found = installed.payloads(kind);
            match (found.next(), found.next()) {
                (Some(only), None) => Ok(only.clone()),
                (None, _) => Err(Error::Profile(format!("no {kind} payload"))),
                _ => Err(Error::Profile(format!("more than one {kind} payload"))),
            }
        };
        let (identity, mdm) = (only("com.apple.security.scep")?, only("com.apple.mdm")?);
        if mdm.need_str("IdentityCertificateUUID")? != identity.need_str("PayloadUUID")? {
            return Err(refuse("IdentityCertificateUUID names no identity payload"));
        }
        let server_url = mdm.need_str("ServerURL")?.to_owned();
        // Plain HTTP only within this machine, for tests without certificates.
        let allowed = [
            "https://",
            "http://127.0.0.1:",
            "http://localhost:",
            "http://[::1]:",
        ];
        if !allowed.iter().any(|start| server_url.starts_with(start)) {
            return Err(refuse("ServerURL is not https"));
        }
        let topic = mdm.need_str("Topic")?.to_owned();
        if !topic.starts_with("com.apple.mgmt.") {
            return Err(refuse("Topic does not start with com.apple.mgmt."));
        }
        let mode = mdm.want_str("EnrollmentMode")?.map(str::to_owned);
        let access_rights = mdm.want_integer("AccessRights")?;
        match (mode.as_deref(), access_rights) {
            (Some("BYOD"), Some(_)) => return Err(refuse("AccessRights in a user enrollment")),
            (None, None) => return Err(refuse("no AccessRights")),
            (_, Some(rights)) if !(1..=8191).contains(&rights) => {
                return Err(refuse("AccessRights out of range"));
            }
            // Inspecting profiles is required to install them, and so on (bits in pairs).
            (_, Some(rights)) if rights & 2 != 0 && rights & 1 == 0 => {
                return Err(refuse("AccessRights 2 without 1"));
            }
            _ => {}
        }
        let capabilities = match mdm.find("ServerCapabilities") {
            None => Vec::new(),
            Some(list) => list
                .array()
                .and_then(|items| {
                    items
                        .iter()
                        .map(|item| item.str().map(str::to_owned))
                        .collect()
                })
                .ok_or_else(|| refuse("ServerCapabilities is not an array of strings"))?,
        };
        Ok(Self {
            identifier: installed.identifier.clone(),
            check_in_url: mdm
                .want_str("CheckInURL")?
                .unwrap_or(&server_url)
                .to_owned(),
            server_url,
            topic,
            sign_message: mdm.want_boolean("SignMessage")?.unwrap_or(false),
            check_out_when_removed: mdm.want_boolean("CheckOutWhenRemoved")?.unwrap_or(false),
            access_rights,
            capabilities,
            mode,
            scep: ScepSettings::read(&identity)?,
        })
    }
}
