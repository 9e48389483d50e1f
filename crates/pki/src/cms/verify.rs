use const_oid::ObjectIdentifier;
use domain::Timestamp;

use super::{
    CmsError, Limits,
    signed_data::{SignedData, SignerInfo, definite},
};
use crate::{
    Certificate, KeyError,
    asn1::{Reader, Writer, tag},
    base64::decode_lenient,
    keys::{self, Digest, Legacy, SignatureAlgorithm},
    oid, token,
};

/// Most signed attributes that are read.
const MAX_ATTRIBUTES: usize = 64;

/// Who signed a message, after signature, digest and content were checked. Whether the
/// certificate is trusted is another question: see [`crate::verify_chain`].
#[derive(Debug, Clone)]
pub struct VerifiedSigner {
    /// The certificate of the signer.
    pub certificate: Certificate,
    /// The other certificates of the message, unverified; malformed ones are left out.
    pub other_certificates: Vec<Certificate>,
    /// The signingTime attribute: the signer's own claim.
    pub signing_time: Option<Timestamp>,
    /// The content, when it was attached.
    pub content: Option<Vec<u8>>,
}

/// Verifies the `Mdm-Signature` header of a request: base64 of CMS SignedData over the
/// body, detached or attached. Attached content must equal the body byte for byte.
///
/// # Errors
/// [`CmsError`] says which check failed.
pub fn verify_mdm_signature(
    header: &str,
    body: &[u8],
    limits: &Limits,
) -> Result<VerifiedSigner, CmsError> {
    if header.len() / 4 * 3 > limits.max_bytes {
        return Err(CmsError::TooLarge);
    }
    let message = decode_lenient(header).ok_or(CmsError::Base64)?;
    let mut signer = verify_signed_data(&message, Some(body), limits)?;
    signer.content = None;
    Ok(signer)
}

/// Verifies SignedData with exactly one signer. `detached` is the content when the caller
/// has it; content in the message must then equal it. Without `detached` the content must
/// be in the message.
///
/// # Errors
/// [`CmsError`] says which check failed.
pub fn verify_signed_data(
    message: &[u8],
    detached: Option<&[u8]>,
    limits: &Limits,
) -> Result<VerifiedSigner, CmsError> {
    verify_message(message, detached, limits).map(|verified| verified.signer)
}

/// A verified message with its signed attributes, for formats that add their own.
pub(crate) struct VerifiedMessage {
    pub(crate) signer: VerifiedSigner,
    pub(crate) digest: Digest,
    attributes: Vec<(ObjectIdentifier, Vec<u8>)>,
}

impl VerifiedMessage {
    /// The encoding of the single value of an attribute.
    pub(crate) fn attribute(&self, kind: ObjectIdentifier) -> Option<&[u8]> {
        self.attributes
            .iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, value)| value.as_slice())
    }
}

pub(crate) fn verify_message(
    message: &[u8],
    detached: Option<&[u8]>,
    limits: &Limits,
) -> Result<VerifiedMessage, CmsError> {
    let der = definite(message, limits.max_bytes)?;
    let data = SignedData::read(&der, limits.max_certificates)?;
    let [info] = data.signers.as_slice() else {
        return Err(CmsError::SignerCount);
    };
    let content = match (data.content, detached) {
        (Some(attached), Some(body)) if attached != body => return Err(CmsError::Content),
        (Some(content), _) | (None, Some(content)) => content,
        (None, None) => return Err(CmsError::Content),
    };
    let digest = Digest::from_oid(info.digest).ok_or(CmsError::Algorithm)?;
    if digest == Digest::Sha1 && limits.legacy == Legacy::Refuse {
        return Err(CmsError::Algorithm);
    }

    // A signature without signed attributes could be passed off as one over attributes and
    // the other way round (RFC 5652, section 11, and RFC 8933); every device sends them.
    let encoded = info.signed_attributes.ok_or(CmsError::Attributes)?;
    let attributes = read_attributes(encoded)?;
    check_attributes(
        &attributes,
        data.content_type,
        &keys::digest(digest, content),
    )?;

    let (certificate, other_certificates) = split_certificates(&data, info)?;
    let algorithm = signature_algorithm(info, digest)?;
    // The signature covers the attributes as a SET OF, not with their [0] tag (section 5.4).
    let signed = Writer::build(|w| w.element(tag::SET, encoded));
    keys::verify(
        certificate.spki(),
        algorithm,
        &signed,
        info.signature,
        limits.legacy,
    )
    .map_err(|error| match error {
        KeyError::Algorithm => CmsError::Algorithm,
        other => CmsError::Signature(other),
    })?;

    let signing_time =
        value_of(&attributes, oid::SIGNING_TIME).and_then(|value| Reader::new(value).time().ok());
    let signer = VerifiedSigner {
        certificate,
        other_certificates,
        signing_time,
        content: data.content.map(<[u8]>::to_vec),
    };
    let attributes = attributes
        .into_iter()
        .map(|(kind, value)| (kind, value.to_vec()))
        .collect();
    Ok(VerifiedMessage {
        signer,
        digest,
        attributes,
    })
}

