//! Coming in and going out.

use askama::Template;

use super::{Section, Shell};
use crate::console::{assets, format};

/// `/sign-in`: with a passkey, or by asking for a one-time link.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What all pages share.
    pub shell: Shell,
    /// Why the last attempt did not work; empty for a first visit.
    pub problem: String,
    /// The command that prints a one-time link on the server.
    pub link_command: String,
}

/// `/sign-in/link/{token}`: asks before the link is used up, because programs
/// that preview links open them as well.
#[derive(Debug, Clone, Template)]
#[template(path = "confirm_sign_in.html")]
pub struct ConfirmSignInPage {
    /// What all pages share.
    pub shell: Shell,
    /// Address the form is sent to: this page's own.
    pub action: String,
    /// Whom the link signs in.
    pub name: String,
}

/// The page after signing out.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// What all pages share.
    pub shell: Shell,
}
