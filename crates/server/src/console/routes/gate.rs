//! The gate in front of every address: who asks, whether a form is ours, how the answer leaves.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use engine::EngineError;
use url::{Url, form_urlencoded};

use super::{
    answer::{Fault, see_other},
    cookies::Cookie,
    forms::Sent,
    visit::{Operator, Visit},
};
use crate::{
    App,
    console::{CONTENT_SECURITY_POLICY, CSRF_FIELD},
    device::read_body,
};

/// The longest form: a configuration profile as text fits.
const FORM_LIMIT: usize = 1024 * 1024;
/// The most fields of a form.
const MOST_FIELDS: usize = 500;
/// The header in which scripts send what forms send as [`CSRF_FIELD`].
const CSRF_HEADER: &str = "x-csrf-token";

/// Who may ask for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, as a page.
    Anyone,
    /// Anyone, by a script of a page.
    AnyoneScript,
    /// A person signed in; others are sent to the sign-in page.
    Person,
    /// A script of a page of a person signed in; others get 401.
    PersonScript,
}

impl Access {
    const fn needs_person(self) -> bool {
        matches!(self, Self::Person | Self::PersonScript)
    }

    const fn is_script(self) -> bool {
        matches!(self, Self::AnyoneScript | Self::PersonScript)
    }
}

/// Lets a request through, or answers it, and dresses the answer.
pub(super) async fn pass(
    State((app, access)): State<(App, Access)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut visit = Visit::of(&app, &parts);
    let response = match admit(&mut visit, access, &mut parts, body).await {
        Ok(body) => {
            parts.extensions.insert(visit.clone());
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused,
    };
    dress(response, &visit, access.is_script())
}

/// The answer to an address that does not exist.
pub(super) async fn nothing_here(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut visit = Visit::of(&app, &parts);
    // Whoever shows no cookie costs no query.
    visit.operator = operator(&visit, &parts.headers).await.ok();
    dress(Fault::nothing_here().into_response(), &visit, false)
}

async fn admit(
    visit: &mut Visit,
    access: Access,
    parts: &mut Parts,
    body: Body,
) -> Result<Body, Response> {
    let changes = parts.method == Method::POST;
    if changes && !is_from_here(&parts.headers, &parts.uri, visit.console_url(), access) {
        return Err(Fault::forged().into_response());
    }
    if access.needs_person() {
        match operator(visit, &parts.headers).await {
            Ok(operator) => visit.operator = Some(operator),
            Err(EngineError::SignIn) => return Err(stranger(visit, access, parts)),
            Err(error) => return Err(Fault::from(error).into_response()),
        }
    } else if access == Access::Anyone {
        // Pages for anyone look the same to a person signed in; only a sign-in replaces them.
        visit.operator = None;
    }
    if !changes {
        return Ok(body);
    }
    if access.is_script() {
        let sent = parts
            .headers
            .get(CSRF_HEADER)
            .and_then(|value| value.to_str().ok());
        check_csrf(visit, sent).map_err(IntoResponse::into_response)?;
        return Ok(body);
    }
    let sent = read_form(&parts.headers, body).await?;
    check_csrf(visit, Some(sent.value(CSRF_FIELD))).map_err(IntoResponse::into_response)?;
    parts.extensions.insert(sent);
    Ok(Body::empty())
}

async fn operator(visit: &Visit, headers: &HeaderMap) -> Result<Operator, EngineError> {
    let cookie = Cookie::Session
        .read(&visit.app.options, headers)
        .ok_or(EngineError::SignIn)?;
    let session = visit
        .app
        .engine
        .authenticate_session(cookie.expose(), Some(&visit.address))
        .await?;
    Ok(Operator::new(session))
}

fn stranger(visit: &Visit, access: Access, parts: &Parts) -> Response {
    if access.is_script() {
        return Fault::not_signed_in().into_response();
    }
    if parts.method != Method::GET {
        return see_other("/sign-in");
    }
    let next: String = form_urlencoded::byte_serialize(visit.here.as_bytes()).collect();
    see_other(&format!("/sign-in?next={next}"))
}

fn check_csrf(visit: &Visit, sent: Option<&str>) -> Result<(), Fault> {
    let Some(operator) = &visit.operator else {
        return Ok(());
    };
    // Behind the session's token stands what tells one page from another; see `Visit::shell`.
    let token = sent
        .unwrap_or_default()
        .split('.')
        .next()
        .unwrap_or_default();
    if operator.session.csrf_matches(token) {
        Ok(())
    } else {
        Err(Fault::forged())
    }
}

async fn read_form(headers: &HeaderMap, body: Body) -> Result<Sent, Response> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form {
        return Err(Fault::bad_request("This address takes forms only.").into_response());
    }
    let bytes = read_body(body, FORM_LIMIT)
        .await
        .map_err(|status| match status {
            StatusCode::PAYLOAD_TOO_LARGE => Fault::too_large().into_response(),
            _ => Fault::bad_request("The form did not arrive whole.").into_response(),
        })?;
    Ok(Sent(
        form_urlencoded::parse(&bytes)
            .take(MOST_FIELDS)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
    ))
}

/// Whether the browser says that one of our own pages sent this (Fetch section 3.1 and Fetch
/// Metadata). Browsers always say so; a person's own program may say nothing and then needs the
/// session's token, which strangers do not have, so strangers must say it.
fn is_from_here(headers: &HeaderMap, uri: &Uri, console_url: &str, access: Access) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else {
        return access.needs_person();
    };
    if Url::parse(console_url).is_ok_and(|url| url.origin().ascii_serialization() == origin) {
        return true;
    }
    let host = text("host").or_else(|| uri.authority().map(|authority| authority.as_str()));
    let of_origin = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && of_origin == host
}

/// Headers that every answer of the console carries, and the page of a fault.
fn dress(response: Response, visit: &Visit, script: bool) -> Response {
    let mut response = match response.extensions().get::<Fault>() {
        Some(fault) => fault.clone().render(visit, script),
        None => response,
    };
    let headers = response.headers_mut();
    let mut put = |name: header::HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    put(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    put(header::CACHE_CONTROL, "no-store");
    // With `no-referrer` browsers would not say where a form comes from either.
    put(header::REFERRER_POLICY, "same-origin");
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn from_here(pairs: &[(&'static str, &'static str)], access: Access) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let uri = Uri::from_static("/devices");
        is_from_here(&headers, &uri, "https://mdm.example.org", access)
    }

    #[test]
    fn a_form_from_elsewhere_is_known_by_what_the_browser_says() {
        for pairs in [
            [("sec-fetch-site", "same-origin")].as_slice(),
            &[("origin", "https://mdm.example.org")],
            &[("origin", "http://localhost:1"), ("host", "localhost:1")],
        ] {
            assert!(from_here(pairs, Access::Anyone), "{pairs:?}");
        }
        for pairs in [
            [("sec-fetch-site", "cross-site")].as_slice(),
            &[
                ("sec-fetch-site", "same-site"),
                ("origin", "https://mdm.example.org"),
            ],
            &[("origin", "null")],
            &[
                ("origin", "https://evil.example"),
                ("host", "mdm.example.org"),
            ],
            &[("origin", "https://mdm.example.org.evil.example")],
        ] {
            assert!(!from_here(pairs, Access::Person), "{pairs:?}");
        }
    }

    #[test]
    fn who_has_no_session_must_say_where_the_form_comes_from() {
        assert!(from_here(&[], Access::Person));
        assert!(!from_here(&[], Access::Anyone));
        assert!(!from_here(&[], Access::AnyoneScript));
    }
}
