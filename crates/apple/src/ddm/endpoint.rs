//! What a device asks for.

use super::declaration::DeclarationKind;

/// The `Endpoint` of a DeclarativeManagement check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `tokens`: whether anything changed.
    Tokens,
    /// `declaration-items`: which declarations there are.
    DeclarationItems,
    /// `status`: the device reports; reply 200 with zero bytes.
    Status,
    /// `declaration/<kind>/<identifier>`: one declaration; 404 when unknown.
    Declaration {
        /// Its kind.
        kind: DeclarationKind,
        /// Its identifier, which may itself contain slashes.
        identifier: String,
    },
    /// Something else. Answer 400.
    Unknown(String),
}

impl Endpoint {
    /// Reads an endpoint; never fails.
    pub fn parse(text: &str) -> Self {
        match text {
            "tokens" => return Self::Tokens,
            "declaration-items" => return Self::DeclarationItems,
            "status" => return Self::Status,
            _ => {}
        }
        let mut parts = text.splitn(3, '/');
        if let (Some("declaration"), Some(word), Some(identifier)) =
            (parts.next(), parts.next(), parts.next())
            && let Some(kind) = DeclarationKind::from_word(word)
            && !identifier.is_empty()
        {
            return Self::Declaration {
                kind,
                identifier: identifier.to_owned(),
            };
        }
        Self::Unknown(text.chars().take(200).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_two_slashes_divide() {
        assert_eq!(
            Endpoint::parse("declaration/asset/com.example/a/b"),
            Endpoint::Declaration {
                kind: DeclarationKind::Asset,
                identifier: "com.example/a/b".into(),
            }
        );
        assert_eq!(Endpoint::parse("tokens"), Endpoint::Tokens);
        assert_eq!(Endpoint::parse("status"), Endpoint::Status);
        assert_eq!(
            Endpoint::parse("declaration-items"),
            Endpoint::DeclarationItems
        );
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in [
            "",
            "declaration",
            "declaration/asset",
            "declaration/asset/",
            "declaration/profile/x",
            "Tokens",
        ] {
            assert_eq!(Endpoint::parse(text), Endpoint::Unknown(text.into()));
        }
    }
}
