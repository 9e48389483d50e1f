//! Reading and verifying SignedData.

use super::{CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA};
use crate::{
    Error, Result,
    der::{Element, Reader, tag},
    keys::{Digest, verify},
    x509::Certificate,
};

/// A parsed SignedData.
#[derive(Debug, Clone)]
pub struct SignedData {
    /// The content, unless detached.
    pub content: Option<Vec<u8>>,
    /// The embedded certificates.
    pub certificates: Vec<Certificate>,
    content_type: String,
    signers: Vec<Signer>,
}

#[derive(Debug, Clone)]
struct Signer {
    /// Issuer and serial number, or subject key identifier.
    issuer_serial: Option<(Vec<u8>, Vec<u8>)>,
    key_id: Option<Vec<u8>>,
    digest: Digest,
    /// Re-tagged as SET, as signed.
    signed_attributes: Vec<u8>,
    signature: Vec<u8>,
}

/// The one signature of a message, after all its checks.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who signed.
    pub signer: Certificate,
    attributes: Vec<(String, Vec<u8>)>,
}

impl Verified {
    /// The content octets of a signed attribute's single value.
    #[must_use]
    pub fn attribute(&self, id: &str) -> Option<&[u8]> {
        let raw = self
            .attributes
            .iter()
            .find(|(found, _)| found == id)
            .map(|(_, raw)| raw)?;
        Element::only(raw).ok().map(|element| element.content)
    }
}

impl SignedData {
    /// Reads a DER ContentInfo with SignedData inside.
    ///
    /// # Errors
    /// When the bytes hold something else.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut outer = Element::only(bytes)?.inside();
        if outer.next()?.oid()? != SIGNED_DATA {
            return Err(Error::Cms("not SignedData".into()));
        }
        let mut parts = outer.expect(0xa0)?.inside().expect(tag::SEQUENCE)?.inside();
        parts.expect(tag::INTEGER)?;
        parts.expect(tag::SET)?;
        let mut encapsulated = parts.expect(tag::SEQUENCE)?.inside();
        let content_type = encapsulated.next()?.oid()?;
        let content = match encapsulated.optional(0xa0)? {
            Some(wrapper) => Some(wrapper.inside().expect(tag::OCTETS)?.content.to_vec()),
            None => None,
        };
        let mut certificates = Vec::new();
        if let Some(list) = parts.optional(0xa0)? {
            let mut list = list.inside();
            while !list.is_empty() {
                certificates.push(Certificate::parse(list.next()?.raw)?);
            }
        }
        parts.optional(0xa1)?;
        let mut list = parts.expect(tag::SET)?.inside();
        let mut signers = Vec::new();
        while !list.is_empty() {
            signers.push(Signer::read(list.expect(tag::SEQUENCE)?.inside())?);
        }
        Ok(Self {
            content,
            certificates,
            content_type,
            signers,
        })
    }

    /// Verifies the single signature over the attached content, or `detached`.
    ///
    /// # Errors
    /// When there is not exactly one signer, its certificate is missing, or a digest, attribute or
    /// signature is wrong.
    pub fn verify(&self, detached: Option<&[u8]>) -> Result<Verified> {
        let bad = |why: &str| Error::Cms(why.to_owned());
        let [signer] = self.signers.as_slice() else {
            return Err(bad("not exactly one signer"));
        };
        let content = match (&self.content, detached) {
            (Some(attached), None) => attached.as_slice(),
            (None, Some(detached)) => detached,
            (Some(_), Some(_)) => return Err(bad("content both attached and detached")),
            (None, None) => return Err(bad("no content")),
        };
        let certificate = self
            .certificates
            .iter()
            .find(|c| signer.is(c))
            .ok_or_else(|| bad("no signer certificate"))?;
        let attributes = read_attributes(&signer.signed_attributes)?;
        let value = |id: &str| {
            attributes
                .iter()
                .find(|(found, _)| found == id)
                .map(|(_, raw)| raw.as_slice())
        };
        let digest = value(MESSAGE_DIGEST).ok_or_else(|| bad("no messageDigest"))?;
        if Element::only(digest)?.content != signer.digest.of(content) {
            return Err(bad("messageDigest is not the content's"));
        }
        let kind = value(CONTENT_TYPE).ok_or_else(|| bad("no contentType"))?;
        if Element::only(kind)?.oid()? != self.content_type {
            return Err(bad("contentType is not the content's"));
        }
        verify(
            &certificate.spki,
            signer.digest,
            &signer.signed_attributes,
            &signer.signature,
        )?;
        Ok(Verified {
            signer: certificate.clone(),
            attributes,
        })
    }
}

impl Signer {
    fn read(mut parts: Reader<'_>) -> Result<Self> {
        parts.expect(tag::INTEGER)?;
        let (mut issuer_serial, mut key_id) = (None, None);
        let id = parts.next()?;
        if id.tag == tag::SEQUENCE {
            let mut pair = id.inside();
            issuer_serial = Some((pair.next()?.raw.to_vec(), pair.next()?.unsigned()?.to_vec()));
        } else {
            key_id = Some(id.content.to_vec());
        }
        let digest = parts.expect(tag::SEQUENCE)?.inside().next()?.oid()?;
        let digest = Digest::from_oid(&digest)
            .ok_or_else(|| Error::Cms(format!("unknown digest {digest}")))?;
        let attributes = parts
            .expect(0xa0)
            .map_err(|_| Error::Cms("no signed attributes".into()))?;
        let mut signed_attributes = attributes.raw.to_vec();
        signed_attributes[0] = tag::SET;
        parts.expect(tag::SEQUENCE)?;
        let signature = parts.expect(tag::OCTETS)?.content.to_vec();
        Ok(Self {
            issuer_serial,
            key_id,
            digest,
            signed_attributes,
            signature,
        })
    }

    fn is(&self, certificate: &Certificate) -> bool {
        if let Some((issuer, serial)) = &self.issuer_serial {
            return *issuer == certificate.issuer && *serial == certificate.serial;
        }
        let subject_key = certificate
            .extensions
            .iter()
            .find(|(id, _)| id == "2.5.29.14")
            .map(|(_, value)| value);
        let own = subject_key
            .and_then(|value| Element::only(value).ok())
            .map(|element| element.content);
        own.is_some() && own == self.key_id.as_deref()
    }
}

fn read_attributes(set: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut list = Element::only(set)?.inside();
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    while !list.is_empty() {
        let mut pair = list.expect(tag::SEQUENCE)?.inside();
        let id = pair.next()?.oid()?;
        let mut values = pair.expect(tag::SET)?.inside();
        let value = values.next()?.raw.to_vec();
        if !values.is_empty() || found.iter().any(|(other, _)| *other == id) {
            return Err(Error::Cms(format!("attribute {id} has several values")));
        }
        found.push((id, value));
    }
    Ok(found)
}
