//! Reading: one element after another, definite lengths only.

use super::tag;
use crate::{Error, Result};

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The content octets.
    pub content: &'a [u8],
    /// The whole element with identifier and length.
    pub raw: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads exactly one element that fills `bytes`.
    ///
    /// # Errors
    /// When `bytes` is cut short, has bytes left over or uses an indefinite length.
    pub fn only(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let element = reader.next()?;
        if reader.is_empty() {
            Ok(element)
        } else {
            Err(Error::Der("bytes after the element"))
        }
    }

    /// The elements inside.
    #[must_use]
    pub const fn inside(&self) -> Reader<'a> {
        Reader { rest: self.content }
    }

    /// Dotted numbers of an OBJECT IDENTIFIER.
    ///
    /// # Errors
    /// When this is not a well-formed object identifier.
    pub fn oid(&self) -> Result<String> {
        if self.tag != tag::OID || self.content.is_empty() {
            return Err(Error::Der("not an object identifier"));
        }
        let mut arcs = Vec::new();
        let mut arc: u64 = 0;
        for byte in self.content {
            if arc >> 57 != 0 {
                return Err(Error::Der("object identifier too large"));
            }
            arc = arc << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                if arcs.is_empty() {
                    let first = (arc / 40).min(2);
                    arcs.push(first);
                    arc -= first * 40;
                }
                arcs.push(arc);
                arc = 0;
            }
        }
        if self.content.last().is_some_and(|byte| byte & 0x80 != 0) {
            return Err(Error::Der("object identifier cut short"));
        }
        Ok(arcs
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join("."))
    }

    /// Bytes of a BIT STRING with no unused bits.
    ///
    /// # Errors
    /// When this is something else.
    pub fn bits(&self) -> Result<&'a [u8]> {
        match self.content.split_first() {
            Some((0, bytes)) if self.tag == tag::BITS => Ok(bytes),
            _ => Err(Error::Der("not a bit string of whole bytes")),
        }
    }

    /// Bytes of an INTEGER without the sign octet.
    ///
    /// # Errors
    /// When this is no integer or a negative one.
    pub fn unsigned(&self) -> Result<&'a [u8]> {
        match self.content {
            [0, rest @ ..] if self.tag == tag::INTEGER && !rest.is_empty() => Ok(rest),
            [first, ..] if self.tag == tag::INTEGER && first & 0x80 == 0 => Ok(self.content),
            _ => Err(Error::Der("not an unsigned integer")),
        }
    }

    /// Text of any of the ASCII-compatible string types.
    ///
    /// # Errors
    /// When the bytes are not UTF-8.
    pub fn text(&self) -> Result<&'a str> {
        std::str::from_utf8(self.content).map_err(|_| Error::Der("not text"))
    }
}

/// A cursor over consecutive elements.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True when nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element's identifier octet, if any.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element.
    ///
    /// # Errors
    /// When bytes are missing, the tag has more than one octet or the length is indefinite.
    #[expect(
        clippy::should_implement_trait,
        reason = "yields a Result and never ends an iteration silently"
    )]
    pub fn next(&mut self) -> Result<Element<'a>> {
        let [tag, first, ..] = *self.rest else {
            return Err(Error::Der("cut short"));
        };
        if tag & 0x1f == 0x1f {
            return Err(Error::Der("tag of several octets"));
        }
        let (header, length) = if first < 0x80 {
            (2, usize::from(first))
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return Err(Error::Der("indefinite or oversized length"));
            }
            let digits = self.rest.get(2..2 + count).ok_or(Error::Der("cut short"))?;
            (
                2 + count,
                digits
                    .iter()
                    .fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)),
            )
        };
        let raw = self
            .rest
            .get(..header + length)
            .ok_or(Error::Der("cut short"))?;
        self.rest = &self.rest[raw.len()..];
        Ok(Element {
            tag,
            content: &raw[header..],
            raw,
        })
    }

    /// The next element, which must have this identifier octet.
    ///
    /// # Errors
    /// As [`Reader::next`], and when the tag differs.
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>> {
        let element = self.next()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(Error::Der("unexpected tag"))
        }
    }

    /// The next element when it has this identifier octet.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>> {
        if self.peek() == Some(tag) {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{oid, sequence, unsigned, utf8};
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let bytes = sequence(&[
            oid("1.2.840.113549.1.7.2"),
            unsigned(&[0x80, 1]),
            utf8(&"é".repeat(200)),
        ]);
        let mut inside = Element::only(&bytes).unwrap().inside();
        assert_eq!(
            inside.next().unwrap().oid().unwrap(),
            "1.2.840.113549.1.7.2"
        );
        assert_eq!(inside.next().unwrap().unsigned().unwrap(), [0x80, 1]);
        assert_eq!(inside.next().unwrap().text().unwrap(), "é".repeat(200));
        assert!(inside.is_empty());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sequence(&[unsigned(&[1; 200])]);
        for cut in 0..bytes.len() {
            assert!(Element::only(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Element::only(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Element::only(&[0x30, 0x80, 0, 0]).is_err());
    }
}
