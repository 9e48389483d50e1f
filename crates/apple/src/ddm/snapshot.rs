//! The set of declarations that was advertised to one channel.

use std::collections::BTreeMap;

use domain::{Channel, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    canonical::canonical,
    declaration::{Declaration, DeclarationError, DeclarationKind},
};
use crate::sha256;

/// A declaration and the channel it is meant for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scoped {
    /// Device or user channel.
    pub channel: Channel,
    /// The declaration.
    pub declaration: Declaration,
}

/// A declaration that is not served, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its identifier.
    pub identifier: String,
    /// Why.
    pub error: DeclarationError,
}

/// The declarations of one channel at one moment.
///
/// What was advertised is what is served: keep the snapshot until the device has
/// fetched the next one's tokens, so that a change in the middle of a
/// synchronization does not make it fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Snapshot {
    channel: Channel,
    declarations: BTreeMap<(DeclarationKind, String), Declaration>,
    token: String,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    channel: Channel,
    declarations: Vec<Declaration>,
}

impl Snapshot {
    /// The snapshot of a channel's declarations; their order does not matter.
    ///
    /// Identifiers are unique over all kinds: of two declarations with the same one,
    /// the same one is left out whatever the order they come in.
    pub fn new(
        channel: Channel,
        declarations: impl IntoIterator<Item = Declaration>,
    ) -> (Self, Vec<Rejected>) {
        let mut sorted: Vec<Declaration> = declarations.into_iter().collect();
        sorted.sort_by(|a, b| {
            (a.identifier(), a.kind(), a.server_token()).cmp(&(
                b.identifier(),
                b.kind(),
                b.server_token(),
            ))
        });
        let mut kept: BTreeMap<(DeclarationKind, String), Declaration> = BTreeMap::new();
        let mut rejected = Vec::new();
        let mut last: Option<String> = None;
        for declaration in sorted {
            let identifier = declaration.identifier().to_owned();
            if last.as_ref() == Some(&identifier) {
                let same = kept
                    .get(&(declaration.kind(), identifier.clone()))
                    .is_some_and(|known| known.server_token() == declaration.server_token());
                if !same {
                    rejected.push(Rejected {
                        identifier,
                        error: DeclarationError::Duplicate,
                    });
                }
                continue;
            }
            last = Some(identifier.clone());
            kept.insert((declaration.kind(), identifier), declaration);
        }
        let token = token(channel, &kept);
        (
            Self {
                channel,
                declarations: kept,
                token,
            },
            rejected,
        )
    }

    /// The snapshot of those declarations that are meant for a channel.
    pub fn of_channel(
        channel: Channel,
        declarations: impl IntoIterator<Item = Scoped>,
    ) -> (Self, Vec<Rejected>) {
        Self::new(
            channel,
            declarations
                .into_iter()
                .filter(|scoped| scoped.channel == channel)
                .map(|scoped| scoped.declaration),
        )
    }

    /// The channel.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// `DeclarationsToken`: the same for the same set.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The declarations, by kind and identifier.
    pub fn declarations(&self) -> impl Iterator<Item = &Declaration> {
        self.declarations.values()
    }

    /// How many declarations.
    pub fn len(&self) -> usize {
        self.declarations.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.declarations.is_empty()
    }

    /// One declaration; the reply to `declaration/<kind>/<identifier>` is its
    /// [`encode`](Declaration::encode).
    pub fn find(&self, kind: DeclarationKind, identifier: &str) -> Option<&Declaration> {
        self.declarations.get(&(kind, identifier.to_owned()))
    }

    /// The reply to `tokens`, also the `Data` of the DeclarativeManagement command.
    ///
    /// `changed_at` is when this set came about, not the present: the reply is stable.
    pub fn tokens_response(&self, changed_at: Timestamp) -> Vec<u8> {
        tokens_response(&self.token, changed_at)
    }

    /// The reply to `declaration-items`.
    pub fn declaration_items(&self) -> Vec<u8> {
        let mut lists = Map::new();
        for kind in DeclarationKind::ALL {
            let items: Vec<Value> = self
                .declarations()
                .filter(|declaration| declaration.kind() == kind)
                .map(|declaration| {
                    json!({
                        "Identifier": declaration.identifier(),
                        "ServerToken": declaration.server_token(),
                    })
                })
                .collect();
            lists.insert(kind.manifest_key().into(), items.into());
        }
        canonical(&json!({ "Declarations": lists, "DeclarationsToken": self.token })).into_bytes()
    }
}

/// The reply to `tokens` for a known token.
pub fn tokens_response(token: &str, changed_at: Timestamp) -> Vec<u8> {
    let text = changed_at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    canonical(&json!({
        "SyncTokens": { "DeclarationsToken": token, "Timestamp": format!("{seconds}Z") }
    }))
    .into_bytes()
}

fn token(
    channel: Channel,
    declarations: &BTreeMap<(DeclarationKind, String), Declaration>,
) -> String {
    // Identifiers hold no control characters, so lines cannot run into each other.
    let mut text = format!("declarations\n{channel}\n");
    for ((kind, identifier), declaration) in declarations {
        text.push_str(&format!(
            "{kind}\t{identifier}\t{}\n",
            declaration.server_token()
        ));
    }
    hex::encode(sha256(&[text.as_bytes()]))
}

impl From<Stored> for Snapshot {
    fn from(stored: Stored) -> Self {
        Self::new(stored.channel, stored.declarations).0
    }
}

impl From<Snapshot> for Stored {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            channel: snapshot.channel,
            declarations: snapshot.declarations.into_values().collect(),
        }
    }
}
