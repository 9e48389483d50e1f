//! Certificates (RFC 5280): reading, and writing the throw-away ones.

use crate::{
    Error, Result,
    der::{
        self, Element, Reader, bits, boolean, explicit, octets, oid, parse_time, sequence, set,
        tag, tlv, unsigned,
    },
    keys::{Digest, Key, verify},
    pem,
};

/// Attribute types of names.
pub mod attribute {
    /// Country.
    pub const C: &str = "2.5.4.6";
    /// State or province.
    pub const ST: &str = "2.5.4.8";
    /// Locality.
    pub const L: &str = "2.5.4.7";
    /// Organization.
    pub const O: &str = "2.5.4.10";
    /// Organizational unit.
    pub const OU: &str = "2.5.4.11";
    /// Common name.
    pub const CN: &str = "2.5.4.3";
    /// User identifier: the push topic in push certificates.
    pub const UID: &str = "0.9.2342.19200300.100.1.1";
}

/// Bits of the key usage extension, as the first octet has them.
pub mod usage {
    /// digitalSignature.
    pub const DIGITAL_SIGNATURE: u8 = 0x80;
    /// keyEncipherment.
    pub const KEY_ENCIPHERMENT: u8 = 0x20;
    /// keyCertSign.
    pub const KEY_CERT_SIGN: u8 = 0x04;
    /// cRLSign.
    pub const CRL_SIGN: u8 = 0x02;
}

/// A parsed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The whole certificate.
    pub der: Vec<u8>,
    /// Serial number without sign octet.
    pub serial: Vec<u8>,
    /// Issuer name, DER.
    pub issuer: Vec<u8>,
    /// Subject name, DER.
    pub subject: Vec<u8>,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    /// Basic constraints say CA.
    pub is_ca: bool,
    /// First octet of the key usage, when the extension is there.
    pub key_usage: Option<u8>,
    /// Extensions: object identifier and content of the octet string.
    pub extensions: Vec<(String, Vec<u8>)>,
    tbs: Vec<u8>,
    signature_oid: String,
    signature: Vec<u8>,
}

impl Certificate {
    /// Reads one certificate.
    ///
    /// # Errors
    /// When the bytes are no certificate.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut outer = Element::only(bytes)?.inside();
        let tbs = outer.expect(tag::SEQUENCE)?;
        let signature_oid = outer.expect(tag::SEQUENCE)?.inside().next()?.oid()?;
        let signature = outer.next()?.bits()?.to_vec();
        let mut inner = tbs.inside();
        inner.optional(0xa0)?;
        let serial = inner.expect(tag::INTEGER)?.unsigned()?.to_vec();
        inner.expect(tag::SEQUENCE)?;
        let issuer = inner.expect(tag::SEQUENCE)?.raw.to_vec();
        let mut validity = inner.expect(tag::SEQUENCE)?.inside();
        let (not_before, not_after) = (
            parse_time(&validity.next()?)?,
            parse_time(&validity.next()?)?,
        );
        let subject = inner.expect(tag::SEQUENCE)?.raw.to_vec();
        let spki = inner.expect(tag::SEQUENCE)?.raw.to_vec();
        inner.optional(0x81)?;
        inner.optional(0x82)?;
        let extensions = match inner.optional(0xa3)? {
            Some(wrapper) => read_extensions(wrapper.inside().expect(tag::SEQUENCE)?.inside())?,
            None => Vec::new(),
        };
        let find = |wanted: &str| {
            extensions
                .iter()
                .find(|(id, _)| id == wanted)
                .map(|(_, value)| value.as_slice())
        };
        let is_ca = match find("2.5.29.19") {
            Some(value) => Element::only(value)?
                .inside()
                .optional(tag::BOOLEAN)?
                .is_some_and(|flag| flag.content == [0xff]),
            None => false,
        };
        let key_usage = match find("2.5.29.15") {
            Some(value) => Element::only(value)?.content.get(1).copied(),
            None => None,
        };
        Ok(Self {
            der: bytes.to_vec(),
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            spki,
            is_ca,
            key_usage,
            tbs: tbs.raw.to_vec(),
            signature_oid,
            signature,
            extensions,
        })
    }

    /// All certificates of a PEM text.
    ///
    /// # Errors
    /// When the text holds none or a malformed one.
    pub fn from_pem(text: &str) -> Result<Vec<Self>> {
        let found: Vec<_> = pem::decode("CERTIFICATE", text)?
            .iter()
            .map(|der| Self::parse(der))
            .collect::<Result<_>>()?;
        if found.is_empty() {
            Err(Error::Certificate("no certificate in the PEM text".into()))
        } else {
            Ok(found)
        }
    }

    /// PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// First value of a subject attribute.
    #[must_use]
    pub fn subject_attribute(&self, wanted: &str) -> Option<String> {
        name_attribute(&self.subject, wanted)
    }

    /// Checks issuer name and signature against the issuer's certificate.
    ///
    /// # Errors
    /// When either does not fit.
    pub fn issued_by(&self, issuer: &Self) -> Result<()> {
        if self.issuer != issuer.subject {
            return Err(Error::Certificate("another issuer".into()));
        }
        let digest = Digest::from_oid(&self.signature_oid).ok_or_else(|| {
            Error::Certificate(format!(
                "unknown signature algorithm {}",
                self.signature_oid
            ))
        })?;
        verify(&issuer.spki, digest, &self.tbs, &self.signature)
    }

    /// True when a chain of at most five certificates leads from here to one of `anchors`.
    #[must_use]
    pub fn chains_to(&self, anchors: &[Self], intermediates: &[Self]) -> bool {
        self.chains(anchors, intermediates, 5)
    }

    fn chains(&self, anchors: &[Self], intermediates: &[Self], depth: u8) -> bool {
        anchors
            .iter()
            .any(|anchor| anchor.der == self.der || self.issued_by(anchor).is_ok())
            || (depth > 0
                && intermediates.iter().any(|next| {
                    next.is_ca
                        && next.der != self.der
                        && self.issued_by(next).is_ok()
                        && next.chains(anchors, intermediates, depth - 1)
                }))
    }
}

