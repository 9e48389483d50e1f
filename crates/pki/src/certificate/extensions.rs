use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use const_oid::ObjectIdentifier;

use crate::{
    asn1::{Asn1Error, Reader, Writer, read, tag},
    oid,
};

const MAX_EXTENSIONS: usize = 100;
const MAX_ALTERNATIVE_NAMES: usize = 1000;

/// A subject alternative name (RFC 5280, section 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlternativeName {
    /// rfc822Name.
    Email(String),
    /// dNSName.
    Dns(String),
    /// uniformResourceIdentifier.
    Uri(String),
    /// iPAddress.
    Ip(IpAddr),
}

/// Key usage bits (RFC 5280, section 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// Bit 0 is the highest, as in the BIT STRING.
    bits: u16,
}

impl KeyUsage {
    pub(crate) const DIGITAL_SIGNATURE: u16 = 0x8000;
    pub(crate) const KEY_ENCIPHERMENT: u16 = 0x2000;
    pub(crate) const KEY_AGREEMENT: u16 = 0x0800;
    pub(crate) const KEY_CERT_SIGN: u16 = 0x0400;
    pub(crate) const CRL_SIGN: u16 = 0x0200;

    /// May sign other things than certificates and CRLs.
    pub const fn digital_signature(self) -> bool {
        self.bits & Self::DIGITAL_SIGNATURE != 0
    }

    /// May receive keys encrypted to it.
    pub const fn key_encipherment(self) -> bool {
        self.bits & Self::KEY_ENCIPHERMENT != 0
    }

    /// May agree on keys.
    pub const fn key_agreement(self) -> bool {
        self.bits & Self::KEY_AGREEMENT != 0
    }

    /// May sign certificates.
    pub const fn key_cert_sign(self) -> bool {
        self.bits & Self::KEY_CERT_SIGN != 0
    }

    /// May sign CRLs.
    pub const fn crl_sign(self) -> bool {
        self.bits & Self::CRL_SIGN != 0
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    pub(super) raw: Vec<(ObjectIdentifier, Vec<u8>)>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<Vec<ObjectIdentifier>>,
    pub(super) alternative_names: Vec<AlternativeName>,
    pub(super) is_ca: bool,
    pub(super) path_length: Option<u64>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) unknown_critical: Option<ObjectIdentifier>,
}

impl Extensions {
    /// Reads the contents of the `[3]` wrapper of a TBSCertificate.
    pub(super) fn read(mut wrapper: Reader<'_>) -> Result<Self, Asn1Error> {
        let mut list = wrapper.sequence()?;
        let mut extensions = Self::default();
        while !list.is_empty() {
            let mut extension = list.sequence()?;
            let kind = extension.oid()?;
            let critical = extension.peek() == Some(tag::BOOLEAN) && extension.boolean()?;
            let value = extension.octet_string()?;
            // One kind twice would leave open which one counts (RFC 5280, section 4.2).
            if extensions.raw.iter().any(|(k, _)| *k == kind)
                || extensions.raw.len() == MAX_EXTENSIONS
            {
                return Err(Asn1Error::Value("extensions"));
            }
            extensions.raw.push((kind, value.to_vec()));
            let understood = extensions.interpret(kind, value)?;
            if critical && !understood && extensions.unknown_critical.is_none() {
                extensions.unknown_critical = Some(kind);
            }
        }
        Ok(extensions)
    }

    fn interpret(&mut self, kind: ObjectIdentifier, value: &[u8]) -> Result<bool, Asn1Error> {
        let mut reader = Reader::new(value);
        match kind {
            k if k == oid::KEY_USAGE => {
                let contents = reader.expect(tag::BIT_STRING)?.value;
                let octet = |index: usize| contents.get(index).copied().unwrap_or(0);
                self.key_usage = Some(KeyUsage {
                    bits: u16::from_be_bytes([octet(1), octet(2)]),
                });
            }
            k if k == oid::EXTENDED_KEY_USAGE => {
                let mut list = reader.sequence()?;
                let mut uses = Vec::new();
                while !list.is_empty() && uses.len() < MAX_EXTENSIONS {
                    uses.push(list.oid()?);
                }
                self.extended_key_usage = Some(uses);
            }
            k if k == oid::SUBJECT_ALT_NAME => {
                self.alternative_names = read_alternative_names(value)?
            }
            k if k == oid::BASIC_CONSTRAINTS => {
                let mut constraints = reader.sequence()?;
                self.is_ca = constraints.peek() == Some(tag::BOOLEAN) && constraints.boolean()?;
                self.path_length = match constraints.optional(tag::INTEGER)? {
                    Some(length) => Some(read::unsigned(length)?),
                    None => None,
                };
            }
            k if k == oid::SUBJECT_KEY_ID => {
                self.subject_key_id = Some(reader.octet_string()?.to_vec());
            }
            k if k == oid::AUTHORITY_KEY_ID => {
                let key_id = reader.sequence()?.optional(tag::context(0))?;
                self.authority_key_id = key_id.map(|element| element.value.to_vec());
            }
            // Policies carry no constraint that a path of ours could break.
            k if k == oid::CERTIFICATE_POLICIES => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Reads GeneralNames; kinds other than those of [`AlternativeName`] are skipped.
pub(crate) fn read_alternative_names(der: &[u8]) -> Result<Vec<AlternativeName>, Asn1Error> {
    let mut list = Reader::only(der, tag::SEQUENCE)?;
    let mut names = Vec::new();
    while !list.is_empty() && names.len() < MAX_ALTERNATIVE_NAMES {
        let element = list.element()?;
        let text = || String::from_utf8_lossy(element.value).into_owned();
        let name = match element.tag & 0x1f {
            1 => Some(AlternativeName::Email(text())),
            2 => Some(AlternativeName::Dns(text())),
            6 => Some(AlternativeName::Uri(text())),
            7 => <[u8; 4]>::try_from(element.value)
                .map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))
                .or_else(|_| {
                    <[u8; 16]>::try_from(element.value).map(|o| IpAddr::V6(Ipv6Addr::from(o)))
                })
                .map(AlternativeName::Ip)
                .ok(),
            _ => None,
        };
        names.extend(name);
    }
    Ok(names)
}

/// Writes GeneralNames.
pub(crate) fn write_alternative_names(w: &mut Writer, names: &[AlternativeName]) {
    w.sequence(|w| {
        for name in names {
            match name {
                AlternativeName::Email(text) => w.element(tag::context(1), text.as_bytes()),
                AlternativeName::Dns(text) => w.element(tag::context(2), text.as_bytes()),
                AlternativeName::Uri(text) => w.element(tag::context(6), text.as_bytes()),
                AlternativeName::Ip(IpAddr::V4(ip)) => w.element(tag::context(7), &ip.octets()),
                AlternativeName::Ip(IpAddr::V6(ip)) => w.element(tag::context(7), &ip.octets()),
            }
        }
    });
}
