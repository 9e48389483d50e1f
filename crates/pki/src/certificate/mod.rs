//! Certificates, read leniently (RFC 5280).

mod chain;
mod extensions;

use std::fmt;

use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use domain::Timestamp;

pub use chain::{ChainPolicy, verify_chain};
pub use extensions::{AlternativeName, KeyUsage};
pub(crate) use extensions::{read_alternative_names, write_alternative_names};

use crate::{
    asn1::{Asn1Error, Reader, tag},
    keys::{self, KeyError, Legacy, SignatureAlgorithm},
    name::Name,
    oid,
    pem::{self, PemError},
};
use extensions::Extensions;

/// Largest certificate that is read, in bytes.
const MAX_BYTES: usize = 128 * 1024;

/// Why a certificate or a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not the DER of a certificate.
    #[error("malformed certificate: {0}")]
    Malformed(#[from] Asn1Error),
    /// Not PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The PEM text holds no certificate.
    #[error("no certificate in the text")]
    Missing,
    /// Larger than 128 KiB.
    #[error("the certificate is too large")]
    TooLarge,
    /// The signature by the issuer is wrong or uses a refused algorithm.
    #[error("certificate signature: {0}")]
    Signature(#[from] KeyError),
    /// Not yet valid, even with the permitted clock skew.
    #[error("the certificate {subject} is not valid before {not_before}")]
    NotYetValid {
        /// Whose certificate.
        subject: String,
        /// Start of its validity.
        not_before: Timestamp,
    },
    /// No longer valid, even with the permitted clock skew.
    #[error("the certificate {subject} expired at {not_after}")]
    Expired {
        /// Whose certificate.
        subject: String,
        /// End of its validity.
        not_after: Timestamp,
    },
    /// An issuer in the chain is not a CA, may not sign certificates, or its path length is exceeded.
    #[error("{0} may not issue this certificate")]
    NotAnIssuer(String),
    /// No path leads to a trusted certificate.
    #[error("no path from {0} to a trusted certificate")]
    Untrusted(String),
    /// The certificate may not be used for the wanted purpose.
    #[error("the certificate is not meant for this purpose")]
    Purpose,
    /// A critical extension is not understood.
    #[error("critical extension {0} is not understood")]
    CriticalExtension(ObjectIdentifier),
}

/// A certificate with the fields that Muster reads.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    fingerprint: [u8; 32],
    tbs: std::ops::Range<usize>,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: Timestamp,
    not_after: Timestamp,
    spki: Vec<u8>,
    extensions: Extensions,
    signature_oid: ObjectIdentifier,
    signature: Vec<u8>,
}

