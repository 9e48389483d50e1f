//! Certification requests (PKCS#10, RFC 2986).

use crate::{
    Error, Result,
    der::{self, Element, bits, oid, sequence, set, tag, tlv},
    keys::{Digest, Key, verify},
};

const CHALLENGE_PASSWORD: &str = "1.2.840.113549.1.9.7";
const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";

/// Writes a request signed by `key`. `extensions` are whole DER extensions.
///
/// # Errors
/// When the key cannot sign.
pub fn write(
    key: &Key,
    subject: &[u8],
    challenge: Option<&str>,
    extensions: &[Vec<u8>],
) -> Result<Vec<u8>> {
    let mut attributes = Vec::new();
    if let Some(challenge) = challenge {
        let printable = challenge
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b));
        let value = if printable {
            der::printable(challenge)
        } else {
            der::utf8(challenge)
        };
        attributes.push(sequence(&[oid(CHALLENGE_PASSWORD), set(&[value])]));
    }
    if !extensions.is_empty() {
        attributes.push(sequence(&[
            oid(EXTENSION_REQUEST),
            set(&[sequence(extensions)]),
        ]));
    }
    attributes.sort();
    let info = sequence(&[
        der::integer(0),
        subject.to_vec(),
        key.spki().to_vec(),
        tlv(0xa0, &attributes.concat()),
    ]);
    let signature = key.sign(&info)?;
    Ok(sequence(&[
        info,
        key.signature_algorithm(),
        bits(&signature),
    ]))
}

/// A request as a certificate authority sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// DER name.
    pub subject: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    /// challengePassword.
    pub challenge: Option<String>,
}

/// Reads a request and verifies its signature.
///
/// # Errors
/// When the bytes are no request or the signature is wrong.
pub fn read(bytes: &[u8]) -> Result<Request> {
    let mut outer = Element::only(bytes)?.inside();
    let info = outer.expect(tag::SEQUENCE)?;
    let algorithm = outer.expect(tag::SEQUENCE)?.inside().next()?.oid()?;
    let signature = outer.next()?.bits()?;
    let mut parts = info.inside();
    parts.expect(tag::INTEGER)?;
    let subject = parts.expect(tag::SEQUENCE)?.raw.to_vec();
    let spki = parts.expect(tag::SEQUENCE)?.raw.to_vec();
    let digest = Digest::from_oid(&algorithm).ok_or(Error::Key("unknown signature algorithm"))?;
    verify(&spki, digest, info.raw, signature)?;
    let mut challenge = None;
    if let Some(attributes) = parts.optional(0xa0)? {
        let mut attributes = attributes.inside();
        while !attributes.is_empty() {
            let mut attribute = attributes.expect(tag::SEQUENCE)?.inside();
            if attribute.next()?.oid()? == CHALLENGE_PASSWORD {
                challenge = Some(
                    attribute
                        .expect(tag::SET)?
                        .inside()
                        .next()?
                        .text()?
                        .to_owned(),
                );
            }
        }
    }
    Ok(Request {
        subject,
        spki,
        challenge,
    })
}
