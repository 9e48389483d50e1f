//! What people and programs are told when a request is not carried out: problem+json (RFC 9457).
//!
//! Every error leaves through this file. `code` is stable and listed in [`CODES`]; `detail` is
//! for people and may change. Errors of ours say nothing about their cause: it is in the log,
//! under the `correlation` of the answer.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::scope::{Denied, Scope};
use engine::{EngineError, Entropy as _, SystemEntropy};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// What kind of problem it is; the word for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No acceptable token came with the request.
    Unauthenticated,
    /// The token lacks a scope, which `scope` names.
    MissingScope,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The path exists, but not for this method.
    WrongMethod,
    /// A header, a query parameter or the body's form is wrong.
    BadRequest,
    /// The cursor was not made by this list, in this order.
    BadCursor,
    /// The request needs an `Idempotency-Key` header.
    IdempotencyKeyRequired,
    /// The body is too large.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The body must be JSON.
    UnsupportedMediaType,
    /// The request is readable but makes no sense; `field` may name the place.
    Invalid,
    /// The device cannot take this command.
    Unfit,
    /// It is not possible in the present state.
    Conflict,
    /// Somebody else changed it first; read it again.
    Stale,
    /// The enrollment is refused.
    EnrollmentRefused,
    /// Too many tokens from this address were wrong; wait.
    TooManyAttempts,
    /// A vendor's service does not work as it should.
    Vendor,
    /// The server cannot serve now; try again.
    Unavailable,
    /// A mistake of the server's; its operator finds `correlation` in the log.
    Internal,
}

/// All codes, each with its status and what it means. The documentation lists them from here.
pub const CODES: &[(Code, StatusCode, &str)] = &[
    (
        Code::Unauthenticated,
        StatusCode::UNAUTHORIZED,
        "No acceptable token came with the request",
    ),
    (
        Code::MissingScope,
        StatusCode::FORBIDDEN,
        "The token lacks a scope",
    ),
    (
        Code::NotFound,
        StatusCode::NOT_FOUND,
        "There is no such thing",
    ),
    (
        Code::WrongMethod,
        StatusCode::METHOD_NOT_ALLOWED,
        "The path exists, but not for this method",
    ),
    (
        Code::BadRequest,
        StatusCode::BAD_REQUEST,
        "The request cannot be read",
    ),
    (
        Code::BadCursor,
        StatusCode::BAD_REQUEST,
        "The cursor was not made by this list",
    ),
    (
        Code::IdempotencyKeyRequired,
        StatusCode::BAD_REQUEST,
        "The request needs an Idempotency-Key header",
    ),
    (
        Code::TooLarge,
        StatusCode::PAYLOAD_TOO_LARGE,
        "The body is too large",
    ),
    (
        Code::TooSlow,
        StatusCode::REQUEST_TIMEOUT,
        "The body did not arrive in time",
    ),
    (
        Code::UnsupportedMediaType,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body must be JSON",
    ),
    (
        Code::Invalid,
        StatusCode::UNPROCESSABLE_ENTITY,
        "The request makes no sense",
    ),
    (
        Code::Unfit,
        StatusCode::UNPROCESSABLE_ENTITY,
        "The device cannot take this command",
    ),
    (
        Code::Conflict,
        StatusCode::CONFLICT,
        "It is not possible in the present state",
    ),
    (
        Code::Stale,
        StatusCode::PRECONDITION_FAILED,
        "Somebody else changed it first",
    ),
    (
        Code::EnrollmentRefused,
        StatusCode::FORBIDDEN,
        "The enrollment is refused",
    ),
    (
        Code::TooManyAttempts,
        StatusCode::TOO_MANY_REQUESTS,
        "Too many tokens from this address were wrong",
    ),
    (
        Code::Vendor,
        StatusCode::BAD_GATEWAY,
        "A vendor's service does not work as it should",
    ),
    (
        Code::Unavailable,
        StatusCode::SERVICE_UNAVAILABLE,
        "The server cannot serve now",
    ),
    (
        Code::Internal,
        StatusCode::INTERNAL_SERVER_ERROR,
        "A mistake of the server's",
    ),
];

impl Code {
    /// Its HTTP status.
    pub fn status(self) -> StatusCode {
        self.entry().0
    }