type Attributes<'a> = Vec<(ObjectIdentifier, &'a [u8])>;

/// Attributes with exactly one value each, none of them twice.
fn read_attributes(encoded: &[u8]) -> Result<Attributes<'_>, CmsError> {
    let mut set = Reader::new(encoded);
    let mut attributes = Attributes::new();
    while !set.is_empty() {
        let mut attribute = set.sequence()?;
        let kind = attribute.oid()?;
        let mut values = attribute.constructed(tag::SET)?;
        let value = values.element()?.raw;
        if attributes.len() == MAX_ATTRIBUTES || attributes.iter().any(|(k, _)| *k == kind) {
            return Err(CmsError::Attributes);
        }
        // Attributes with several values exist; the ones used here must have one.
        if values.is_empty() {
            attributes.push((kind, value));
        }
    }
    Ok(attributes)
}

fn value_of<'a>(attributes: &Attributes<'a>, kind: ObjectIdentifier) -> Option<&'a [u8]> {
    attributes
        .iter()
        .find(|(k, _)| *k == kind)
        .map(|(_, value)| *value)
}

fn check_attributes(
    attributes: &Attributes<'_>,
    content_type: ObjectIdentifier,
    digest: &[u8],
) -> Result<(), CmsError> {
    let claimed = value_of(attributes, oid::CONTENT_TYPE).ok_or(CmsError::Attributes)?;
    if Reader::new(claimed).oid()? != content_type {
        return Err(CmsError::Attributes);
    }
    let claimed = value_of(attributes, oid::MESSAGE_DIGEST).ok_or(CmsError::Attributes)?;
    if !token::equal(Reader::new(claimed).octet_string()?, digest) {
        return Err(CmsError::Digest);
    }
    Ok(())
}

fn split_certificates(
    data: &SignedData<'_>,
    info: &SignerInfo<'_>,
) -> Result<(Certificate, Vec<Certificate>), CmsError> {
    let mut others: Vec<Certificate> = data
        .certificates
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect();
    let position = others
        .iter()
        .position(|certificate| info.id.names(certificate));
    let certificate = others.remove(position.ok_or(CmsError::SignerCertificate)?);
    Ok((certificate, others))
}

/// The signature algorithm names the key type alone or the key type with a digest, which
/// must then be the digest of the signer.
fn signature_algorithm(
    info: &SignerInfo<'_>,
    digest: Digest,
) -> Result<SignatureAlgorithm, CmsError> {
    match info.signature_algorithm {
        kind if kind == oid::RSA_ENCRYPTION => Ok(SignatureAlgorithm::RsaPkcs1(digest)),
        kind if kind == oid::EC_PUBLIC_KEY => Ok(SignatureAlgorithm::Ecdsa(digest)),
        kind => SignatureAlgorithm::from_oid(kind)
            .filter(|algorithm| algorithm.digest() == digest)
            .ok_or(CmsError::Algorithm),
    }
}
