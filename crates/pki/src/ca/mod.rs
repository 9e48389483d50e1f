//! Issuing certificates: a root, an issuing CA under it, and leaves from fixed profiles.

pub(crate) mod build;
mod profile;

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use domain::Timestamp;

use crate::{
    AlternativeName, Certificate, CertificateError, KeyError, Name, Signer, attribute,
    keys::PublicKey,
};
use build::Draft;
pub use profile::LeafProfile;

/// Certificates start this much before they are made, for devices whose clocks are behind.
const BACKDATE: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(31_557_600);
const ROOT_YEARS: u32 = 20;
const ISSUING_YEARS: u32 = 10;
/// Most attributes, and longest value in characters, that a device may choose.
const MAX_KEPT: usize = 16;
const MAX_VALUE: usize = 64;

/// Why a certificate was not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// The key of the authority, or the requested key, could not be used.
    #[error("key: {0}")]
    Key(#[from] KeyError),
    /// The certificate of the authority and its key do not belong together.
    #[error("certificate and key do not belong together")]
    Mismatch,
    /// The certificate of the authority may not issue this.
    #[error("this certificate may not issue others")]
    NotAnAuthority,
    /// The authority is expired, or the validity asked for is empty.
    #[error("the validity is empty or lies outside that of the issuer")]
    Validity,
    /// RSA keys must have at least 2048 bits; profiles for RSA refuse other keys.
    #[error("the key is too weak or of the wrong type for this certificate")]
    WeakKey,
    /// The finished certificate could not be read back.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Where relying parties find revocation data; written into issued certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Urls {
    /// CRL distribution point.
    pub crl: Option<String>,
    /// OCSP responder.
    pub ocsp: Option<String>,
}

/// A leaf certificate to be issued.
#[derive(Debug, Clone, Copy)]
pub struct LeafRequest<'a> {
    /// What it is for.
    pub profile: LeafProfile,
    /// Its subject; for devices see [`device_subject`].
    pub subject: &'a Name,
    /// The key, as SubjectPublicKeyInfo DER. Possession must have been checked.
    pub spki: &'a [u8],
    /// How long from now; cut to the validity of the issuer.
    pub valid_for: Duration,
    /// Subject alternative names.
    pub alternative_names: &'a [AlternativeName],
    /// Revocation URLs.
    pub urls: &'a Urls,
}

/// A CA certificate with its key.
#[derive(Clone)]
pub struct Authority {
    certificate: Certificate,
    signer: Arc<dyn Signer>,
}

impl Authority {
    /// Puts a CA certificate and its key together.
    ///
    /// # Errors
    /// [`CaError::Mismatch`] or [`CaError::NotAnAuthority`].
    pub fn new(certificate: Certificate, signer: Arc<dyn Signer>) -> Result<Self, CaError> {
        if certificate.spki() != signer.spki() {
            return Err(CaError::Mismatch);
        }
        if !certificate.is_ca() {
            return Err(CaError::NotAnAuthority);
        }
        Ok(Self {
            certificate,
            signer,
        })
    }

    /// The CA certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The CA key.
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// Issues a subordinate CA (10 years, path length 0) for the key in `spki`.
    ///
    /// # Errors
    /// [`CaError::NotAnAuthority`] when the path length of this authority is 0.
    pub fn create_issuing(
        &self,
        subject: &Name,
        spki: &[u8],
        urls: &Urls,
        now: Timestamp,
    ) -> Result<Certificate, CaError> {
        if self.certificate.path_length() == Some(0) {
            return Err(CaError::NotAnAuthority);
        }
        check_key(spki)?;
        let mut draft = self.draft(subject, spki, YEAR * ISSUING_YEARS, now)?;
        draft.authority(0);
        draft.key_ids(Some(&self.certificate));
        draft.urls(urls);
        self.finish(&draft)
    }

    /// Issues a leaf certificate.
    ///
    /// # Errors
    /// When the key does not fit the profile, the validity is empty, or signing fails.
    pub fn issue(&self, request: &LeafRequest<'_>, now: Timestamp) -> Result<Certificate, CaError> {
        let key = check_key(request.spki)?;
        if request.profile == LeafProfile::ScepRa && !matches!(key, PublicKey::Rsa { .. }) {
            return Err(CaError::WeakKey);
        }
        let mut draft = self.draft(request.subject, request.spki, request.valid_for, now)?;
        request.profile.extend(&mut draft, &key);
        draft.alternative_names(request.alternative_names, request.subject.is_empty());
        draft.key_ids(Some(&self.certificate));
        draft.urls(request.urls);
        self.finish(&draft)
    }

    fn draft(
        &self,
        subject: &Name,
        spki: &[u8],
        valid_for: Duration,
        now: Timestamp,
    ) -> Result<Draft, CaError> {
        let not_before = now.minus(BACKDATE).max(self.certificate.not_before());
        let not_after = now.plus(valid_for).min(self.certificate.not_after());
        if not_after <= now || not_after <= not_before {
            return Err(CaError::Validity);
        }
        Ok(Draft::new(
            serial()?,
            self.certificate.subject(),
            (not_before, not_after),
            subject,
            spki,
        ))
    }

    fn finish(&self, draft: &Draft) -> Result<Certificate, CaError> {
        Ok(Certificate::from_der(&draft.sign(self.signer.as_ref())?)?)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").field(&self.certificate).finish()
    }
}

/// Makes a self-signed root (20 years, path length 1) for the key of `signer`.
///
/// # Errors
/// When the key is too weak or cannot sign.
pub fn create_root(
    subject: &Name,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<Certificate, CaError> {
    check_key(signer.spki())?;
    let validity = (now.minus(BACKDATE), now.plus(YEAR * ROOT_YEARS));
    let mut draft = Draft::new(serial()?, subject, validity, subject, signer.spki());
    draft.authority(1);
    draft.key_ids(None);
    Ok(Certificate::from_der(&draft.sign(signer)?)?)
}

/// The subject of a device identity: country, locality, state, organization and
/// organizational units as requested, the common name as the server decides. Values of
/// more than 64 characters, the bound of RFC 5280, appendix A.1, are left out.
pub fn device_subject(requested: &Name, common_name: &str) -> Name {
    let kept = [
        attribute::COUNTRY,
        attribute::STATE,
        attribute::LOCALITY,
        attribute::ORGANIZATION,
        attribute::ORGANIZATIONAL_UNIT,
    ];
    requested
        .attributes()
        .iter()
        .filter(|(kind, value)| kept.contains(kind) && value.chars().count() <= MAX_VALUE)
        .take(MAX_KEPT)
        .fold(Name::builder(), |name, (kind, value)| {
            name.attribute(*kind, value.as_str())
        })
        .common_name(common_name)
        .build()
}

fn check_key(spki: &[u8]) -> Result<PublicKey<'_>, CaError> {
    match PublicKey::from_spki(spki)? {
        PublicKey::Rsa { bits, .. } if bits < 2048 => Err(CaError::WeakKey),
        key => Ok(key),
    }
}

/// 16 random octets, positive and never shorter: the two highest bits are `01`.
fn serial() -> Result<[u8; 16], CaError> {
    let mut octets = [0; 16];
    SystemRandom::new()
        .fill(&mut octets)
        .map_err(|_| KeyError::Operation)?;
    octets[0] = (octets[0] & 0x3f) | 0x40;
    Ok(octets)
}
