//! What can go wrong in a use case.

use domain::{scope::Denied, token::Refusal};
use store::StoreError;

/// Why a use case did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The party lacks a permission.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such thing, or the party may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The request makes no sense; the text says why and is for the caller.
    #[error("{0}")]
    Invalid(String),
    /// It is not possible in the present state; the text says why and is for the caller.
    #[error("{0}")]
    Conflict(String),
    /// The device cannot take this command; the text says why.
    #[error("{0}")]
    Unfit(String),
    /// Somebody else changed it first.
    #[error("it was changed by somebody else in the meantime")]
    Stale,
    /// An enrollment is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A sign-in is refused; the same words whatever was wrong.
    #[error("the sign-in was not accepted")]
    SignIn,
    /// A vendor's service does not work as it should.
    #[error("{0}")]
    Vendor(String),
    /// The database cannot serve.
    #[error("the database cannot serve: {0}")]
    Store(#[from] StoreError),
    /// Keys or certificates do not work; the operator must look.
    #[error("keys or certificates: {0}")]
    Keys(String),
}

/// The result of a use case.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

impl EngineError {
    /// For the caller: what was wrong with the request.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    pub(crate) fn keys(error: impl std::fmt::Display) -> Self {
        Self::Keys(error.to_string())
    }
}
