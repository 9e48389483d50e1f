//! How endpoints read requests. Whatever cannot be read is answered with a problem.

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use domain::scope::Actor;
use engine::idempotency::IdempotencyKey;
use http_body_util::BodyExt as _;
use serde::{Serialize, de::DeserializeOwned};

use crate::problem::{Code, Problem};

/// The variable parts of the path. A text that is no identifier names nothing.
pub(crate) struct Of<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Of<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::new(Code::NotFound)),
        }
    }
}

/// The query. The gate has refused parameters that the endpoint does not know.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|error| {
                let text = error.body_text();
                let detail = text
                    .split_once(": ")
                    .map_or(text.as_str(), |(_, rest)| rest);
                Problem::bad_request(format!("the query: {detail}"))
            })
    }
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(parts.headers.get(header::CONTENT_TYPE)) {
            return Err(Problem::new(Code::UnsupportedMediaType)
                .because("the body must be application/json"));
        }
        // The gate has read and bounded it.
        let bytes = body
            .collect()
            .await
            .map_err(|_| Problem::bad_request("the body broke off"))?
            .to_bytes();
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The body and whatever tells one request from another: for requests that act once.
pub(crate) struct OnceOnly {
    method: Method,
    path: String,
    key: HeaderValue,
    /// The JSON in the body; null when there is none.
    pub(crate) body: serde_json::Value,
    bytes: axum::body::Bytes,
}

impl OnceOnly {
    /// The key for this actor's request.
    pub(crate) fn key(&self, actor: &Actor) -> Result<IdempotencyKey, Problem> {
        let key = self.key.to_str().unwrap_or_default();
        let request: [&[u8]; 3] = [
            self.method.as_str().as_bytes(),
            self.path.as_bytes(),
            &self.bytes,
        ];
        IdempotencyKey::new(actor, key, &request)
            .map_err(|error| Problem::bad_request(error.to_string()).at("Idempotency-Key"))
    }
}

impl<S: Send + Sync> FromRequest<S> for OnceOnly {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = body
            .collect()
            .await
            .map_err(|_| Problem::bad_request("the body broke off"))?
            .to_bytes();
        let key = parts
            .headers
            .get("idempotency-key")
            .cloned()
            .ok_or_else(|| Problem::new(Code::IdempotencyKeyRequired).at("Idempotency-Key"))?;
        let json = if bytes.is_empty() {
            serde_json::Value::Null
        } else if is_json(parts.headers.get(header::CONTENT_TYPE)) {
            parse(&bytes)?
        } else {
            return Err(Problem::new(Code::UnsupportedMediaType)
                .because("the body must be application/json"));
        };
        Ok(Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            key,
            body: json,
            bytes,
        })
    }
}

/// The row version that an `If-Match` header demands (RFC 9110 section 13.1.1).
pub(crate) struct IfMatch(pub(crate) Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let version = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) if value == "*" => None,
            (Some(value), None) => {
                Some(version_of(value).ok_or_else(|| Problem::new(Code::Stale).at("If-Match"))?)
            }
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request("give one entity tag").at("If-Match"));
            }
        };
        Ok(Self(version))
    }
}

/// A row version as a strong entity tag.
pub(crate) fn etag(version: i64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

/// A row version out of our own entity tag; other tags match nothing.
fn version_of(value: &HeaderValue) -> Option<i64> {
    value
        .to_str()
        .ok()?
        .trim()
        .strip_prefix('"')?
        .strip_suffix('"')?
        .parse()
        .ok()
}

/// How many items a page has: as asked, at most 500, 100 when nothing was said.
pub(crate) fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(100) {
        limit @ 1..=500 => Ok(limit),
        _ => Err(Problem::bad_request("a page has 1 to 500 items").at("limit")),
    }
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|essence| {
            let essence = essence.trim().to_ascii_lowercase();
            essence == "application/json"
                || (essence.starts_with("application/") && essence.ends_with("+json"))
        })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let problem = Problem::new(Code::Invalid).because(error.inner().to_string());
        if path == "." {
            problem
        } else {
            problem.at(path)
        }
    })?;
    reader
        .end()
        .map_err(|error| Problem::new(Code::Invalid).because(error.to_string()))?;
    // Databases differ in whether a text may hold one; so nobody's does.
    if bytes.windows(6).any(|six| six == b"\\u0000") {
        return Err(Problem::new(Code::Invalid).because("the body holds a null character"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        number: u8,
    }

    fn problem(body: &str) -> String {
        serde_json::to_string(&parse::<Outer>(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn a_wrong_body_is_answered_with_the_place() {
        assert!(parse::<Outer>(br#"{"inner":[{"number":1}]}"#).is_ok());
        let text = problem(r#"{"inner":[{"number":1},{"number":"x"}]}"#);
        assert!(text.contains(r#""field":"inner[1].number""#), "{text}");
        assert!(problem("{").contains("EOF"));
        assert!(problem(r#"{"inner":[]} x"#).contains("trailing"));
        assert!(problem(r#"{"inner":[],"other":1}"#).contains("other"));
    }

    #[test]
    fn every_prefix_of_a_body_is_refused() {
        let whole = br#"{"inner":[{"number":1}]}"#;
        for length in 0..whole.len() {
            assert!(parse::<Outer>(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn only_our_own_entity_tags_match() {
        let version = |text: &'static str| version_of(&HeaderValue::from_static(text));
        assert_eq!(version("\"7\""), Some(7));
        for other in ["7", "W/\"7\"", "\"x\"", "\"7\", \"8\"", ""] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn media_types_are_compared_without_their_parameters() {
        let is = |text: &'static str| is_json(Some(&HeaderValue::from_static(text)));
        assert!(is("application/json; charset=utf-8"));
        assert!(is("application/merge-patch+json"));
        assert!(!is("text/plain"));
        assert!(!is_json(None));
    }
}
