//! Rewrites BER as DER-like encodings: definite, shortest lengths, and octet strings that
//! came in pieces put together.
//!
//! Apple's and OpenSSL's streaming encoders write indefinite lengths. The order of sets is
//! kept, because signatures are made over the order that was sent.

use crate::asn1::{Asn1Error, tag};

/// Deepest nesting that is followed.
pub const MAX_DEPTH: usize = 32;

/// The same value with definite lengths.
///
/// `[n]` elements stay as they are: whether their pieces form one string depends on the
/// type behind the tag, and the reader of that type knows.
///
/// # Errors
/// When the input is not BER, is nested deeper than [`MAX_DEPTH`], or has bytes after the
/// first element.
pub fn normalize(input: &[u8]) -> Result<Vec<u8>, Asn1Error> {
    let mut cursor = Cursor {
        input,
        at: 0,
        out: Vec::with_capacity(input.len()),
    };
    cursor.copy_element(input.len(), MAX_DEPTH)?;
    if cursor.at == input.len() {
        Ok(cursor.out)
    } else {
        Err(Asn1Error::Trailing)
    }
}

struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

/// Where the contents of an element end.
#[derive(Clone, Copy)]
enum End {
    At(usize),
    /// At the end-of-contents octets, which must come before this position.
    Marked(usize),
}

impl Cursor<'_> {
    fn copy_element(&mut self, limit: usize, depth: usize) -> Result<(), Asn1Error> {
        let identifier = self.octet(limit)?;
        let end = self.length(identifier, limit)?;
        if identifier & tag::CONSTRUCTED == 0 {
            let End::At(end) = end else {
                return Err(Asn1Error::Length);
            };
            return self.copy_primitive(identifier, end);
        }
        let depth = depth
            .checked_sub(1)
            .ok_or(Asn1Error::Value("nesting: too deep"))?;
        let start = self.out.len();
        if identifier == tag::OCTET_STRING | tag::CONSTRUCTED {
            self.join_octets(end, depth)?;
            self.insert_header(tag::OCTET_STRING, start);
        } else {
            while self.more(end)? {
                self.copy_element(end.limit(), depth)?;
            }
            self.insert_header(identifier, start);
        }
        Ok(())
    }

    fn join_octets(&mut self, end: End, depth: usize) -> Result<(), Asn1Error> {
        let depth = depth
            .checked_sub(1)
            .ok_or(Asn1Error::Value("nesting: too deep"))?;
        while self.more(end)? {
            let identifier = self.octet(end.limit())?;
            let inner = self.length(identifier, end.limit())?;
            match (identifier, inner) {
                (tag::OCTET_STRING, End::At(inner)) => {
                    self.out.extend_from_slice(&self.input[self.at..inner]);
                    self.at = inner;
                }
                (found, inner) if found == tag::OCTET_STRING | tag::CONSTRUCTED => {
                    self.join_octets(inner, depth)?;
                }
                (found, _) => {
                    return Err(Asn1Error::Tag {
                        expected: tag::OCTET_STRING,
                        found,
                    });
                }
            }
        }
        Ok(())
    }

    fn copy_primitive(&mut self, identifier: u8, end: usize) -> Result<(), Asn1Error> {
        let start = self.out.len();
        self.out.extend_from_slice(&self.input[self.at..end]);
        self.at = end;
        self.insert_header(identifier, start);
        Ok(())
    }

    /// Whether another element follows; consumes end-of-contents octets.
    fn more(&mut self, end: End) -> Result<bool, Asn1Error> {
        match end {
            End::At(end) => Ok(self.at < end),
            End::Marked(limit) => {
                let next = self.input.get(self.at..limit).ok_or(Asn1Error::Truncated)?;
                match next {
                    [0, 0, ..] => {
                        self.at += 2;
                        Ok(false)
                    }
                    [] | [0] => Err(Asn1Error::Truncated),
                    _ => Ok(true),
                }
            }
        }
    }

    fn octet(&mut self, limit: usize) -> Result<u8, Asn1Error> {
        if self.at >= limit {
            return Err(Asn1Error::Truncated);
        }
        let octet = *self.input.get(self.at).ok_or(Asn1Error::Truncated)?;
        self.at += 1;
        Ok(octet)
    }

    fn length(&mut self, identifier: u8, limit: usize) -> Result<End, Asn1Error> {
        if identifier & 0x1f == 0x1f || identifier == 0 {
            return Err(Asn1Error::Value("identifier"));
        }
        let first = self.octet(limit)?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x80 => return Ok(End::Marked(limit)),
            _ => {
                let mut length = 0_usize;
                for _ in 0..first & 0x7f {
                    let octet = self.octet(limit)?;
                    if length > usize::MAX >> 8 {
                        return Err(Asn1Error::Length);
                    }
                    length = (length << 8) | usize::from(octet);
                }
                length
            }
        };
        match self.at.checked_add(length) {
            Some(end) if end <= limit => Ok(End::At(end)),
            _ => Err(Asn1Error::Truncated),
        }
    }

    fn insert_header(&mut self, identifier: u8, start: usize) {
        let length = self.out.len() - start;
        let octets = length.to_be_bytes();
        let mut header = [0; 10];
        header[0] = identifier;
        let used = match u8::try_from(length) {
            Ok(short @ 0..=0x7f) => {
                header[1] = short;
                2
            }
            _ => {
                let skip = octets.iter().take_while(|&&b| b == 0).count();
                let count = octets.len() - skip;
                header[1] = 0x80 | u8::try_from(count).unwrap_or(0);
                header[2..2 + count].copy_from_slice(&octets[skip..]);
                2 + count
            }
        };
        self.out
            .splice(start..start, header[..used].iter().copied());
    }
}

impl End {
    fn limit(self) -> usize {
        match self {
            Self::At(end) | Self::Marked(end) => end,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indefinite_lengths_and_chunks_become_definite() {
        let ber = [
            0x30, 0x80, 0x24, 0x80, 0x04, 0x01, b'a', 0x24, 0x03, 0x04, 0x01, b'b', 0x00, 0x00,
            0x02, 0x81, 0x01, 0x05, 0x00, 0x00,
        ];
        let der = [0x30, 0x07, 0x04, 0x02, b'a', b'b', 0x02, 0x01, 0x05];
        assert_eq!(normalize(&ber).unwrap(), der);
        assert_eq!(normalize(&der).unwrap(), der, "DER stays as it is");
        for end in 0..ber.len() {
            assert!(normalize(&ber[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nest = |depth: usize| {
            let mut ber = [0x30, 0x80].repeat(depth);
            ber.extend([0, 0].repeat(depth));
            ber
        };
        assert!(normalize(&nest(MAX_DEPTH)).is_ok());
        assert!(normalize(&nest(MAX_DEPTH + 1)).is_err());
        assert!(normalize(&[0x24, 0x80].repeat(100_000)).is_err());
    }

    #[test]
    fn lengths_beyond_the_input_are_refused() {
        assert!(normalize(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(normalize(&[0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(
            normalize(&[0x30, 0x02, 0x04, 0x05, 0, 0, 0, 0, 0]).is_err(),
            "child exceeds parent"
        );
        assert!(
            normalize(&[0x04, 0x80, 0, 0]).is_err(),
            "primitive and indefinite"
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_is_idempotent(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(once) = normalize(&input) {
                prop_assert_eq!(normalize(&once).unwrap(), once);
            }
        }
    }
}
