//! The client of declarative management: tokens, items, declarations, activation, status.

mod apply;
mod assets;
mod predicate;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{
    Device, EventKind,
    channel::{Channel, Endpoint},
};
use crate::{Error, Result, dict};

/// The four kinds of declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// `com.apple.activation.*`.
    Activation,
    /// `com.apple.asset.*` and `com.apple.credential.*`.
    Asset,
    /// `com.apple.configuration.*`.
    Configuration,
    /// `com.apple.management.*`.
    Management,
}

impl Group {
    /// All groups in the order they are fetched.
    pub const ALL: [Self; 4] = [
        Self::Management,
        Self::Asset,
        Self::Configuration,
        Self::Activation,
    ];

    /// The word in the `Endpoint`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Asset => "asset",
            Self::Configuration => "configuration",
            Self::Management => "management",
        }
    }

    /// The key in `Declarations` of `declaration-items`.
    const fn list(self) -> &'static str {
        match self {
            Self::Activation => "Activations",
            Self::Asset => "Assets",
            Self::Configuration => "Configurations",
            Self::Management => "Management",
        }
    }
}

/// One declaration a device holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// `Identifier`.
    pub identifier: String,
    /// `ServerToken` as advertised.
    pub server_token: String,
    /// `Type`; empty when it could not be fetched.
    pub kind: String,
    /// `Payload`.
    pub payload: Json,
    /// True while in effect.
    pub active: bool,
    /// `valid`, `invalid` or `unknown`.
    pub valid: &'static str,
    /// Code and description of what is wrong.
    pub reasons: Vec<(String, String)>,
}

/// Declarative management of one channel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declarations {
    /// True once the server asked for it.
    pub enabled: bool,
    /// The last `DeclarationsToken`.
    pub token: Option<String>,
    /// Declarations by group and identifier.
    pub held: BTreeMap<(Group, String), Declaration>,
    /// Status items subscribed to.
    pub subscriptions: BTreeSet<String>,
    /// Synchronizations that found something new.
    pub synchronizations: u64,
    /// Declarations fetched.
    pub fetched: u64,
    /// Status reports sent.
    pub reports: u64,
    /// What the server was last told, by status item.
    reported: BTreeMap<String, Json>,
}

impl Declarations {
    /// The declaration with this identifier, whatever its group.
    #[must_use]
    pub fn get(&self, identifier: &str) -> Option<&Declaration> {
        self.held
            .values()
            .find(|declaration| declaration.identifier == identifier)
    }

    /// Identifiers of the active configurations.
    #[must_use]
    pub fn active_configurations(&self) -> Vec<&str> {
        self.held
            .iter()
            .filter(|((group, _), declaration)| {
                *group == Group::Configuration && declaration.active
            })
            .map(|(_, declaration)| declaration.identifier.as_str())
            .collect()
    }
}

impl Device {
    pub(super) fn declarations(&mut self, channel: &Channel) -> &mut Declarations {
        match channel {
            Channel::Device => &mut self.state.declarations,
            Channel::User(_) => &mut self.state.user_declarations,
        }
    }

    /// Brings the declarations up to date; `tokens` came with the command.
    pub(super) async fn synchronize(
        &mut self,
        channel: &Channel,
        tokens: Option<&[u8]>,
    ) -> Result<()> {
        let first = !std::mem::replace(&mut self.declarations(channel).enabled, true);
        let fetched;
        let tokens = if let Some(tokens) = tokens {
            tokens
        } else {
            fetched = self.ask(channel, "tokens", None).await?;
            &fetched
        };
        let tokens = json(tokens)?;
        let advertised = text(&tokens["SyncTokens"], "DeclarationsToken", 256)?;
        text(&tokens["SyncTokens"], "Timestamp", 64)?;
        if self.declarations(channel).token.as_deref() != Some(advertised) {
            self.fetch_items(channel).await?;
            self.declarations(channel).synchronizations += 1;
            self.apply(channel).await?;
        }
        self.send_report(channel, first).await?;
        self.emit(EventKind::Synchronized);
        Ok(())
    }

