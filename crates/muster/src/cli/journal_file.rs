//! The journal as a file, and proving that it is what was written. Needs no server and no database.
//!
//! One JSON object in a line: `{"muster_journal": 1, "public_key": "<hex>"}`, then
//! `{"checkpoint": {...}}` for each signed checkpoint, then `{"event": {...}}` in order.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
};

use domain::journal::{Checkpoint, Event, Head, Verifier};
use pki::{
    Legacy,
    keys::{Digest, SignatureAlgorithm, verify as verify_signature},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use store::{Db, Keys as _};

use super::exit::{Failure, Kind, Result};

/// The version of the file's form.
const VERSION: u64 = 1;
/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
/// Under which name the journal's key is stored.
const KEY: &str = "journal";

/// Public keys whose checkpoints count, by their id.
#[derive(Debug, Clone, Default)]
pub(super) struct SignedBy(BTreeMap<String, Vec<u8>>);

impl SignedBy {
    /// A key as SubjectPublicKeyInfo (DER).
    pub(super) fn key(spki: &[u8]) -> Self {
        let id = hex::encode(pki::token::sha256(spki));
        Self(BTreeMap::from([(id, spki.to_vec())]))
    }

    /// The key of an installation.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub(super) async fn stored(db: &Db) -> Result<Self> {
        let key = db
            .read(|tx| Box::pin(async move { tx.key(KEY).await }))
            .await?;
        Ok(key.map_or_else(Self::default, |key| Self::key(&key.public)))
    }

    /// Whether one of these keys signed.
    pub(super) fn signed(&self, checkpoint: &Checkpoint, statement: &str) -> bool {
        let Some(key) = self.0.get(&checkpoint.key_id) else {
            return false;
        };
        let Ok(signature) = hex::decode(&checkpoint.signature) else {
            return false;
        };
        let algorithm = SignatureAlgorithm::Ecdsa(Digest::Sha256);
        verify_signature(
            key,
            algorithm,
            statement.as_bytes(),
            &signature,
            Legacy::Refuse,
        )
        .is_ok()
    }
}

/// What a file proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    /// The first event.
    pub first: u64,
    /// The last event.
    pub last: u64,
    /// Its hash.
    pub hash: String,
    /// The last event that a signed checkpoint covers; 0 when none does.
    pub signed_up_to: u64,
    /// The id of the key that signed.
    pub key_id: String,
}

impl Proof {
    /// For programs.
    pub(super) fn json(&self) -> Json {
        json!({
            "first": self.first,
            "last": self.last,
            "hash": self.hash,
            "signed_up_to": self.signed_up_to,
            "key_id": self.key_id,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    muster_journal: u64,
    public_key: String,
}

/// Writes the lines in front of the events.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write_head(
    out: &mut dyn Write,
    public_key: &[u8],
    checkpoints: &[Checkpoint],
) -> Result<()> {
    let header = json!({"muster_journal": VERSION, "public_key": hex::encode(public_key)});
    writeln!(out, "{header}")?;
    for checkpoint in checkpoints {
        writeln!(out, "{}", json!({"checkpoint": checkpoint}))?;
    }
    Ok(())
}

/// Writes events.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write_events(out: &mut dyn Write, events: &[Event]) -> Result<()> {
    for event in events {
        writeln!(out, "{}", json!({"event": event}))?;
    }
    Ok(())
}

/// Proves that a file holds what was written: nothing changed, missing, added or in another order.
///
/// `key` is the public key that must have signed, SubjectPublicKeyInfo as DER, PEM or hexadecimal.
/// Without it the key in the file is believed: then only compare the id that is given back.
///
/// # Errors
/// [`Kind::Failure`] naming the first place that is wrong; [`Kind::NotFound`] without a file.
pub(super) fn verify(file: &Path, key: Option<&[u8]>) -> Result<Proof> {
    let open = || {
        File::open(file)
            .map(BufReader::new)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::new(
                    Kind::NotFound,
                    format!("there is no file {}", file.display()),
                ),
                _ => Failure::file(file, error),
            })
    };
    // Twice through the file: a checkpoint may stand behind the events that it covers.
    let mut header = None;
    let mut checkpoints = Vec::new();
    each_line(open()?, |number, line| {
        if number == 1 {
            header = Some(read_header(&line)?);
        } else if let Some(checkpoint) = line.get("checkpoint") {
            let checkpoint: Checkpoint = exactly(number, checkpoint)?;
            checkpoints.push(checkpoint);
        } else if line.get("event").is_none() {
            return Err(wrong(number, "neither an event nor a checkpoint"));
        }
        Ok(())
    })?;
    let in_file = header.ok_or_else(|| Failure::failed("the file is empty"))?;
    let key = key.map_or(Ok(in_file), key_of)?;
    let key_id = hex::encode(pki::token::sha256(&key));
    let signers = SignedBy::key(&key);
    let signed_up_to = checkpoints
        .iter()
        .map(|checkpoint| checkpoint.seq)
        .max()
        .unwrap_or(0);
    let mut verifier: Option<Verifier> = None;
    let mut first = 0;
    each_line(open()?, |number, line| {
        let Some(event) = line.get("event") else {
            return Ok(());
        };
        let event: Event = exactly(number, event)?;
        let following = verifier.get_or_insert_with(|| {
            first = event.seq;
            Verifier::new(before(&event), std::mem::take(&mut checkpoints))
        });
        following
            .event(&event, &|checkpoint, statement| {
                signers.signed(checkpoint, statement)
            })
            .map_err(|broken| Failure::failed(broken.to_string()))
    })?;
    let verified = verifier
        .ok_or_else(|| Failure::failed("the file holds no events"))?
        .finish()
        .map_err(|broken| Failure::failed(broken.to_string()))?;
    Ok(Proof {
        first,
        last: verified.head.seq,
        hash: verified.head.hash.to_string(),
        signed_up_to,
        key_id,
    })
}

