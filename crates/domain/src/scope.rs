//! Who acts, and what they may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// A permission of an API token or a session.
    Scope, "scope" {
        /// See devices, their facts and commands.
        DevicesRead = "devices:read",
        /// Send commands that are not hazardous, edit labels.
        DevicesWrite = "devices:write",
        /// Lock devices, switch lost mode.
        DevicesLock = "devices:lock",
        /// Erase devices, end their management.
        DevicesWipe = "devices:wipe",
        /// Send commands that nobody checked.
        DevicesRaw = "devices:raw",
        /// Reveal escrowed secrets.
        SecretsReveal = "secrets:reveal",
        /// Make and revoke enrollment tokens.
        EnrollmentWrite = "enrollment:write",
        /// Write declarations and assign them.
        DeclarationsWrite = "declarations:write",
        /// Read the journal.
        JournalRead = "journal:read",
        /// Manage webhooks.
        WebhooksWrite = "webhooks:write",
        /// Manage API tokens.
        TokensWrite = "tokens:write",
        /// Change the installation: push certificates, certificates, administrators.
        SettingsWrite = "settings:write",
    }
}

words! {
    /// What kind of party acts.
    ActorKind, "actor" {
        /// A person signed in.
        Admin = "admin",
        /// A program with an API token.
        Token = "token",
        /// A managed device.
        Device = "device",
        /// Somebody opening an enrollment page.
        Visitor = "visitor",
        /// Muster itself.
        System = "system",
        /// The operator, at the machine's own command line.
        Operator = "operator",
    }
}

/// Who acts, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of party.
    pub kind: ActorKind,
    /// Its identifier; empty for the system.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its name as it was then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The network address it came from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
}

impl Actor {
    /// Muster itself.
    pub const fn system() -> Self {
        Self {
            kind: ActorKind::System,
            id: String::new(),
            name: String::new(),
            address: String::new(),
        }
    }

    /// The operator at the command line.
    pub const fn operator() -> Self {
        Self {
            kind: ActorKind::Operator,
            id: String::new(),
            name: String::new(),
            address: String::new(),
        }
    }

    /// A party with an identifier and a name.
    pub fn new(kind: ActorKind, id: impl ToString, name: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.to_string(),
            name: name.into(),
            address: String::new(),
        }
    }

    /// The same party, coming from an address.
    #[must_use]
    pub fn at(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }
}

/// A party that proved itself, with what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Who.
    pub actor: Actor,
    /// May do what.
    pub scopes: BTreeSet<Scope>,
}

/// The party lacks a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs the scope {0}")]
pub struct Denied(pub Scope);

impl Authority {
    /// Passes when the scope is held.
    ///
    /// # Errors
    /// [`Denied`] with the missing scope.
    pub fn require(&self, scope: Scope) -> Result<(), Denied> {
        if self.scopes.contains(&scope) {
            Ok(())
        } else {
            Err(Denied(scope))
        }
    }
}

/// The scope that a command of this hazard needs.
pub const fn scope_for(hazard: crate::command::Hazard) -> Scope {
    use crate::command::Hazard;
    match hazard {
        Hazard::None | Hazard::Publish => Scope::DevicesWrite,
        Hazard::Lock | Hazard::PasscodeClear => Scope::DevicesLock,
        Hazard::Wipe | Hazard::Unenroll => Scope::DevicesWipe,
        Hazard::Raw => Scope::DevicesRaw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Hazard;

    #[test]
    fn a_reader_cannot_wipe() {
        let reader = Authority {
            actor: Actor::system(),
            scopes: BTreeSet::from([Scope::DevicesRead, Scope::DevicesWrite, Scope::DevicesLock]),
        };
        assert_eq!(
            reader.require(scope_for(Hazard::Wipe)),
            Err(Denied(Scope::DevicesWipe))
        );
        assert_eq!(reader.require(scope_for(Hazard::Lock)), Ok(()));
    }
}
