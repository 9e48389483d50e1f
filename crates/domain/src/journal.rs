//! The journal: an append-only, hash-chained record of everything.
//!
//! The hash of an event covers every field and the hash before it, so that a
//! changed, missing, added or reordered event breaks the chain at its place.
//! Checkpoints sign the chain's head, so that cutting off its end shows too.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::{DeviceId, EventId, Timestamp, UnitId, scope::Actor};

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first event.
    pub const GENESIS: Self = Self([0; 32]);

    /// From bytes; `None` unless there are 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text)
            .ok()
            .and_then(|bytes| Self::from_slice(&bytes))
            .ok_or_else(|| serde::de::Error::custom("a hash is 64 hexadecimal digits"))
    }
}

/// An event that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its identifier.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as `subject.verb`: `device.enrolled`, `command.acknowledged`.
    pub kind: String,
    /// Who did it.
    pub actor: Actor,
    /// The device it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The identifier of whatever else it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The unit it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// Details. Never holds secrets.
    pub data: serde_json::Value,
}

/// An event in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place; the first is 1, there are no gaps.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub draft: Draft,
    /// The hash of the event before it; [`Hash::GENESIS`] for the first.
    pub prev: Hash,
    /// The hash of this event.
    pub hash: Hash,
}

/// The end of the chain so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The place of the last event; 0 when there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// An empty journal.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: Hash::GENESIS,
    };
}

/// Gives an event its place behind `head`.
pub fn seal(head: Head, draft: Draft) -> Event {
    let seq = head.seq + 1;
    let hash = hash_of(seq, head.hash, &draft);
    Event {
        seq,
        draft,
        prev: head.hash,
        hash,
    }
}

/// The hash of an event: SHA-256 over the fields, each with its length before it.
///
/// `data` and `actor` are hashed in a canonical JSON form: keys sorted, no
/// white space, numbers as `serde_json` writes them.
pub fn hash_of(seq: u64, prev: Hash, draft: &Draft) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut field = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    field(b"muster journal 1");
    field(&seq.to_be_bytes());
    field(&prev.0);
    field(draft.id.uuid().as_bytes());
    field(&draft.at.millis().to_be_bytes());
    field(draft.kind.as_bytes());
    field(canonical_of(&draft.actor).as_bytes());
    field(
        draft
            .device
            .map(|id| *id.uuid().as_bytes())
            .as_ref()
            .map_or(&[][..], |b| b),
    );
    field(draft.subject.as_deref().unwrap_or("").as_bytes());
    field(
        draft
            .unit
            .map(|id| *id.uuid().as_bytes())
            .as_ref()
            .map_or(&[][..], |b| b),
    );
    field(canonical(&draft.data).as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Hash(hash)
}

/// JSON with sorted keys and no white space.
pub fn canonical(value: &serde_json::Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn canonical_of(value: &impl Serialize) -> String {
    serde_json::to_value(value).map_or_else(|_| String::new(), |value| canonical(&value))
}

fn write_canonical(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
        serde_json::Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// A signed statement of where the chain stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The place of the last event it covers.
    pub seq: u64,
    /// That event's hash.
    pub hash: Hash,
    /// When it was signed.
    pub at: Timestamp,
    /// Which key signed: hexadecimal SHA-256 of its public key.
    pub key_id: String,
    /// ECDSA P-256 with SHA-256 over [`Checkpoint::statement`], ASN.1 form, hexadecimal.
    pub signature: String,
}

impl Checkpoint {
    /// The bytes that are signed.
    pub fn statement(seq: u64, hash: Hash, at: Timestamp) -> String {
        format!("muster journal checkpoint 1\n{seq}\n{hash}\n{at}\n")
    }
}

/// Where and how a journal is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A place is missing, doubled or out of order.
    #[error(
        "event {expected} should stand here, but event {found} does: events are missing, added or reordered"
    )]
    Order {
        /// The place that was due.
        expected: u64,
        /// The place that was found.
        found: u64,
    },
    /// The event does not follow from the one before it.
    #[error("event {0} does not continue the chain: it or the event before it was replaced")]
    Link(u64),
    /// The event's content is not what was hashed.
    #[error("event {0} was changed after it was written")]
    Content(u64),
    /// A checkpoint does not match the chain.
    #[error("the checkpoint over event {0} does not match: the journal before it was rewritten")]
    Checkpoint(u64),
    /// A checkpoint's signature is wrong.
    #[error("the checkpoint over event {0} is not signed by the journal's key")]
    Signature(u64),
    /// A checkpoint covers events that are not there.
    #[error("a checkpoint covers event {0}, but the journal ends at {1}: its end was cut off")]
    CutOff(u64, u64),
}

/// Follows a chain event by event.
#[derive(Debug, Clone)]
pub struct Verifier {
    head: Head,
    checkpoints: Vec<Checkpoint>,
    checked: usize,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The end of the chain.
    pub head: Head,
    /// How many checkpoints matched.
    pub checkpoints: usize,
}

impl Verifier {
    /// Starts behind `head`; [`Head::EMPTY`] for a whole journal. Checkpoints may come in any order.
    pub fn new(head: Head, mut checkpoints: Vec<Checkpoint>) -> Self {
        checkpoints.sort_by_key(|checkpoint| checkpoint.seq);
        Self {
            head,
            checkpoints,
            checked: 0,
        }
    }

