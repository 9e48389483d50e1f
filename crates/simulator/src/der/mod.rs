//! A small DER writer and reader (X.690), enough for certificates, CMS and PKCS#10.

mod read;
mod time;
mod write;

pub use read::{Element, Reader};
pub use time::{civil, days_from_civil, parse_rfc3339, parse_time, rfc3339};
pub use write::{
    bits, boolean, explicit, generalized_time, ia5, implicit, integer, null, octets, oid,
    printable, sequence, set, set_of, time, tlv, unsigned, utf8,
};

/// Universal and context tags used here, as whole identifier octets.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BITS: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTETS: u8 = 0x04;
    /// NULL.
    pub const NULL: u8 = 0x05;
    /// OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// UTF8String.
    pub const UTF8: u8 = 0x0c;
    /// PrintableString.
    pub const PRINTABLE: u8 = 0x13;
    /// IA5String.
    pub const IA5: u8 = 0x16;
    /// UTCTime.
    pub const UTC_TIME: u8 = 0x17;
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// SET.
    pub const SET: u8 = 0x31;
}
