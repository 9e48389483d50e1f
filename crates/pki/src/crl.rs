//! Certificate revocation lists, version 2 (RFC 5280, section 5).

use domain::Timestamp;

use crate::{
    Certificate, CertificateError, KeyError, Legacy, Name, RevocationReason, Revoked,
    asn1::{Asn1Error, Reader, Writer, tag},
    ca::{Authority, build::authority_key_id},
    keys::{self, SignatureAlgorithm},
    oid,
};

/// Largest list that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Number and dates of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// CRL number; grows with every list.
    pub number: u64,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one will be there at the latest.
    pub next_update: Timestamp,
}

/// Makes a complete list (DER) of an authority, also with 100,000 entries.
///
/// # Errors
/// When the key cannot sign.
pub fn build(
    authority: &Authority,
    issue: &Issue,
    revoked: &[Revoked],
) -> Result<Vec<u8>, KeyError> {
    let algorithm = authority.signer().signature_algorithm();
    let list = Writer::build(|w| {
        w.sequence(|w| {
            w.unsigned(1);
            algorithm.write(w);
            w.raw(authority.certificate().subject().der());
            w.time(issue.this_update);
            w.time(issue.next_update);
            // The list of entries must be absent when it would be empty (section 5.1.2.6).
            if !revoked.is_empty() {
                w.sequence(|w| revoked.iter().for_each(|entry| write_entry(w, entry)));
            }
            w.constructed(tag::context_constructed(0), |w| {
                w.sequence(|w| {
                    let key_id = authority_key_id(authority.certificate());
                    write_extension(w, oid::AUTHORITY_KEY_ID, &key_id);
                    let number = Writer::build(|w| w.unsigned(issue.number));
                    write_extension(w, oid::CRL_NUMBER, &number);
                });
            });
        });
    });
    let signature = authority.signer().sign(&list)?;
    Ok(Writer::build(|w| {
        w.sequence(|w| {
            w.raw(&list);
            algorithm.write(w);
            w.octet_aligned_bits(&signature);
        });
    }))
}

/// A received list.
#[derive(Debug, Clone)]
pub struct Crl {
    signed: Vec<u8>,
    algorithm: Option<SignatureAlgorithm>,
    signature: Vec<u8>,
    issuer: Name,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    number: Option<Vec<u8>>,
    revoked: Vec<Revoked>,
}

impl Crl {
    /// Reads a DER list of at most 64 MiB.
    ///
    /// # Errors
    /// When it is malformed or too large.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_BYTES {
            return Err(CertificateError::TooLarge);
        }
        let mut outer = Reader::only(der, tag::SEQUENCE)?;
        let signed = outer.expect(tag::SEQUENCE)?;
        let (algorithm, _) = keys::read_algorithm(&mut outer)?;
        let signature = outer.octet_aligned_bits()?.to_vec();
        outer.finish()?;

        let mut list = signed.reader();
        list.optional(tag::INTEGER)?;
        list.sequence()?;
        let issuer = Name::from_der(list.expect(tag::SEQUENCE)?.raw)?;
        let this_update = list.time()?;
        let next_update = match list.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(list.time()?),
            _ => None,
        };
        let mut revoked = Vec::new();
        if let Some(entries) = list.optional(tag::SEQUENCE)? {
            let mut entries = entries.reader();
            while !entries.is_empty() {
                revoked.push(read_entry(entries.sequence()?)?);
            }
        }
        let mut number = None;
        if let Some(wrapper) = list.optional(tag::context_constructed(0))? {
            each_extension(wrapper.reader().sequence()?, |kind, value| {
                if kind == oid::CRL_NUMBER {
                    number = Some(Reader::new(value).integer()?.to_vec());
                }
                Ok(())
            })?;
        }
        Ok(Self {
            signed: signed.raw.to_vec(),
            algorithm: SignatureAlgorithm::from_oid(algorithm),
            signature,
            issuer,
            this_update,
            next_update,
            number,
            revoked,
        })
    }

    /// Checks that `issuer` made the list.
    ///
    /// # Errors
    /// [`CertificateError::NotAnIssuer`] or [`CertificateError::Signature`].
    pub fn verify(&self, issuer: &Certificate, legacy: Legacy) -> Result<(), CertificateError> {
        let may_sign = issuer.key_usage().is_none_or(|usage| usage.crl_sign());
        if self.issuer != *issuer.subject() || !may_sign {
            return Err(CertificateError::NotAnIssuer(issuer.subject().to_string()));
        }
        let algorithm = self.algorithm.ok_or(KeyError::Algorithm)?;
        keys::verify(
            issuer.spki(),
            algorithm,
            &self.signed,
            &self.signature,
            legacy,
        )?;
        Ok(())
    }

    /// Who made it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// When it was made.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When the next one is due.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// Contents octets of the CRL number.
    pub fn number(&self) -> Option<&[u8]> {
        self.number.as_deref()
    }

    /// The entries, in the order of the list.
    pub fn revoked(&self) -> &[Revoked] {
        &self.revoked
    }
}

fn write_entry(w: &mut Writer, entry: &Revoked) {
    w.sequence(|w| {
        w.element(tag::INTEGER, &entry.serial);
        w.time(entry.at);
        // "unspecified" is said by leaving the reason out (section 5.3.1).
        if let Some(reason) = entry.reason.filter(|r| *r != RevocationReason::Unspecified) {
            w.sequence(|w| {
                write_extension(w, oid::CRL_REASON, &[tag::ENUMERATED, 1, reason.code()])
            });
        }
    });
}

fn write_extension(w: &mut Writer, kind: const_oid::ObjectIdentifier, value: &[u8]) {
    w.sequence(|w| {
        w.oid(kind);
        w.octet_string(value);
    });
}

fn read_entry(mut entry: Reader<'_>) -> Result<Revoked, Asn1Error> {
    let serial = entry.integer()?.to_vec();
    let at = entry.time()?;
    let mut reason = None;
    if let Some(extensions) = entry.optional(tag::SEQUENCE)? {
        each_extension(extensions.reader(), |kind, value| {
            if kind == oid::CRL_REASON
                && let [code] = Reader::new(value).expect(tag::ENUMERATED)?.value
            {
                reason = RevocationReason::from_code(*code);
            }
            Ok(())
        })?;
    }
    Ok(Revoked { serial, at, reason })
}

fn each_extension(
    mut extensions: Reader<'_>,
    mut visit: impl FnMut(const_oid::ObjectIdentifier, &[u8]) -> Result<(), Asn1Error>,
) -> Result<(), Asn1Error> {
    while !extensions.is_empty() {
        let mut extension = extensions.sequence()?;
        let kind = extension.oid()?;
        extension.optional(tag::BOOLEAN)?;
        visit(kind, extension.octet_string()?)?;
    }
    Ok(())
}