    /// Checks one event; `signed_by_us` verifies a checkpoint's signature over its statement.
    ///
    /// # Errors
    /// [`Broken`] names the first place that is wrong.
    pub fn event(
        &mut self,
        event: &Event,
        signed_by_us: &dyn Fn(&Checkpoint, &str) -> bool,
    ) -> Result<(), Broken> {
        let expected = self.head.seq + 1;
        if event.seq != expected {
            return Err(Broken::Order {
                expected,
                found: event.seq,
            });
        }
        if event.prev != self.head.hash {
            return Err(Broken::Link(event.seq));
        }
        if hash_of(event.seq, event.prev, &event.draft) != event.hash {
            return Err(Broken::Content(event.seq));
        }
        self.head = Head {
            seq: event.seq,
            hash: event.hash,
        };
        while let Some(checkpoint) = self.checkpoints.get(self.checked)
            && checkpoint.seq <= event.seq
        {
            if checkpoint.seq == event.seq {
                if checkpoint.hash != event.hash {
                    return Err(Broken::Checkpoint(event.seq));
                }
                let statement =
                    Checkpoint::statement(checkpoint.seq, checkpoint.hash, checkpoint.at);
                if !signed_by_us(checkpoint, &statement) {
                    return Err(Broken::Signature(event.seq));
                }
            }
            self.checked += 1;
        }
        Ok(())
    }

    /// Ends the check.
    ///
    /// # Errors
    /// [`Broken::CutOff`] when a checkpoint speaks of later events.
    pub fn finish(self) -> Result<Verified, Broken> {
        match self.checkpoints.get(self.checked) {
            Some(checkpoint) => Err(Broken::CutOff(checkpoint.seq, self.head.seq)),
            None => Ok(Verified {
                head: self.head,
                checkpoints: self.checked,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn chain(length: u64) -> Vec<Event> {
        let mut head = Head::EMPTY;
        (0..length)
            .map(|n| {
                let event = seal(
                    head,
                    Draft {
                        id: EventId::new(
                            Timestamp::from_millis(1),
                            [u8::try_from(n % 256).unwrap(); 10],
                        ),
                        at: Timestamp::from_millis(i64::try_from(n).unwrap()),
                        kind: "device.enrolled".into(),
                        actor: Actor::system(),
                        device: None,
                        subject: Some(n.to_string()),
                        unit: None,
                        data: json!({"n": n, "a": [1, {"z": 1, "b": null}]}),
                    },
                );
                head = Head {
                    seq: event.seq,
                    hash: event.hash,
                };
                event
            })
            .collect()
    }

    fn checkpoint(event: &Event) -> Checkpoint {
        Checkpoint {
            seq: event.seq,
            hash: event.hash,
            at: event.draft.at,
            key_id: String::new(),
            signature: "ok".into(),
        }
    }

    fn verify(events: &[Event], checkpoints: Vec<Checkpoint>) -> Result<Verified, Broken> {
        let mut verifier = Verifier::new(Head::EMPTY, checkpoints);
        for event in events {
            verifier.event(event, &|checkpoint, _| checkpoint.signature == "ok")?;
        }
        verifier.finish()
    }

    #[test]
    fn an_untouched_chain_verifies_also_after_json() {
        let events = chain(20);
        let text = serde_json::to_string(&events).unwrap();
        let read: Vec<Event> = serde_json::from_str(&text).unwrap();
        let verified = verify(&read, vec![checkpoint(&events[9])]).unwrap();
        assert_eq!((verified.head.seq, verified.checkpoints), (20, 1));
    }

    #[test]
    fn key_order_does_not_change_the_hash() {
        let a: serde_json::Value = serde_json::from_str(r#"{"x":1,"a":{"c":2,"b":3}}"#).unwrap();
        let b: serde_json::Value = serde_json::from_str(r#"{"a":{"b":3,"c":2},"x":1}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
    }

    #[test]
    fn a_cut_off_end_shows_by_its_checkpoint() {
        let events = chain(5);
        assert_eq!(
            verify(&events[..3], vec![checkpoint(&events[4])]),
            Err(Broken::CutOff(5, 3))
        );
    }

    #[test]
    fn a_rewritten_chain_shows_by_its_checkpoint() {
        let events = chain(5);
        let mut forged = checkpoint(&events[2]);
        forged.hash = Hash([9; 32]);
        assert_eq!(verify(&events, vec![forged]), Err(Broken::Checkpoint(3)));
        let mut unsigned = checkpoint(&events[2]);
        unsigned.signature.clear();
        assert_eq!(verify(&events, vec![unsigned]), Err(Broken::Signature(3)));
    }

    proptest! {
        #[test]
        fn any_tampering_is_found(at in 0usize..12, how in 0u8..6) {
            let mut events = chain(12);
            let last = checkpoint(&events[11]);
            match how {
                0 => { events.remove(at); }
                1 => { let event = events[at].clone(); events.insert(at, event); }
                2 => events[at].draft.data = json!({"n": 99}),
                3 => events[at].draft.actor = Actor::operator(),
                4 => events[at].draft.at = Timestamp::from_millis(77),
                _ => { let other = (at + 1) % 12; events.swap(at, other); }
            }
            prop_assert!(verify(&events, vec![last]).is_err());
        }
    }
}
