//! Forms as they were sent.

use axum::{extract::FromRequestParts, http::request::Parts};

use super::answer::Fault;
use crate::console::{CSRF_FIELD, components::Form};

/// Fields that must not be sent back with a page.
const NEVER_BACK: [&str; 4] = [CSRF_FIELD, "key", "pin", "serial"];

/// The fields of a form in order; the gate has checked where it comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(pub(super) Vec<(String, String)>);

impl Sent {
    /// The first value of a field, without surrounding space; empty when it is not there.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.trim())
    }

    /// The first value of a field unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.value(name)).filter(|value| !value.is_empty())
    }

    /// All values of a field that may repeat.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// For the page to show again: as it was sent, but for what must be typed anew.
    pub(super) fn again(&self) -> Form {
        Form::from_pairs(
            self.0
                .iter()
                .filter(|(name, _)| !NEVER_BACK.contains(&name.as_str()))
                .cloned()
                .collect(),
        )
    }

    /// A whole number in a range.
    pub(super) fn number(&self, name: &str, least: u32, most: u32) -> Result<u32, String> {
        self.value(name)
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("Enter a whole number from {least} to {most}"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Sent {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Fault::bad_request("The form did not arrive."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_typed_anew_does_not_come_back() {
        let sent = Sent(
            [
                ("reason", "lost"),
                ("pin", "123456"),
                ("serial", "X"),
                ("_csrf", "t"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        );
        let form = sent.again();
        assert_eq!(form.value("reason"), "lost");
        for name in ["pin", "serial", "_csrf"] {
            assert_eq!(form.value(name), "", "{name}");
        }
    }

    #[test]
    fn numbers_are_whole_and_bounded() {
        let sent = Sent(vec![("days".to_owned(), " 14 ".to_owned())]);
        assert_eq!(sent.number("days", 1, 365), Ok(14));
        assert!(sent.number("days", 1, 7).is_err());
        assert!(sent.number("uses", 1, 7).is_err());
    }
}
