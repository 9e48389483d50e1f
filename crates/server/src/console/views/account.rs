//! A person's own account.

use askama::Template;
use domain::Timestamp;

use super::{Section, Shell};
use crate::console::{assets, format};

/// A passkey of the person signed in.
#[derive(Debug, Clone)]
pub struct PasskeyRow {
    /// Its id, for the form that removes it.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_used_at: Option<Timestamp>,
}

/// `/account`: roles and passkeys.
#[derive(Debug, Clone, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// What all pages share.
    pub shell: Shell,
    /// Name of the account.
    pub name: String,
    /// What the person may do, in words.
    pub roles: Vec<String>,
    /// The person's passkeys, oldest first.
    pub passkeys: Vec<PasskeyRow>,
    /// When this session ends.
    pub session_ends_at: Timestamp,
}