    async fn fetch_items(&mut self, channel: &Channel) -> Result<()> {
        let items = json(&self.ask(channel, "declaration-items", None).await?)?;
        let token = text(&items, "DeclarationsToken", 256)?.to_owned();
        let mut wanted = BTreeMap::new();
        for group in Group::ALL {
            let list = items["Declarations"][group.list()]
                .as_array()
                .ok_or_else(|| {
                    Error::Declarative(format!("declaration-items without {}", group.list()))
                })?;
            for item in list {
                let identifier = text(item, "Identifier", 64)?.to_owned();
                let server_token = text(item, "ServerToken", 64)?.to_owned();
                if wanted
                    .insert((group, identifier.clone()), server_token)
                    .is_some()
                {
                    return Err(Error::Declarative(format!(
                        "{identifier} is advertised twice"
                    )));
                }
            }
        }
        self.declarations(channel)
            .held
            .retain(|key, _| wanted.contains_key(key));
        for ((group, identifier), server_token) in wanted {
            let key = (group, identifier.clone());
            if self
                .declarations(channel)
                .held
                .get(&key)
                .is_some_and(|held| held.server_token == server_token)
            {
                continue;
            }
            let declaration = self.fetch(channel, group, identifier, server_token).await?;
            let declarations = self.declarations(channel);
            declarations.fetched += 1;
            declarations.held.insert(key, declaration);
        }
        self.declarations(channel).token = Some(token);
        Ok(())
    }

    /// Fetches one declaration. One that is missing or malformed is kept as invalid, so that it
    /// fails alone.
    async fn fetch(
        &mut self,
        channel: &Channel,
        group: Group,
        identifier: String,
        token: String,
    ) -> Result<Declaration> {
        let endpoint = format!("declaration/{}/{identifier}", group.word());
        let mut declaration = Declaration {
            identifier,
            server_token: token,
            kind: String::new(),
            payload: Json::Null,
            active: false,
            valid: "unknown",
            reasons: Vec::new(),
        };
        let document = match self.ask(channel, &endpoint, None).await {
            Ok(bytes) => json(&bytes),
            Err(error @ Error::Status { status: 404, .. }) => Err(error),
            Err(error) => return Err(error),
        };
        if let Err(why) = document.and_then(|document| declaration.fill(group, document)) {
            declaration.valid = "invalid";
            declaration
                .reasons
                .push(("Error.DeclarationInvalid".into(), why.to_string()));
        }
        Ok(declaration)
    }

    /// Sends one DeclarativeManagement message and returns the reply's body.
    pub(super) async fn ask(
        &mut self,
        channel: &Channel,
        endpoint: &str,
        data: Option<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let mut message = self.check_in(channel, "DeclarativeManagement")?;
        message.extend(dict! { "Endpoint" => endpoint });
        if let Some(data) = data {
            message.extend(dict! { "Data" => data });
        }
        let reply = self.send(Endpoint::CheckIn, message).await?.ok(endpoint)?;
        Ok(reply.body.to_vec())
    }
}

impl Declaration {
    fn fill(&mut self, group: Group, mut document: Json) -> Result<()> {
        let bad = |why: String| Err(Error::Declarative(why));
        let kind = text(&document, "Type", 255)?.to_owned();
        let fits = match group {
            Group::Asset => {
                kind.starts_with("com.apple.asset.") || kind.starts_with("com.apple.credential.")
            }
            other => kind.starts_with(&format!("com.apple.{}.", other.word())),
        };
        if !fits {
            return bad(format!("{kind} is no {}", group.word()));
        }
        if text(&document, "Identifier", 64)? != self.identifier {
            return bad("the Identifier is another one".into());
        }
        if text(&document, "ServerToken", 64)? != self.server_token {
            return bad("the ServerToken is not the one advertised".into());
        }
        self.payload = document["Payload"].take();
        self.kind = kind;
        if !self.payload.is_object() {
            return bad("the Payload is not an object".into());
        }
        self.valid = "valid";
        Ok(())
    }
}

fn json(bytes: &[u8]) -> Result<Json> {
    serde_json::from_slice(bytes).map_err(|error| Error::Declarative(format!("not JSON: {error}")))
}

/// A required string of at most `limit` octets.
fn text<'a>(object: &'a Json, key: &str, limit: usize) -> Result<&'a str> {
    object[key]
        .as_str()
        .filter(|text| !text.is_empty() && text.len() <= limit)
        .ok_or_else(|| {
            Error::Declarative(format!(
                "{key} is missing, empty or longer than {limit} octets"
            ))
        })
}
