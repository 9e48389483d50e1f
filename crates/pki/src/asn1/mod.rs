//! A small DER reader and writer (ITU-T X.690).
//!
//! The reader borrows, never recurses and keeps the raw bytes of every element, so
//! that signatures are checked over what was received and not over a re-encoding.
//! Indefinite lengths are refused here; [`crate::cms::ber`] rewrites them first.

pub(crate) mod read;
mod write;

pub(crate) use read::Reader;
pub(crate) use write::Writer;

/// Why some bytes are not the DER that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Asn1Error {
    /// The input ends inside an element.
    #[error("the encoding is cut short")]
    Truncated,
    /// A length is indefinite, not minimal or too large.
    #[error("an element has a length that DER does not allow")]
    Length,
    /// Another element was expected at this place.
    #[error("unexpected element with tag {found:#04x}, expected {expected:#04x}")]
    Tag {
        /// Identifier octet that was wanted.
        expected: u8,
        /// Identifier octet that was read.
        found: u8,
    },
    /// The contents of an element break the rules of its type.
    #[error("invalid {0}")]
    Value(&'static str),
    /// Bytes follow the last element.
    #[error("unexpected bytes after the last element")]
    Trailing,
}

/// Identifier octets used by the formats of this crate.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const T61_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// Bit of the identifier octet that marks a constructed encoding.
    pub(crate) const CONSTRUCTED: u8 = 0x20;

    /// `[n]`, primitive (an IMPLICIT string type).
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[n]`, constructed (EXPLICIT, or an IMPLICIT sequence or set).
    pub(crate) const fn context_constructed(number: u8) -> u8 {
        0xa0 | number
    }
}
