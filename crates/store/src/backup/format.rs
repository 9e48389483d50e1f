//! The dump's format: length-prefixed frames, a checksum at the end.
//!
//! ```text
//! "muster dump 1\n"
//! frame*            one tag byte, length (u32, big-endian), payload
//! SHA-256           of everything before it, 32 bytes
//! ```
//!
//! Frames, in this order: one `H` (JSON: [`Header`]); per table one `T` (JSON: [`Table`]) and its
//! rows `R`; the counters `S` (JSON: [`Serial`]); one `E` (the number of rows, u64).
//! A row is its values one after the other: a kind byte and, by kind, nothing (0 null), one byte
//! (1 bool), eight bytes (2 integer), length (u32) and bytes (3 text, 4 bytes, 6 JSON text),
//! sixteen bytes (5 UUID). All numbers are big-endian.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Moved, io, with_suffix};
use crate::{Result, StoreError, value::Value};

const MAGIC: &[u8] = b"muster dump 1\n";
/// No frame is larger: the largest value is a raw report.
const LARGEST: usize = 256 << 20;

/// What the file is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// The migrations its tables have.
    pub(super) migrations: Vec<String>,
}

/// The table that the following rows belong to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// Its columns, as the rows have them.
    pub(super) columns: Vec<String>,
}

/// The last number a counting column gave out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Serial {
    /// Its table.
    pub(super) table: String,
    /// Its name.
    pub(super) column: String,
    /// The number.
    pub(super) last: i64,
}

/// A part of a dump.
#[derive(Debug)]
pub(super) enum Frame {
    Header(Header),
    Table(Table),
    Row(Vec<Value>),
    Serial(Serial),
    /// Number of rows and checksum were right.
    End,
}

/// Writes a dump; the file gets its name when it is complete.
pub(super) struct Writer {
    file: BufWriter<File>,
    path: PathBuf,
    part: PathBuf,
    hash: digest::Context,
    moved: Moved,
    row: Vec<u8>,
}

impl Writer {
    pub(super) fn create(path: &Path, header: &Header) -> Result<Self> {
        let part = with_suffix(path, ".part");
        let mut writer = Self {
            file: BufWriter::with_capacity(
                1 << 18,
                File::create(&part).map_err(|e| io(&part, &e))?,
            ),
            path: path.to_owned(),
            part,
            hash: digest::Context::new(&digest::SHA256),
            moved: Moved::default(),
            row: Vec::new(),
        };
        writer.bytes(MAGIC)?;
        writer.json(b'H', header)?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, table: &Table) -> Result<()> {
        self.json(b'T', table)
    }

    pub(super) fn row(&mut self, values: &[Value]) -> Result<()> {
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        for value in values {
            encode(value, &mut row);
        }
        self.moved.rows += 1;
        let result = self.frame(b'R', &row);
        self.row = row;
        result
    }

    pub(super) fn serial(&mut self, serial: &Serial) -> Result<()> {
        self.json(b'S', serial)
    }

    pub(super) fn finish(mut self) -> Result<Moved> {
        let rows = self.moved.rows.to_be_bytes();
        self.frame(b'E', &rows)?;
        let hash = self.hash.clone().finish();
        self.bytes(hash.as_ref())?;
        let failed = |e: std::io::Error| io(&self.path, &e);
        self.file.flush().map_err(failed)?;
        self.file.get_ref().sync_all().map_err(failed)?;
        std::fs::rename(&self.part, &self.path).map_err(failed)?;
        Ok(self.moved)
    }

    fn json(&mut self, tag: u8, value: &impl Serialize) -> Result<()> {
        let json =
            serde_json::to_vec(value).map_err(|error| StoreError::Invalid(error.to_string()))?;
        self.frame(tag, &json)
    }

