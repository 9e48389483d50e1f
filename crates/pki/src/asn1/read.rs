use const_oid::ObjectIdentifier;
use domain::Timestamp;
use time::{Date, Month, Time};

use super::{Asn1Error, tag};

/// One element: identifier octet, contents, and the whole encoding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) raw: &'a [u8],
}

impl<'a> Element<'a> {
    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader::new(self.value)
    }
}

/// Reads consecutive elements from a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The contents of the single element with this tag that makes up `input`.
    pub(crate) fn only(input: &'a [u8], expected: u8) -> Result<Self, Asn1Error> {
        let mut reader = Self::new(input);
        let inner = reader.constructed(expected)?;
        reader.finish()?;
        Ok(inner)
    }

    /// Bytes not yet read.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses trailing bytes.
    pub(crate) fn finish(&self) -> Result<(), Asn1Error> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Asn1Error::Trailing)
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn element(&mut self) -> Result<Element<'a>, Asn1Error> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(Asn1Error::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(Asn1Error::Value("identifier: high tag number"));
        }
        let (&first, mut after_length) = after_tag.split_first().ok_or(Asn1Error::Truncated)?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let (octets, rest) = after_length
                    .split_at_checked(count)
                    .ok_or(Asn1Error::Truncated)?;
                after_length = rest;
                let length = octets
                    .iter()
                    .fold(0_u64, |sum, &b| (sum << 8) | u64::from(b));
                let minimal = octets.first().is_some_and(|&b| b != 0) && length > 0x7f;
                if !minimal {
                    return Err(Asn1Error::Length);
                }
                usize::try_from(length).map_err(|_| Asn1Error::Length)?
            }
            _ => return Err(Asn1Error::Length),
        };
        let (value, rest) = after_length
            .split_at_checked(length)
            .ok_or(Asn1Error::Truncated)?;
        let raw = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Ok(Element { tag, value, raw })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, expected: u8) -> Result<Element<'a>, Asn1Error> {
        let before = *self;
        let element = self.element()?;
        if element.tag == expected {
            Ok(element)
        } else {
            *self = before;
            Err(Asn1Error::Tag {
                expected,
                found: element.tag,
            })
        }
    }

    /// The next element when it has this tag; nothing is consumed otherwise.
    pub(crate) fn optional(&mut self, expected: u8) -> Result<Option<Element<'a>>, Asn1Error> {
        if self.peek() == Some(expected) {
            self.expect(expected).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn constructed(&mut self, expected: u8) -> Result<Self, Asn1Error> {
        self.expect(expected).map(|element| element.reader())
    }

    pub(crate) fn sequence(&mut self) -> Result<Self, Asn1Error> {
        self.constructed(tag::SEQUENCE)
    }

    pub(crate) fn oid(&mut self) -> Result<ObjectIdentifier, Asn1Error> {
        let element = self.expect(tag::OID)?;
        ObjectIdentifier::from_bytes(element.value)
            .map_err(|_| Asn1Error::Value("object identifier"))
    }

    /// The two's complement contents octets of an INTEGER, at least one.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], Asn1Error> {
        integer_contents(self.expect(tag::INTEGER)?)
    }

    /// A non-negative INTEGER that fits 64 bits.
    pub(crate) fn unsigned(&mut self) -> Result<u64, Asn1Error> {
        unsigned(self.expect(tag::INTEGER)?)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, Asn1Error> {
        match self.expect(tag::BOOLEAN)?.value {
            [octet] => Ok(*octet != 0),
            _ => Err(Asn1Error::Value("boolean")),
        }
    }

    pub(crate) fn octet_string(&mut self) -> Result<&'a [u8], Asn1Error> {
        self.expect(tag::OCTET_STRING).map(|element| element.value)
    }

    /// A BIT STRING that holds whole octets (keys, signatures).
    pub(crate) fn octet_aligned_bits(&mut self) -> Result<&'a [u8], Asn1Error> {
        match self.expect(tag::BIT_STRING)?.value {
            [0, octets @ ..] => Ok(octets),
            _ => Err(Asn1Error::Value("bit string")),
        }
    }

    /// UTCTime or GeneralizedTime in the forms of RFC 5280, section 4.1.2.5.
    pub(crate) fn time(&mut self) -> Result<Timestamp, Asn1Error> {
        time_value(self.element()?)
    }
}

