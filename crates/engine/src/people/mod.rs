//! People and programs that administer: how they prove who they are.
//!
//! A person signs in with a one-time link or a passkey and then holds a session
//! (an opaque cookie); a program holds an API token. Of links, cookies and tokens
//! only the SHA-256 is kept. Every refusal is [`crate::EngineError::SignIn`], whatever
//! was wrong, is counted in `muster_sign_ins_refused_total`, and costs at most one
//! query; texts that do not even have the right form cost none.

mod admins;
mod ceremony;
mod links;
mod passkeys;
mod sessions;
mod tokens;

use std::collections::BTreeSet;

use domain::{
    AdminId,
    scope::{Actor, ActorKind, Authority, Scope},
};

use crate::EngineError;

pub use ceremony::Ceremony;
pub use links::{LinkOwner, SIGN_IN_LINK_PATH, SignInLink};
pub use passkeys::{PasskeyInfo, Passkeys};
pub use sessions::{Browser, NewSession, SessionAuthority, SessionInfo};
pub use tokens::{API_TOKEN_PREFIX, CreatedApiToken, NewApiToken};

/// The longest name of a person, token or passkey, in characters.
const LONGEST_NAME: usize = 100;

/// What a signed-in administrator may do: everything, as long as there are no roles.
pub fn administrator_scopes() -> BTreeSet<Scope> {
    Scope::ALL.iter().copied().collect()
}

/// A person, as the journal names them.
fn person(id: AdminId, name: &str, address: Option<&str>) -> Actor {
    Actor::new(ActorKind::Admin, id, name).at(address.unwrap_or_default())
}

/// The operator at the machine's own command line, who may do everything.
pub fn operator() -> Authority {
    Authority {
        actor: Actor::operator(),
        scopes: administrator_scopes(),
    }
}

/// A name as a person typed it, without surrounding space.
fn name_of(what: &str, text: &str) -> Result<String, EngineError> {
    let name = text.trim();
    if name.is_empty() {
        return Err(EngineError::invalid(format!("{what} needs a name")));
    }
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(EngineError::invalid(format!(
            "the name of {what} has at most {LONGEST_NAME} characters, all of them printable"
        )));
    }
    Ok(name.to_owned())
}

/// The SHA-256 of a secret, if its text has the form that we give out: the prefix and 256 bits
/// in base64url. Anything else is refused before a query is made for it.
fn hash_of_secret(prefix: &str, text: &str) -> Option<[u8; 32]> {
    let body = text.strip_prefix(prefix)?;
    let well_formed = body.len() == 43
        && body
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    well_formed.then(|| crate::sha256(text.as_bytes()))
}

/// Counts a refusal and gives the one error for all of them.
fn refused(by: &'static str) -> EngineError {
    ::metrics::counter!("muster_sign_ins_refused_total", "by" => by).increment(1);
    EngineError::SignIn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_that_we_give_out_is_looked_up() {
        let body = "A".repeat(43);
        assert!(hash_of_secret("muster_", &format!("muster_{body}")).is_some());
        for wrong in [
            String::new(),
            body.clone(),
            format!("muster_{body}A"),
            format!("muster_{}", "A".repeat(42)),
            format!("muster_{}=", "A".repeat(42)),
            format!("Muster_{body}"),
        ] {
            assert_eq!(hash_of_secret("muster_", &wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name_of("a token", " backup ").unwrap(), "backup");
        assert!(name_of("a token", "  ").is_err());
        assert!(name_of("a token", &"x".repeat(101)).is_err());
        assert!(name_of("a token", "a\u{7}b").is_err());
    }
}
