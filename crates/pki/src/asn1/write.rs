use const_oid::ObjectIdentifier;
use domain::Timestamp;

use super::tag;

/// Appends DER elements to a buffer. Constructed elements are written by closures and
/// get their length when the closure returns.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// The encoding that `write` produces.
    pub(crate) fn build(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        write(&mut writer);
        writer.out
    }

    /// Appends an already encoded element.
    pub(crate) fn raw(&mut self, der: &[u8]) {
        self.out.extend_from_slice(der);
    }

    pub(crate) fn element(&mut self, tag: u8, value: &[u8]) {
        self.out.push(tag);
        push_length(&mut self.out, value.len());
        self.out.extend_from_slice(value);
    }

    pub(crate) fn constructed(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.out.push(tag);
        let start = self.out.len();
        write(self);
        let length = self.out.len() - start;
        let mut header = Vec::with_capacity(5);
        push_length(&mut header, length);
        self.out.splice(start..start, header);
    }

    pub(crate) fn sequence(&mut self, write: impl FnOnce(&mut Self)) {
        self.constructed(tag::SEQUENCE, write);
    }

    /// SET OF: the elements are put into DER order (X.690, section 11.6).
    pub(crate) fn set_of(&mut self, tag: u8, mut elements: Vec<Vec<u8>>) {
        elements.sort();
        self.constructed(tag, |w| elements.iter().for_each(|element| w.raw(element)));
    }

    pub(crate) fn oid(&mut self, oid: ObjectIdentifier) {
        self.element(tag::OID, oid.as_bytes());
    }

    pub(crate) fn null(&mut self) {
        self.element(tag::NULL, &[]);
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.element(tag::BOOLEAN, &[if value { 0xff } else { 0 }]);
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.positive(&value.to_be_bytes());
    }

    /// A non-negative INTEGER from big-endian magnitude octets.
    pub(crate) fn positive(&mut self, magnitude: &[u8]) {
        let start = magnitude
            .iter()
            .position(|&b| b != 0)
            .unwrap_or(magnitude.len());
        let mut contents = Vec::with_capacity(magnitude.len() + 1);
        if magnitude.get(start).is_none_or(|&b| b & 0x80 != 0) {
            contents.push(0);
        }
        contents.extend_from_slice(&magnitude[start..]);
        self.element(tag::INTEGER, &contents);
    }

    pub(crate) fn octet_string(&mut self, value: &[u8]) {
        self.element(tag::OCTET_STRING, value);
    }

    /// A BIT STRING of whole octets.
    pub(crate) fn octet_aligned_bits(&mut self, value: &[u8]) {
        self.out.push(tag::BIT_STRING);
        push_length(&mut self.out, value.len() + 1);
        self.out.push(0);
        self.out.extend_from_slice(value);
    }

    /// A BIT STRING of named bits: bit 0 is the highest of the first octet, trailing
    /// zero bits are left out (X.690, section 11.2.2).
    pub(crate) fn named_bits(&mut self, bits: u16) {
        let octets = bits.to_be_bytes();
        let used = octets
            .iter()
            .rposition(|&b| b != 0)
            .map_or(0, |last| last + 1);
        let unused = if used == 0 {
            0
        } else {
            octets[used - 1].trailing_zeros()
        };
        let mut contents = vec![u8::try_from(unused).unwrap_or(0)];
        contents.extend_from_slice(&octets[..used]);
        self.element(tag::BIT_STRING, &contents);
    }

    pub(crate) fn utf8(&mut self, text: &str) {
        self.element(tag::UTF8_STRING, text.as_bytes());
    }

    /// UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280, section 4.1.2.5).
    pub(crate) fn time(&mut self, at: Timestamp) {
        let year = at.to_datetime().year();
        if (1950..2050).contains(&year) {
            self.element(tag::UTC_TIME, &digits(at)[2..]);
        } else {
            self.generalized_time(at);
        }
    }

    pub(crate) fn generalized_time(&mut self, at: Timestamp) {
        self.element(tag::GENERALIZED_TIME, &digits(at));
    }
}

fn digits(at: Timestamp) -> Vec<u8> {
    let at = at.to_datetime();
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
    .into_bytes()
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
        return;
    }
    let octets = length.to_be_bytes();
    let start = octets.iter().position(|&b| b != 0).unwrap_or(0);
    out.push(0x80 | u8::try_from(octets.len() - start).unwrap_or(0));
    out.extend_from_slice(&octets[start..]);
}