pub(crate) fn integer_contents(element: Element<'_>) -> Result<&[u8], Asn1Error> {
    if element.value.is_empty() {
        return Err(Asn1Error::Value("integer"));
    }
    Ok(element.value)
}

pub(crate) fn unsigned(element: Element<'_>) -> Result<u64, Asn1Error> {
    let octets = integer_contents(element)?;
    let significant = if octets[0] == 0 { &octets[1..] } else { octets };
    if octets[0] & 0x80 != 0 || significant.len() > 8 {
        return Err(Asn1Error::Value("integer"));
    }
    Ok(significant
        .iter()
        .fold(0, |sum, &b| (sum << 8) | u64::from(b)))
}

/// Reads `YYMMDDHHMM[SS]Z` and `YYYYMMDDHHMM[SS][.f]Z`. Seconds may be missing because
/// some old authorities leave them out.
pub(crate) fn time_value(element: Element<'_>) -> Result<Timestamp, Asn1Error> {
    const INVALID: Asn1Error = Asn1Error::Value("time");
    let year_digits = match element.tag {
        tag::UTC_TIME => 2,
        tag::GENERALIZED_TIME => 4,
        _ => {
            return Err(Asn1Error::Tag {
                expected: tag::UTC_TIME,
                found: element.tag,
            });
        }
    };
    let text = element.value.strip_suffix(b"Z").ok_or(INVALID)?;
    let text = match text.iter().position(|&b| b == b'.') {
        Some(dot) if text[dot + 1..].iter().all(u8::is_ascii_digit) => &text[..dot],
        Some(_) => return Err(INVALID),
        None => text,
    };
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(INVALID);
    }
    let (year, rest) = text.split_at_checked(year_digits).ok_or(INVALID)?;
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_i32, |n, b| n * 10 + i32::from(b - b'0'))
    };
    let year = match (year_digits, number(year)) {
        (2, year @ 0..50) => 2000 + year,
        (2, year) => 1900 + year,
        (_, year) => year,
    };
    let pairs = rest
        .chunks(2)
        .map(|pair| u8::try_from(number(pair)).unwrap_or(u8::MAX));
    let (month, day, hour, minute, second) =
        match (rest.len(), pairs.collect::<Vec<_>>().as_slice()) {
            (8, &[month, day, hour, minute]) => (month, day, hour, minute, 0),
            (10, &[month, day, hour, minute, second]) => (month, day, hour, minute, second),
            _ => return Err(INVALID),
        };
    let month = Month::try_from(month).map_err(|_| INVALID)?;
    let date = Date::from_calendar_date(year, month, day).map_err(|_| INVALID)?;
    let time = Time::from_hms(hour, minute, if second == 60 { 59 } else { second })
        .map_err(|_| INVALID)?;
    Ok(Timestamp::from_datetime(date.with_time(time).assume_utc()))
}

