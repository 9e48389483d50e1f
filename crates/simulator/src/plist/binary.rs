//! `bplist00`: header, objects, offset table, 32-byte trailer.

use super::{Dictionary, Value};
use crate::{Error, Result};

/// Seconds between 1970 and 2001, where binary dates start.
const EPOCH: i64 = 978_307_200;
const MAX_DEPTH: usize = 64;

/// The binary form.
#[must_use]
pub fn to_binary(value: &Value) -> Vec<u8> {
    let mut writer = Writer {
        objects: Vec::new(),
        width: reference_width(count(value)),
    };
    let top = writer.add(value);
    let mut out = b"bplist00".to_vec();
    let mut offsets = Vec::with_capacity(writer.objects.len());
    for object in &writer.objects {
        offsets.push(out.len() as u64);
        out.extend_from_slice(object);
    }
    let table = out.len() as u64;
    for offset in &offsets {
        out.extend_from_slice(&offset.to_be_bytes()[4..]);
    }
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 4, writer.width as u8]);
    out.extend_from_slice(&(offsets.len() as u64).to_be_bytes());
    out.extend_from_slice(&(top as u64).to_be_bytes());
    out.extend_from_slice(&table.to_be_bytes());
    out
}

fn reference_width(objects: usize) -> usize {
    if objects < 0x100 {
        1
    } else if objects < 0x1_0000 {
        2
    } else {
        4
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Dictionary(members) => members.values().map(|member| 1 + count(member)).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

struct Writer {
    objects: Vec<Vec<u8>>,
    width: usize,
}

impl Writer {
    /// Adds a value after what it contains and returns its number.
    fn add(&mut self, value: &Value) -> usize {
        let object = match value {
            Value::Dictionary(members) => {
                let keys: Vec<usize> = members
                    .keys()
                    .map(|key| self.add(&Value::String(key.clone())))
                    .collect();
                let values: Vec<usize> = members.values().map(|member| self.add(member)).collect();
                let mut object = marker(0xd0, members.len());
                self.references(&mut object, keys.iter().chain(&values));
                object
            }
            Value::Array(items) => {
                let items: Vec<usize> = items.iter().map(|item| self.add(item)).collect();
                let mut object = marker(0xa0, items.len());
                self.references(&mut object, items.iter());
                object
            }
            Value::String(text) if text.is_ascii() => {
                let mut object = marker(0x50, text.len());
                object.extend_from_slice(text.as_bytes());
                object
            }
            Value::String(text) => {
                let units: Vec<u16> = text.encode_utf16().collect();
                let mut object = marker(0x60, units.len());
                object.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
                object
            }
            Value::Integer(number) => integer(*number),
            Value::Real(number) => [&[0x23][..], &number.to_be_bytes()].concat(),
            Value::Boolean(flag) => vec![if *flag { 0x09 } else { 0x08 }],
            Value::Data(bytes) => [&marker(0x40, bytes.len())[..], bytes].concat(),
            Value::Date(seconds) => {
                [&[0x33][..], &((seconds - EPOCH) as f64).to_be_bytes()].concat()
            }
        };
        self.objects.push(object);
        self.objects.len() - 1
    }

    fn references<'a>(&self, object: &mut Vec<u8>, numbers: impl Iterator<Item = &'a usize>) {
        for number in numbers {
            object.extend_from_slice(&(*number as u64).to_be_bytes()[8 - self.width..]);
        }
    }
}

fn marker(kind: u8, length: usize) -> Vec<u8> {
    if length < 15 {
        return vec![kind | length as u8];
    }
    [&[kind | 0x0f][..], &integer(length as i64)].concat()
}

fn integer(number: i64) -> Vec<u8> {
    match number {
        0..=0xff => vec![0x10, number as u8],
        0x100..=0xffff => [&[0x11][..], &(number as u16).to_be_bytes()].concat(),
        0x1_0000..=0xffff_ffff => [&[0x12][..], &(number as u32).to_be_bytes()].concat(),
        _ => [&[0x13][..], &number.to_be_bytes()].concat(),
    }
}

pub(super) fn from_binary(bytes: &[u8]) -> Result<Value> {
    let trailer = bytes
        .len()
        .checked_sub(32)
        .filter(|at| *at >= 8)
        .ok_or_else(cut)?;
    let number = |at: usize| {
        bytes
            .get(at..at + 8)
            .and_then(|b| b.try_into().ok())
            .map(u64::from_be_bytes)
            .map(|n| n as usize)
            .ok_or_else(cut)
    };
    let (offset_width, width) = (
        usize::from(bytes[trailer + 6]),
        usize::from(bytes[trailer + 7]),
    );
    let (objects, top, table) = (
        number(trailer + 8)?,
        number(trailer + 16)?,
        number(trailer + 24)?,
    );
    if !(1..=8).contains(&offset_width) || !(1..=8).contains(&width) || table < 9 || table > trailer
    {
        return Err(Error::Plist("malformed binary trailer".into()));
    }
    if objects
        .checked_mul(offset_width)
        .is_none_or(|size| size != trailer - table)
    {
        return Err(Error::Plist("malformed offset table".into()));
    }
    let reader = Reader {
        bytes: &bytes[..table],
        offsets: &bytes[table..trailer],
        offset_width,
        width,
    };
    reader.value(top, 0)
}

struct Reader<'a> {
    bytes: &'a [u8],
    offsets: &'a [u8],
    offset_width: usize,
    width: usize,
}