    /// What it means, for people.
    pub fn title(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (StatusCode, &'static str) {
        CODES.iter().find(|(code, ..)| *code == self).map_or(
            (StatusCode::INTERNAL_SERVER_ERROR, ""),
            |(_, status, title)| (*status, *title),
        )
    }
}

/// Why a request was not carried out. Nothing was changed, unless `code` is `unavailable`: then
/// the outcome may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The HTTP status again.
    #[schema(example = 422)]
    status: u16,
    /// What kind of problem it is, for programs.
    code: Code,
    /// What kind of problem it is, for people.
    #[schema(example = "The request makes no sense")]
    title: &'static str,
    /// What exactly was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "missing field `name`")]
    detail: Option<String>,
    /// The part of the request that was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "name")]
    field: Option<String>,
    /// The scope that the token lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "devices:wipe")]
    scope: Option<Scope>,
    /// Under which the server's log tells more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "5f0c1d2e3a4b5c6d")]
    correlation: Option<String>,
    /// Seconds after which to try again; also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem that says no more than its code.
    pub fn new(code: Code) -> Self {
        Self {
            status: code.status().as_u16(),
            code,
            title: code.title(),
            detail: None,
            field: None,
            scope: None,
            correlation: None,
            retry_after: None,
        }
    }

    /// What exactly was wrong, for the caller.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Which part of the request was wrong.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A header, a query parameter or the body's form is wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Code::BadRequest).because(detail)
    }

    /// An error of ours: the log gets the cause, the caller a number to ask about.
    fn hidden(code: Code, cause: &dyn std::fmt::Display) -> Self {
        let mut number = [0; 8];
        SystemEntropy.fill(&mut number);
        let correlation = hex::encode(number);
        tracing::error!(%correlation, %cause, "a request could not be carried out");
        Self {
            correlation: Some(correlation),
            ..Self::new(code)
        }
    }

    /// The kind of problem.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Denied(Denied(scope)) => Self {
                scope: Some(scope),
                ..Self::new(Code::MissingScope).because(Denied(scope).to_string())
            },
            EngineError::NotFound(_) => Self::new(Code::NotFound).because(error.to_string()),
            EngineError::Invalid(text) => Self::new(Code::Invalid).because(text),
            EngineError::Conflict(text) => Self::new(Code::Conflict).because(text),
            EngineError::Unfit(text) => Self::new(Code::Unfit).because(text),
            EngineError::Stale => Self::new(Code::Stale),
            EngineError::Refused(refusal) => {
                Self::new(Code::EnrollmentRefused).because(refusal.to_string())
            }
            EngineError::SignIn => Self::new(Code::Unauthenticated),
            EngineError::Vendor(text) => Self::hidden(Code::Vendor, &text),
            EngineError::Keys(text) => Self::hidden(Code::Internal, &text),
            EngineError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::Conflict => Self::new(Code::Unavailable).after(1),
            StoreError::Unavailable { .. } => Self::hidden(Code::Unavailable, &error).after(5),
            StoreError::Full => Self::hidden(Code::Unavailable, &error).after(60),
            StoreError::Corrupt(_)
            | StoreError::Constraint { .. }
            | StoreError::Panicked
            | StoreError::Migration(_)
            | StoreError::Invalid(_)
            | StoreError::Statement { .. } => Self::hidden(Code::Internal, &error),
        }
    }
}

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
        put(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        put(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthenticated {
            put(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"muster\""),
            );
        }
        if let Some(seconds) = self.retry_after {
            put(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: &Problem) -> String {
        serde_json::to_string(problem).unwrap()
    }

    #[test]
    fn every_code_is_listed_once() {
        let mut seen = Vec::new();
        for (code, status, title) in CODES {
            assert!(!seen.contains(code), "{code:?} twice");
            seen.push(*code);
            assert!(status.is_client_error() || status.is_server_error());
            assert!(!title.is_empty());
        }
        // The last variant: a new one that is not listed fails here or above it.
        assert_eq!(seen.len(), Code::Internal as usize + 1);
    }

    #[test]
    fn the_cause_of_an_error_of_ours_stays_in_the_log() {
        for error in [
            EngineError::Keys("the key db-master-7".into()),
            EngineError::Vendor("proxy at 10.9.8.7".into()),
            EngineError::Store(StoreError::Corrupt("/var/lib/planted".into())),
            EngineError::Store(StoreError::Unavailable {
                reason: "host=10.9.8.7 planted".into(),
                outcome_unknown: false,
            }),
            EngineError::Store(StoreError::Statement {
                statement: "planted".into(),
                reason: "planted".into(),
            }),
        ] {
            let text = body(&error.into());
            for planted in ["db-master-7", "10.9.8.7", "planted"] {
                assert!(!text.contains(planted), "{text}");
            }
            assert!(text.contains("correlation"), "{text}");
        }
    }

    #[test]
    fn a_busy_server_says_when_to_come_back() {
        let response = Problem::from(StoreError::Busy).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
