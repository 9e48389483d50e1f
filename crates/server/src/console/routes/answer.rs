//! How handlers answer: pages, ways to the next page, faults.

use askama::Template;
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
};
use engine::EngineError;
use serde::de::DeserializeOwned;

use super::visit::{Done, Visit};
use crate::{
    console::{components::Form, views::ProblemPage},
    problem::{Code, Problem},
};

/// What a handler gives.
pub(super) type Answer = Result<Response, Fault>;

/// A page.
pub(super) fn page(page: &impl Template) -> Answer {
    page_with(StatusCode::OK, page)
}

/// A page whose form has something wrong.
pub(super) fn invalid(page: &impl Template) -> Answer {
    page_with(StatusCode::UNPROCESSABLE_ENTITY, page)
}

fn page_with(status: StatusCode, page: &impl Template) -> Answer {
    let html = page.render().map_err(|error| Fault::hidden(&error))?;
    Ok((status, Html(html)).into_response())
}

/// The way to another page of ours, by GET.
pub(super) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// The way to the page that says what was done.
pub(super) fn done(path: &str, what: Done) -> Response {
    see_other(&format!("{path}?done={}", what.word()))
}

/// Why a request was not carried out. The gate renders it: as a page for people, as
/// problem+json for scripts.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    status: StatusCode,
    code: String,
    detail: String,
    correlation: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, code: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            detail: String::new(),
            correlation: String::new(),
        }
    }

    pub(super) fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    pub(super) fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }

    pub(super) fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated")
    }

    /// A form that none of our pages sent, or one of a session that is over.
    pub(super) fn forged() -> Self {
        Self::new(StatusCode::FORBIDDEN, "form_expired").saying(
            "The form did not come from a page of this session. Load the page again and repeat what you did.",
        )
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large").saying("The form is too large.")
    }

    pub(super) fn too_many(detail: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many").saying(detail)
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request").saying(detail)
    }

    /// An error of ours that is not the engine's.
    pub(super) fn hidden(error: &dyn std::fmt::Display) -> Self {
        EngineError::Keys(error.to_string()).into()
    }

    /// The same form with what was wrong at a field, when the person can mend it.
    ///
    /// # Errors
    /// The fault itself otherwise.
    pub(super) fn on_form(self, form: Form, field: &str) -> Result<Form, Self> {
        let mendable = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::CONFLICT];
        if mendable.contains(&self.status) && !self.detail.is_empty() {
            Ok(form.with_error(field, self.detail.trim_end_matches('.')))
        } else {
            Err(self)
        }
    }

    /// The answer, as a page or for a script.
    pub(super) fn render(self, visit: &Visit, script: bool) -> Response {
        if script {
            let body = serde_json::json!({
                "status": self.status.as_u16(),
                "code": self.code,
                "title": self.status.canonical_reason(),
                "detail": self.detail,
                "correlation": self.correlation,
            });
            let headers = [(header::CONTENT_TYPE, crate::problem::MEDIA_TYPE)];
            return (self.status, headers, body.to_string()).into_response();
        }
        let status = self.status;
        let page = ProblemPage {
            shell: visit.shell(),
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
            request_id: self.correlation,
        };
        let html = page.render().unwrap_or_default();
        (status, Html(html)).into_response()
    }
}

impl From<EngineError> for Fault {
    /// The same codes, words and hiding of causes as in the API.
    fn from(error: EngineError) -> Self {
        let problem = Problem::from(error);
        let status = match problem.code() {
            // A page that asks for what cannot be is told as a conflict with the present state.
            Code::Unfit => StatusCode::CONFLICT,
            code => code.status(),
        };
        let fields = serde_json::to_value(&problem).unwrap_or_default();
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        Self {
            status,
            code: text("code"),
            detail: sentence(&text("detail")),
            correlation: text("correlation"),
        }
    }
}

impl From<store::StoreError> for Fault {
    fn from(error: store::StoreError) -> Self {
        EngineError::Store(error).into()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Words of the engine as a sentence for people.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut sentence: String = first.to_uppercase().chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// The variable parts of the path; a text that is no identifier names nothing.
pub(super) struct Of<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Of<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(Fault::nothing_here()),
        }
    }
}

/// What the query of an address asks for.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|error| Fault::bad_request(error.body_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("the device is gone"), "The device is gone.");
        assert_eq!(sentence("Wait!"), "Wait!");
        assert_eq!(sentence(" "), "");
    }
}