fn read_extensions(mut list: Reader<'_>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut parts = list.expect(tag::SEQUENCE)?.inside();
        let id = parts.next()?.oid()?;
        parts.optional(tag::BOOLEAN)?;
        found.push((id, parts.expect(tag::OCTETS)?.content.to_vec()));
    }
    Ok(found)
}

/// First value of an attribute in a DER name.
#[must_use]
pub fn name_attribute(name: &[u8], wanted: &str) -> Option<String> {
    let mut sets = Element::only(name).ok()?.inside();
    while let Ok(set) = sets.next() {
        let mut pairs = set.inside();
        while let Ok(pair) = pairs.next() {
            let mut pair = pair.inside();
            if pair.next().ok()?.oid().ok()? == wanted {
                return pair.next().ok()?.text().ok().map(str::to_owned);
            }
        }
    }
    None
}

/// A DER name of one attribute per set, UTF-8 but for country.
#[must_use]
pub fn name(attributes: &[(&str, &str)]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = attributes
        .iter()
        .map(|(id, value)| {
            let text = if *id == attribute::C {
                der::printable(value)
            } else {
                der::utf8(value)
            };
            set(&[sequence(&[oid(id), text])])
        })
        .collect();
    sequence(&sets)
}

/// One extension. `value` is the DER inside the octet string.
#[must_use]
pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    if critical {
        sequence(&[oid(id), boolean(true), octets(value)])
    } else {
        sequence(&[oid(id), octets(value)])
    }
}

/// Key usage with the bits of [`usage`].
#[must_use]
pub fn key_usage(flags: u8) -> Vec<u8> {
    extension(
        "2.5.29.15",
        true,
        &tlv(tag::BITS, &[flags.trailing_zeros().min(7) as u8, flags]),
    )
}

/// Basic constraints of a CA.
#[must_use]
pub fn certificate_authority() -> Vec<u8> {
    extension("2.5.29.19", true, &sequence(&[boolean(true)]))
}

/// Extended key usage from dotted purposes.
#[must_use]
pub fn extended_key_usage(purposes: &[&str]) -> Vec<u8> {
    let purposes: Vec<Vec<u8>> = purposes.iter().map(|purpose| oid(purpose)).collect();
    extension("2.5.29.37", false, &sequence(&purposes))
}

/// Subject alternative names from DER general names.
#[must_use]
pub fn alternative_names(names: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.17", false, &sequence(names))
}

/// SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1).
fn key_identifier(spki: &[u8]) -> Result<Vec<u8>> {
    let mut parts = Element::only(spki)?.inside();
    parts.next()?;
    Ok(Digest::Sha1.of(parts.next()?.bits()?))
}

/// What a certificate says, before it is signed.
#[derive(Debug, Clone)]
pub struct Template {
    /// Serial number, unsigned.
    pub serial: Vec<u8>,
    /// DER name.
    pub subject: Vec<u8>,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// Public key.
    pub spki: Vec<u8>,
    /// Whole DER extensions, without key identifiers.
    pub extensions: Vec<Vec<u8>>,
}

impl Template {
    /// Signs under the issuer's name, with both key identifiers added; self-signed when that is the
    /// subject and its key.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, issuer: &[u8], key: &Key) -> Result<Certificate> {
        let algorithm = key.signature_algorithm();
        let mut parts = vec![
            explicit(0, &der::integer(2)),
            unsigned(&self.serial),
            algorithm.clone(),
            issuer.to_vec(),
            sequence(&[der::time(self.not_before), der::time(self.not_after)]),
            self.subject.clone(),
            self.spki.clone(),
        ];
        let mut extensions = self.extensions.clone();
        extensions.push(extension(
            "2.5.29.14",
            false,
            &octets(&key_identifier(&self.spki)?),
        ));
        extensions.push(extension(
            "2.5.29.35",
            false,
            &sequence(&[der::implicit(0, &key_identifier(key.spki())?)]),
        ));
        parts.push(explicit(3, &sequence(&extensions)));
        let tbs = sequence(&parts);
        let signature = key.sign(&tbs)?;
        Certificate::parse(&sequence(&[tbs, algorithm, bits(&signature)]))
    }
}