/// Where the chain stood before the first event of a file.
fn before(event: &Event) -> Head {
    match event.seq {
        0 | 1 => Head::EMPTY,
        seq => Head {
            seq: seq - 1,
            hash: event.prev,
        },
    }
}

fn each_line(
    mut reader: BufReader<File>,
    mut visit: impl FnMut(usize, Json) -> Result<()>,
) -> Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = std::io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == LONGEST_LINE && line.last() != Some(&b'\n') {
            return Err(wrong(number, "too long"));
        }
        let json =
            serde_json::from_slice(&line).map_err(|error| wrong(number, &error.to_string()))?;
        visit(number, json)?;
    }
    Ok(())
}

/// Reads a value and refuses anything in it that its hash would not cover.
fn exactly<T>(number: usize, json: &Json) -> Result<T>
where
    T: serde::de::DeserializeOwned + serde::Serialize,
{
    let value: T =
        serde_json::from_value(json.clone()).map_err(|error| wrong(number, &error.to_string()))?;
    match serde_json::to_value(&value) {
        Ok(again) if again == *json => Ok(value),
        _ => Err(wrong(number, "it holds something that was not written so")),
    }
}

fn read_header(line: &Json) -> Result<Vec<u8>> {
    let header: Header = serde_json::from_value(line.clone())
        .map_err(|_| Failure::failed("this is not an exported journal"))?;
    if header.muster_journal != VERSION {
        return Err(Failure::failed(format!(
            "the journal was exported in form {}; this program knows form {VERSION}",
            header.muster_journal
        )));
    }
    hex::decode(header.public_key).map_err(|_| wrong(1, "the public key is not hexadecimal"))
}

fn key_of(given: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(given)
        .map(str::trim)
        .unwrap_or_default();
    if text.starts_with("-----BEGIN") {
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        return base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body)
            .map_err(|_| Failure::usage("the key is not PEM"));
    }
    match hex::decode(text) {
        Ok(key) if !key.is_empty() => Ok(key),
        _ => Ok(given.to_vec()),
    }
}

fn wrong(number: usize, why: &str) -> Failure {
    Failure::failed(format!("line {number}: {why}"))
}

#[cfg(test)]
mod tests {
    use domain::{EventId, Timestamp, journal, scope::Actor};
    use pki::{KeyAlgorithm, KeyPair, Signer as _};
    use tempfile::TempDir;

    use super::*;