impl Certificate {
    /// Reads one DER certificate of at most 128 KiB.
    ///
    /// # Errors
    /// When it is malformed or too large.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_BYTES {
            return Err(CertificateError::TooLarge);
        }
        let mut certificate = Reader::only(der, tag::SEQUENCE)?;
        let tbs_element = certificate.expect(tag::SEQUENCE)?;
        let (signature_oid, _) = keys::read_algorithm(&mut certificate)?;
        let signature = certificate.octet_aligned_bits()?.to_vec();
        certificate.finish()?;

        let mut tbs = tbs_element.reader();
        tbs.optional(tag::context_constructed(0))?;
        let serial = tbs.integer()?.to_vec();
        let (inner_oid, _) = keys::read_algorithm(&mut tbs)?;
        if inner_oid != signature_oid {
            return Err(Asn1Error::Value("certificate: two signature algorithms").into());
        }
        let issuer = Name::from_der(tbs.expect(tag::SEQUENCE)?.raw)?;
        let mut validity = tbs.sequence()?;
        let not_before = validity.time()?;
        let not_after = validity.time()?;
        let subject = Name::from_der(tbs.expect(tag::SEQUENCE)?.raw)?;
        let spki = tbs.expect(tag::SEQUENCE)?.raw.to_vec();
        for unique_id in [tag::context(1), tag::context(2)] {
            tbs.optional(unique_id)?;
        }
        let extensions = match tbs.optional(tag::context_constructed(3))? {
            Some(wrapper) => Extensions::read(wrapper.reader())?,
            None => Extensions::default(),
        };
        // `tbs_element` follows the outer header directly.
        let start = der.len() - Reader::only(der, tag::SEQUENCE)?.remaining();
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Ok(Self {
            tbs: start..start + tbs_element.raw.len(),
            der: der.to_vec(),
            fingerprint,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            spki,
            extensions,
            signature_oid,
            signature,
        })
    }

    /// The first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        Self::all_from_pem(text)?
            .into_iter()
            .next()
            .ok_or(CertificateError::Missing)
    }

    /// All certificates of a PEM text, in order; other blocks are skipped.
    ///
    /// # Errors
    /// When the text is not PEM or a certificate is malformed.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        pem::decode(text)?
            .iter()
            .filter(|block| matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE"))
            .map(|block| Self::from_der(&block.der))
            .collect()
    }

    /// The DER encoding, as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// One PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// SHA-256 of the DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Contents octets of the serial number, with a leading zero where DER puts one.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The serial number as lower-case hexadecimal digits without the DER sign octet.
    pub fn serial_hex(&self) -> String {
        let magnitude = match self.serial.as_slice() {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        hex::encode(magnitude)
    }

    /// Who it is about.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// First moment of validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// DER of the SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key usage, when the extension is present.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.extensions.key_usage
    }

    /// The extended key usages, when the extension is present; see [`crate::purpose`].
    pub fn extended_key_usage(&self) -> Option<&[ObjectIdentifier]> {
        self.extensions.extended_key_usage.as_deref()
    }

    /// The subject alternative names that are understood.
    pub fn alternative_names(&self) -> &[AlternativeName] {
        &self.extensions.alternative_names
    }

    /// Whether basic constraints say that this is a CA.
    pub fn is_ca(&self) -> bool {
        self.extensions.is_ca
    }

    /// The path length constraint of a CA.
    pub fn path_length(&self) -> Option<u64> {
        self.extensions.path_length
    }

    /// The subject key identifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.subject_key_id.as_deref()
    }

    /// The key identifier of the issuer.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.authority_key_id.as_deref()
    }

    /// The contents of an extension (of its OCTET STRING), understood or not.
    pub fn extension(&self, kind: ObjectIdentifier) -> Option<&[u8]> {
        self.extensions
            .raw
            .iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, value)| value.as_slice())
    }

    /// Whether subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Checks that `issuer` signed this certificate: names match, the issuer is a CA that
    /// may sign certificates, and the signature is right. Validity is not looked at.
    ///
    /// # Errors
    /// [`CertificateError::NotAnIssuer`] or [`CertificateError::Signature`].
    pub fn verify_issued_by(&self, issuer: &Self, legacy: Legacy) -> Result<(), CertificateError> {
        let may_sign =
            issuer.is_ca() && issuer.key_usage().is_none_or(|usage| usage.key_cert_sign());
        if self.issuer != issuer.subject || !may_sign {
            return Err(CertificateError::NotAnIssuer(issuer.subject.to_string()));
        }
        self.verify_signature(issuer.spki(), legacy)
            .map_err(CertificateError::Signature)
    }

    /// Checks only that the key in `spki` made the signature; a self-signed certificate
    /// passes with its own key.
    ///
    /// # Errors
    /// [`KeyError`] when it did not, or the algorithm is refused.
    pub fn verify_signature(&self, spki: &[u8], legacy: Legacy) -> Result<(), KeyError> {
        let algorithm =
            SignatureAlgorithm::from_oid(self.signature_oid).ok_or(KeyError::Algorithm)?;
        keys::verify(
            spki,
            algorithm,
            &self.der[self.tbs.clone()],
            &self.signature,
            legacy,
        )
    }

    /// Checks the validity period, widened by `skew` on both sides.
    ///
    /// # Errors
    /// [`CertificateError::NotYetValid`] or [`CertificateError::Expired`].
    pub fn check_validity(
        &self,
        now: Timestamp,
        skew: std::time::Duration,
    ) -> Result<(), CertificateError> {
        if now.plus(skew) < self.not_before {
            return Err(CertificateError::NotYetValid {
                subject: self.subject.to_string(),
                not_before: self.not_before,
            });
        }
        if now.minus(skew) > self.not_after {
            return Err(CertificateError::Expired {
                subject: self.subject.to_string(),
                not_after: self.not_after,
            });
        }
        Ok(())
    }

    /// The first critical extension that this crate does not understand.
    pub(crate) fn unknown_critical_extension(&self) -> Option<ObjectIdentifier> {
        self.extensions.unknown_critical
    }

    pub(crate) fn allows(&self, purpose: ObjectIdentifier) -> bool {
        self.extended_key_usage()
            .is_none_or(|uses| uses.contains(&purpose) || uses.contains(&oid::purpose::ANY))
    }
}

/// Certificates are equal when their encodings are.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("serial", &self.serial_hex())
            .finish_non_exhaustive()
    }
}