    fn frame(&mut self, tag: u8, payload: &[u8]) -> Result<()> {
        if payload.len() > LARGEST {
            return Err(StoreError::Invalid(
                "a row is too large for a dump".to_owned(),
            ));
        }
        self.bytes(&[tag])?;
        self.bytes(&(payload.len() as u32).to_be_bytes())?;
        self.bytes(payload)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.moved.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| io(&self.part, &e))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Gone already when it got its name.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// Reads a dump.
pub(super) struct Reader {
    file: BufReader<File>,
    hash: digest::Context,
    rows: u64,
    bytes: u64,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut reader = Self {
            file: BufReader::with_capacity(1 << 18, File::open(path).map_err(|e| io(path, &e))?),
            hash: digest::Context::new(&digest::SHA256),
            rows: 0,
            bytes: 0,
        };
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(StoreError::Corrupt("this file is not a dump".to_owned()));
        }
        Ok(reader)
    }

    /// The next frame. After `End` comes nothing.
    pub(super) fn next(&mut self) -> Result<Frame> {
        let tag = self.bytes(1)?;
        let length = u32::from_be_bytes(self.array()?) as usize;
        if length > LARGEST {
            return Err(damaged());
        }
        let payload = self.bytes(length)?;
        match tag.as_slice() {
            b"H" => parse(&payload).map(Frame::Header),
            b"T" => parse(&payload).map(Frame::Table),
            b"S" => parse(&payload).map(Frame::Serial),
            b"R" => {
                self.rows += 1;
                decode(&payload).map(Frame::Row)
            }
            b"E" => {
                let expected = self.hash.clone().finish();
                if self.bytes(32)? != expected.as_ref() || payload != self.rows.to_be_bytes() {
                    return Err(damaged());
                }
                Ok(Frame::End)
            }
            _ => Err(damaged()),
        }
    }

    /// What was read so far.
    pub(super) fn moved(&self) -> Moved {
        Moved {
            rows: self.rows,
            bytes: self.bytes,
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.bytes(N)?.try_into().map_err(|_| damaged())
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        // Grows with what is there, not with what a damaged length says.
        let mut bytes = Vec::new();
        (&mut self.file)
            .take(length as u64)
            .read_to_end(&mut bytes)
            .map_err(|_| damaged())?;
        if bytes.len() != length {
            return Err(damaged());
        }
        self.hash.update(&bytes);
        self.bytes += length as u64;
        Ok(bytes)
    }
}

fn damaged() -> StoreError {
    StoreError::Corrupt("the dump is cut off or was changed".to_owned())
}

fn parse<T: for<'de> Deserialize<'de>>(payload: &[u8]) -> Result<T> {
    serde_json::from_slice(payload).map_err(|_| damaged())
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    let mut long = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Text(text) => long(3, text.as_bytes()),
        Value::Blob(bytes) => long(4, bytes),
        Value::Json(text) => long(6, text.as_bytes()),
        Value::Null => out.push(0),
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::I64(value) => {
            out.push(2);
            out.extend(value.to_be_bytes());
        }
        Value::Uuid(uuid) => {
            out.push(5);
            out.extend(uuid.as_bytes());
        }
    }
}

fn decode(mut payload: &[u8]) -> Result<Vec<Value>> {
    fn take<'a>(payload: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = payload.split_at_checked(length).ok_or_else(damaged)?;
        *payload = rest;
        Ok(taken)
    }
    fn long<'a>(payload: &mut &'a [u8]) -> Result<&'a [u8]> {
        let length = take(payload, 4)?.try_into().map_err(|_| damaged())?;
        take(payload, u32::from_be_bytes(length) as usize)
    }
    fn text(payload: &mut &[u8]) -> Result<String> {
        String::from_utf8(long(payload)?.to_vec()).map_err(|_| damaged())
    }
    let mut values = Vec::new();
    while !payload.is_empty() {
        values.push(match take(&mut payload, 1)? {
            [0] => Value::Null,
            [1] => Value::Bool(take(&mut payload, 1)? == [1]),
            [2] => Value::I64(i64::from_be_bytes(
                take(&mut payload, 8)?.try_into().map_err(|_| damaged())?,
            )),
            [3] => Value::Text(text(&mut payload)?),
            [4] => Value::Blob(long(&mut payload)?.to_vec()),
            [5] => Value::Uuid(Uuid::from_slice(take(&mut payload, 16)?).map_err(|_| damaged())?),
            [6] => Value::Json(text(&mut payload)?),
            _ => return Err(damaged()),
        });
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Blob),
            any::<u128>().prop_map(|n| Value::Uuid(Uuid::from_u128(n))),
            any::<String>().prop_map(Value::Json),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_went(row in prop::collection::vec(any_value(), 0..12)) {
            let mut bytes = Vec::new();
            for value in &row {
                encode(value, &mut bytes);
            }
            prop_assert_eq!(decode(&bytes).unwrap(), row);
        }

        #[test]
        fn rubbish_is_an_error_and_not_a_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_dump_cut_at_any_byte_or_changed_anywhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump");
        let header = Header {
            created_at: Timestamp::from_millis(1),
            migrations: vec!["1".into()],
        };
        let mut writer = Writer::create(&path, &header).unwrap();
        writer
            .table(&Table {
                name: "t".into(),
                columns: vec!["c".into()],
            })
            .unwrap();
        writer.row(&[Value::Text("value".into())]).unwrap();
        assert_eq!(writer.finish().unwrap().rows, 1);
        let whole = std::fs::read(&path).unwrap();
        let read = |bytes: &[u8]| -> Result<u64> {
            std::fs::write(&path, bytes).unwrap();
            let mut reader = Reader::open(&path)?;
            loop {
                if let Frame::End = reader.next()? {
                    return Ok(reader.moved().rows);
                }
            }
        };
        assert_eq!(read(&whole), Ok(1));
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
            let mut changed = whole.clone();
            changed[cut] ^= 0x10;
            assert!(read(&changed).is_err(), "changed at {cut}");
        }
    }
}