impl Reader<'_> {
    fn value(&self, index: usize, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(Error::Plist("nested too deeply".into()));
        }
        let at = index
            .checked_mul(self.offset_width)
            .and_then(|start| self.offsets.get(start..start + self.offset_width))
            .map(big_endian)
            .ok_or_else(cut)?;
        let marker = *self.bytes.get(at).ok_or_else(cut)?;
        let low = usize::from(marker & 0x0f);
        if let 0x10 | 0x20 | 0x30 = marker & 0xf0 {
            let size = 1_usize
                .checked_shl(low as u32)
                .filter(|size| *size <= 8)
                .ok_or_else(cut)?;
            let digits = self.slice(at + 1, size)?;
            let real = || -> Result<f64> {
                Ok(match digits {
                    [a, b, c, d] => f64::from(f32::from_be_bytes([*a, *b, *c, *d])),
                    _ => f64::from_be_bytes(digits.try_into().map_err(|_| cut())?),
                })
            };
            return Ok(match marker & 0xf0 {
                0x10 => Value::Integer(big_endian(digits) as i64),
                0x20 => Value::Real(real()?),
                _ => Value::Date(real()? as i64 + EPOCH),
            });
        }
        match marker {
            0x08 => return Ok(Value::Boolean(false)),
            0x09 => return Ok(Value::Boolean(true)),
            _ => {}
        }
        let (length, start) = self.length(low, at)?;
        Ok(match marker & 0xf0 {
            0x40 => Value::Data(self.slice(start, length)?.to_vec()),
            0x50 => Value::String(
                String::from_utf8(self.slice(start, length)?.to_vec()).map_err(|_| cut())?,
            ),
            0x60 => {
                let bytes = self.slice(start, length.checked_mul(2).ok_or_else(cut)?)?;
                let units: Vec<u16> = bytes
                    .chunks_exact(2)
                    .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                    .collect();
                Value::String(String::from_utf16(&units).map_err(|_| cut())?)
            }
            0xa0 => Value::Array(
                self.references(start, length)?
                    .into_iter()
                    .map(|item| self.value(item, depth + 1))
                    .collect::<Result<_>>()?,
            ),
            0xd0 => {
                let numbers = self.references(start, length.checked_mul(2).ok_or_else(cut)?)?;
                let (keys, values) = numbers.split_at(length);
                let mut members = Dictionary::new();
                for (key, value) in keys.iter().zip(values) {
                    let Value::String(key) = self.value(*key, depth + 1)? else {
                        return Err(Error::Plist("a key is not a string".into()));
                    };
                    members.insert(key, self.value(*value, depth + 1)?);
                }
                Value::Dictionary(members)
            }
            _ => return Err(Error::Plist(format!("unknown object {marker:#04x}"))),
        })
    }

    fn length(&self, low: usize, at: usize) -> Result<(usize, usize)> {
        if low != 0x0f {
            return Ok((low, at + 1));
        }
        let marker = *self.bytes.get(at + 1).ok_or_else(cut)?;
        let size = 1_usize << (marker & 0x03);
        if marker & 0xfc != 0x10 {
            return Err(cut());
        }
        Ok((big_endian(self.slice(at + 2, size)?), at + 2 + size))
    }

    fn references(&self, start: usize, count: usize) -> Result<Vec<usize>> {
        let bytes = self.slice(start, count.checked_mul(self.width).ok_or_else(cut)?)?;
        Ok(bytes.chunks_exact(self.width).map(big_endian).collect())
    }

    fn slice(&self, start: usize, length: usize) -> Result<&[u8]> {
        start
            .checked_add(length)
            .and_then(|end| self.bytes.get(start..end))
            .ok_or_else(cut)
    }
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) as usize
}

fn cut() -> Error {
    Error::Plist("malformed binary property list".into())
}
