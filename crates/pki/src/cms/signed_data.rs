use std::borrow::Cow;

use const_oid::ObjectIdentifier;

use super::{CmsError, ber};
use crate::{
    Certificate,
    asn1::{Asn1Error, Reader, tag},
    keys, oid,
};

/// SignedData (RFC 5652, section 5.1), borrowed from its encoding.
#[derive(Debug)]
pub(super) struct SignedData<'a> {
    pub(super) content_type: ObjectIdentifier,
    pub(super) content: Option<&'a [u8]>,
    /// Encodings of the X.509 certificates.
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) signers: Vec<SignerInfo<'a>>,
}

#[derive(Debug)]
pub(super) struct SignerInfo<'a> {
    pub(super) id: SignerId<'a>,
    pub(super) digest: ObjectIdentifier,
    /// Contents of `[0] signedAttrs`, in the order received.
    pub(super) signed_attributes: Option<&'a [u8]>,
    pub(super) signature_algorithm: ObjectIdentifier,
    pub(super) signature: &'a [u8],
}

#[derive(Debug)]
pub(super) enum SignerId<'a> {
    IssuerSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyId(&'a [u8]),
}

impl SignerId<'_> {
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerSerial { issuer, serial } => {
                certificate.issuer().der() == *issuer && certificate.serial() == *serial
            }
            Self::KeyId(id) => certificate.subject_key_id() == Some(*id),
        }
    }
}

/// The certificates in a SignedData message, for certs-only messages and `.p7b` files.
/// Nothing is verified.
///
/// # Errors
/// When it is not SignedData, too large, or a certificate is malformed.
pub fn certificates(message: &[u8], limits: &super::Limits) -> Result<Vec<Certificate>, CmsError> {
    let der = definite(message, limits.max_bytes)?;
    let data = SignedData::read(&der, limits.max_certificates)?;
    data.certificates
        .iter()
        .map(|der| Ok(Certificate::from_der(der)?))
        .collect()
}

/// The message itself when every length that matters is definite, or its normal form.
pub(super) fn definite(message: &[u8], max_bytes: usize) -> Result<Cow<'_, [u8]>, CmsError> {
    if message.len() > max_bytes {
        return Err(CmsError::TooLarge);
    }
    // A cheap trial with generous limits: messages that are DER already need no copy.
    match SignedData::read(message, usize::MAX) {
        Ok(_) | Err(CmsError::ContentType) => Ok(Cow::Borrowed(message)),
        Err(_) => Ok(Cow::Owned(ber::normalize(message)?)),
    }
}

impl<'a> SignedData<'a> {
    pub(super) fn read(der: &'a [u8], max_certificates: usize) -> Result<Self, CmsError> {
        let mut info = Reader::only(der, tag::SEQUENCE)?;
        if info.oid()? != oid::SIGNED_DATA {
            return Err(CmsError::ContentType);
        }
        let mut wrapper = info.constructed(tag::context_constructed(0))?;
        info.finish()?;
        let mut data = wrapper.sequence()?;
        data.unsigned()?;
        data.expect(tag::SET)?;

        let mut encapsulated = data.sequence()?;
        let content_type = encapsulated.oid()?;
        let content = match encapsulated.optional(tag::context_constructed(0))? {
            Some(wrapper) => Some(wrapper.reader().octet_string()?),
            None => None,
        };

        let mut certificates = Vec::new();
        if let Some(set) = data.optional(tag::context_constructed(0))? {
            let mut set = set.reader();
            while !set.is_empty() {
                let choice = set.element()?;
                // Other choices are attribute certificates and the like.
                if choice.tag == tag::SEQUENCE {
                    if certificates.len() == max_certificates {
                        return Err(CmsError::TooLarge);
                    }
                    certificates.push(choice.raw);
                }
            }
        }
        data.optional(tag::context_constructed(1))?;

        let mut signers = Vec::new();
        let mut set = data.constructed(tag::SET)?;
        while !set.is_empty() {
            signers.push(SignerInfo::read(set.sequence()?)?);
            // Only messages with one signer are accepted; two are enough to see that.
            if signers.len() == 2 {
                break;
            }
        }
        Ok(Self {
            content_type,
            content,
            certificates,
            signers,
        })
    }
}

impl<'a> SignerInfo<'a> {
    fn read(mut info: Reader<'a>) -> Result<Self, Asn1Error> {
        info.unsigned()?;
        let id = match info.element()? {
            element if element.tag == tag::SEQUENCE => {
                let mut pair = element.reader();
                let issuer = pair.expect(tag::SEQUENCE)?.raw;
                SignerId::IssuerSerial {
                    issuer,
                    serial: pair.integer()?,
                }
            }
            element if element.tag == tag::context(0) => SignerId::KeyId(element.value),
            other => {
                return Err(Asn1Error::Tag {
                    expected: tag::SEQUENCE,
                    found: other.tag,
                });
            }
        };
        let (digest, _) = keys::read_algorithm(&mut info)?;
        let signed_attributes = info
            .optional(tag::context_constructed(0))?
            .map(|element| element.value);
        let (signature_algorithm, _) = keys::read_algorithm(&mut info)?;
        let signature = info.octet_string()?;
        Ok(Self {
            id,
            digest,
            signed_attributes,
            signature_algorithm,
            signature,
        })
    }
}