    fn events(n: u64) -> Vec<Event> {
        let mut head = Head::EMPTY;
        (1..=n)
            .map(|index| {
                let at = Timestamp::from_millis(i64::try_from(index).unwrap());
                let draft = journal::Draft {
                    id: EventId::new(at, [1; 10]),
                    at,
                    kind: "device.enrolled".into(),
                    actor: Actor::operator(),
                    device: None,
                    subject: Some(index.to_string()),
                    unit: None,
                    data: json!({"n": index}),
                };
                let event = journal::seal(head, draft);
                head = Head {
                    seq: event.seq,
                    hash: event.hash,
                };
                event
            })
            .collect()
    }

    fn checkpoint(event: &Event, key: &KeyPair) -> Checkpoint {
        let statement = Checkpoint::statement(event.seq, event.hash, event.draft.at);
        Checkpoint {
            seq: event.seq,
            hash: event.hash,
            at: event.draft.at,
            key_id: hex::encode(pki::token::sha256(key.spki())),
            signature: hex::encode(key.sign(statement.as_bytes()).unwrap()),
        }
    }

    fn exported(events: &[Event], checkpoints: &[Checkpoint], key: &KeyPair) -> String {
        let mut out = Vec::new();
        write_head(&mut out, key.spki(), checkpoints).unwrap();
        write_events(&mut out, events).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn verified(text: &str, key: Option<&[u8]>) -> Result<Proof> {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("journal.jsonl");
        std::fs::write(&file, text).unwrap();
        verify(&file, key)
    }

    #[test]
    fn an_untouched_journal_is_proved_also_in_part_and_with_a_key_kept_elsewhere() {
        let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
        let all = events(6);
        let signed = [checkpoint(&all[3], &key)];
        let proof = verified(&exported(&all, &signed, &key), Some(key.spki())).unwrap();
        assert_eq!((proof.first, proof.last, proof.signed_up_to), (1, 6, 4));
        assert_eq!(proof.hash, all[5].hash.to_string());
        let hex = hex::encode(key.spki());
        let part = verified(&exported(&all[2..], &signed, &key), Some(hex.as_bytes())).unwrap();
        assert_eq!((part.first, part.last), (3, 6));
    }

    #[test]
    fn every_way_to_tamper_is_found() {
        let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
        let all = events(6);
        let signed = [checkpoint(&all[5], &key)];
        let good = exported(&all, &signed, &key);
        let lines: Vec<_> = good.lines().collect();
        let without = |index: usize| {
            let mut lines = lines.clone();
            lines.remove(index);
            lines.join("\n")
        };
        let changed = good.replace("{\"n\":3}", "{\"n\":4}");
        assert!(
            verified(&changed, None)
                .unwrap_err()
                .message
                .contains("event 3 was changed")
        );
        let extended = good.replace(
            "\"kind\":\"device.enrolled\"",
            "\"kind\":\"device.enrolled\",\"note\":1",
        );
        assert!(
            verified(&extended, None)
                .unwrap_err()
                .message
                .contains("not written so")
        );
        assert!(
            verified(&without(4), None)
                .unwrap_err()
                .message
                .contains("missing")
        );
        assert!(
            verified(&without(7), None)
                .unwrap_err()
                .message
                .contains("cut off")
        );
        let mut swapped = lines.clone();
        swapped.swap(3, 4);
        assert!(verified(&swapped.join("\n"), None).is_err());
        let other = KeyPair::generate(KeyAlgorithm::P256).unwrap();
        assert!(
            verified(&good, Some(other.spki()))
                .unwrap_err()
                .message
                .contains("not signed")
        );
        let forged = exported(&all, &[checkpoint(&all[5], &other)], &key);
        assert!(
            verified(&forged, None)
                .unwrap_err()
                .message
                .contains("not signed")
        );
        for rubbish in ["", "{}", "no", "{\"muster_journal\":2,\"public_key\":\"\"}"] {
            assert!(verified(rubbish, None).is_err(), "{rubbish}");
        }
    }

    #[test]
    fn a_file_that_ends_anywhere_is_refused_or_proves_less_but_never_panics() {
        let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
        let all = events(2);
        let good = exported(&all, &[checkpoint(&all[1], &key)], &key);
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("journal.jsonl");
        for end in 0..good.len() - 1 {
            std::fs::write(&file, &good[..end]).unwrap();
            assert!(verify(&file, None).is_err(), "{end}");
        }
    }
}
