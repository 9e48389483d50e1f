//! Distinguished names (RFC 5280, section 4.1.2.4).

use std::fmt;

use const_oid::ObjectIdentifier;

use crate::{
    asn1::{Asn1Error, Reader, Writer, read, tag},
    oid::attribute,
};

/// Most attributes that a name may have.
const MAX_ATTRIBUTES: usize = 64;

/// A distinguished name with its received encoding.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name {
    der: Vec<u8>,
    attributes: Vec<(ObjectIdentifier, String)>,
}

impl Name {
    /// Starts an empty name.
    pub fn builder() -> NameBuilder {
        NameBuilder::default()
    }

    /// Reads a Name.
    ///
    /// # Errors
    /// When it is not the DER of a Name.
    pub fn from_der(der: &[u8]) -> Result<Self, Asn1Error> {
        let mut relative_names = Reader::only(der, tag::SEQUENCE)?;
        let mut attributes = Vec::new();
        while !relative_names.is_empty() {
            let mut set = relative_names.constructed(tag::SET)?;
            while !set.is_empty() {
                let mut pair = set.sequence()?;
                let kind = pair.oid()?;
                let value = read::text(pair.element()?).unwrap_or_default();
                if attributes.len() == MAX_ATTRIBUTES {
                    return Err(Asn1Error::Value("name: too many attributes"));
                }
                attributes.push((kind, value));
            }
        }
        Ok(Self {
            der: der.to_vec(),
            attributes,
        })
    }

    /// The encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Attribute types and values in order.
    pub fn attributes(&self) -> &[(ObjectIdentifier, String)] {
        &self.attributes
    }

    /// The first value of an attribute type; see [`crate::attribute`].
    pub fn first(&self, kind: ObjectIdentifier) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, value)| value.as_str())
    }

    /// The common name.
    pub fn common_name(&self) -> Option<&str> {
        self.first(attribute::COMMON_NAME)
    }

    /// The user id (UID); in a push certificate this is the topic.
    pub fn user_id(&self) -> Option<&str> {
        self.first(attribute::USER_ID)
    }

    /// Whether the name has no attributes.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// As text after RFC 4514: last attribute first, special characters escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, value)) in self.attributes.iter().rev().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match short_name(*kind) {
                Some(short) => f.write_str(short)?,
                None => write!(f, "{kind}")?,
            }
            f.write_str("=")?;
            for (position, c) in value.chars().enumerate() {
                let last = position + 1 == value.chars().count();
                if matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
                    || (position == 0 && matches!(c, '#' | ' '))
                    || (last && c == ' ')
                {
                    f.write_str("\\")?;
                }
                if c.is_control() {
                    let mut octets = [0; 4];
                    for octet in c.encode_utf8(&mut octets).bytes() {
                        write!(f, "\\{octet:02X}")?;
                    }
                } else {
                    write!(f, "{c}")?;
                }
            }
        }
        Ok(())
    }
}

/// Collects attributes for a [`Name`]; empty values are left out.
#[derive(Debug, Clone, Default)]
pub struct NameBuilder {
    attributes: Vec<(ObjectIdentifier, String)>,
}

impl NameBuilder {
    /// Adds an attribute of any type.
    #[must_use]
    pub fn attribute(mut self, kind: ObjectIdentifier, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.attributes.push((kind, value));
        }
        self
    }

    /// Adds the common name.
    #[must_use]
    pub fn common_name(self, value: impl Into<String>) -> Self {
        self.attribute(attribute::COMMON_NAME, value)
    }

    /// Adds the organization.
    #[must_use]
    pub fn organization(self, value: impl Into<String>) -> Self {
        self.attribute(attribute::ORGANIZATION, value)
    }

    /// Adds the two-letter country.
    #[must_use]
    pub fn country(self, value: impl Into<String>) -> Self {
        self.attribute(attribute::COUNTRY, value)
    }

    /// The finished name, one attribute in each relative name.
    pub fn build(self) -> Name {
        let der = Writer::build(|w| {
            w.sequence(|w| {
                for (kind, value) in &self.attributes {
                    w.constructed(tag::SET, |w| {
                        w.sequence(|w| {
                            w.oid(*kind);
                            w.element(string_tag(*kind, value), value.as_bytes());
                        });
                    });
                }
            });
        });
        Name {
            der,
            attributes: self.attributes,
        }
    }
}

/// RFC 5280, appendix A: country and serial number are PrintableString, mail addresses
/// and domain components IA5String, everything else, and what is not ASCII, UTF8String.
fn string_tag(kind: ObjectIdentifier, value: &str) -> u8 {
    if !value.is_ascii() {
        tag::UTF8_STRING
    } else if kind == attribute::COUNTRY || kind == attribute::SERIAL_NUMBER {
        tag::PRINTABLE_STRING
    } else if kind == attribute::EMAIL || kind == attribute::DOMAIN_COMPONENT {
        tag::IA5_STRING
    } else {
        tag::UTF8_STRING
    }
}

fn short_name(kind: ObjectIdentifier) -> Option<&'static str> {
    Some(match kind {
        k if k == attribute::COMMON_NAME => "CN",
        k if k == attribute::SERIAL_NUMBER => "serialNumber",
        k if k == attribute::COUNTRY => "C",
        k if k == attribute::LOCALITY => "L",
        k if k == attribute::STATE => "ST",
        k if k == attribute::ORGANIZATION => "O",
        k if k == attribute::ORGANIZATIONAL_UNIT => "OU",
        k if k == attribute::USER_ID => "UID",
        k if k == attribute::DOMAIN_COMPONENT => "DC",
        k if k == attribute::EMAIL => "emailAddress",
        _ => return None,
    })
}