/// Text of any ASN.1 string type; characters that do not decode become U+FFFD.
pub(crate) fn text(element: Element<'_>) -> Option<String> {
    match element.tag {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING | 0x12 | 0x1a => {
            Some(String::from_utf8_lossy(element.value).into_owned())
        }
        // In practice T61 means Latin-1.
        tag::T61_STRING => Some(element.value.iter().map(|&b| char::from(b)).collect()),
        tag::BMP_STRING => {
            let units: Vec<u16> = element
                .value
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            Some(String::from_utf16_lossy(&units))
        }
        tag::UNIVERSAL_STRING => Some(
            element
                .value
                .chunks_exact(4)
                .map(|c| char::from_u32(u32::from_be_bytes([c[0], c[1], c[2], c[3]])))
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::super::Writer;
    use super::*;

    fn time(tag: u8, text: &str) -> Option<String> {
        let der = Writer::build(|w| w.element(tag, text.as_bytes()));
        Reader::new(&der).time().ok().map(|at| at.to_string())
    }

    #[test]
    fn times_are_read_in_their_usual_forms() {
        let utc = |text| time(tag::UTC_TIME, text);
        let generalized = |text| time(tag::GENERALIZED_TIME, text);
        assert_eq!(utc("491231235959Z").unwrap(), "2049-12-31T23:59:59.000Z");
        assert_eq!(utc("500101000000Z").unwrap(), "1950-01-01T00:00:00.000Z");
        assert_eq!(utc("2611211230Z").unwrap(), "2026-11-21T12:30:00.000Z");
        assert_eq!(
            generalized("20500101000000Z").unwrap(),
            "2050-01-01T00:00:00.000Z"
        );
        assert_eq!(
            generalized("20261121123059.123Z").unwrap(),
            "2026-11-21T12:30:59.000Z"
        );
        assert_eq!(
            utc("161231235960Z").unwrap(),
            "2016-12-31T23:59:59.000Z",
            "leap second"
        );
        for wrong in [
            "",
            "Z",
            "261121123000",
            "261321123000Z",
            "260230123000Z",
            "2611211230000Z",
        ] {
            assert_eq!(utc(wrong), None, "{wrong}");
        }
        for wrong in [
            "20261121123061Z",
            "2026112112Z",
            "20261121123000.xZ",
            "20261121123000+0100",
        ] {
            assert_eq!(generalized(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lengths_must_be_definite_shortest_and_within_the_input() {
        for wrong in [
            &[0x30, 0x80, 0, 0][..],
            &[0x04, 0x81, 0x01, 0],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x85, 1, 0, 0, 0, 0],
            &[0x04, 0x02, 0],
            &[0x1f, 0x20, 0],
            &[0x04],
            &[],
        ] {
            assert!(Reader::new(wrong).element().is_err(), "{wrong:02x?}");
        }
    }

    #[test]
    fn strings_of_every_type_become_text() {
        let read = |tag, bytes: &[u8]| {
            let der = Writer::build(|w| w.element(tag, bytes));
            text(Reader::new(&der).element().unwrap())
        };
        assert_eq!(read(tag::UTF8_STRING, "é".as_bytes()).unwrap(), "é");
        assert_eq!(read(tag::T61_STRING, &[0xe9]).unwrap(), "é");
        assert_eq!(read(tag::BMP_STRING, &[0x00, 0xe9]).unwrap(), "é");
        assert_eq!(read(tag::UNIVERSAL_STRING, &[0, 0, 0, 0xe9]).unwrap(), "é");
        assert_eq!(read(tag::PRINTABLE_STRING, &[0xff]).unwrap(), "\u{fffd}");
        assert_eq!(read(tag::INTEGER, &[1]), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            number: u64,
            octets in proptest::collection::vec(any::<u8>(), 0..400),
            seconds in -600_000_000_i64..100_000_000_000,
        ) {
            let at = Timestamp::from_seconds(seconds);
            let der = Writer::build(|w| w.sequence(|w| {
                w.unsigned(number);
                w.octet_string(&octets);
                w.time(at);
            }));
            let mut reader = Reader::only(&der, tag::SEQUENCE).unwrap();
            prop_assert_eq!(reader.unsigned().unwrap(), number);
            prop_assert_eq!(reader.octet_string().unwrap(), &octets[..]);
            prop_assert_eq!(reader.time().unwrap(), at);
            prop_assert!(reader.finish().is_ok());
        }
    }
}
