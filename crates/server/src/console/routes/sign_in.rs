//! Coming in by link or passkey, and going out.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use engine::{EngineError, people::NewSession};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{
    answer::{Answer, Fault, Of, Params, page as answer_page, see_other},
    cookies::Cookie,
    events::Streams,
    visit::{By, Visit},
};
use crate::{
    App, Options,
    console::views::{ConfirmSignInPage, SignInPage, SignedOutPage},
};

/// How long the page to come back to is remembered.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);
/// The longest such address.
const LONGEST: usize = 1500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
}

pub(super) async fn page(visit: Visit, Params(asked): Params<Asked>) -> Answer {
    let mut response = answer_page(&sign_in_page(&visit, ""))?;
    if let Some(next) = local(&asked.next) {
        let options = &visit.app.options;
        append_cookie(
            &mut response,
            Cookie::Next.set(options, &next, Some(REMEMBERED)),
        );
    }
    Ok(response)
}

fn sign_in_page(visit: &Visit, problem: &str) -> SignInPage {
    SignInPage {
        shell: visit.shell(),
        problem: problem.to_owned(),
        link_command: "muster link".to_owned(),
    }
}

/// Asks before the link is used up: programs that preview links open them as well.
pub(super) async fn confirm(visit: Visit, Of(secret): Of<String>) -> Answer {
    match visit.app.engine.look_at_sign_in_link(&secret).await {
        Ok(owner) => answer_page(&ConfirmSignInPage {
            shell: visit.shell(),
            action: format!("/sign-in/link/{secret}"),
            name: owner.name,
        }),
        Err(error) => refused(&visit, error),
    }
}

pub(super) async fn use_link(visit: Visit, Of(secret): Of<String>, parts: Parts) -> Answer {
    let browser = visit.browser(&parts);
    match visit.app.engine.use_sign_in_link(&secret, browser).await {
        Ok(session) => {
            let options = &visit.app.options;
            let mut response = see_other(&where_to(options, &parts.headers));
            admit(&mut response, options, &session);
            Ok(response)
        }
        Err(error) => refused(&visit, error),
    }
}

fn refused(visit: &Visit, error: EngineError) -> Answer {
    let EngineError::SignIn = error else {
        return Err(error.into());
    };
    let problem =
        "This link does not work: it was used already, or it is too old. Ask for a new one.";
    let mut response = answer_page(&sign_in_page(visit, problem))?;
    *response.status_mut() = StatusCode::GONE;
    Ok(response)
}

/// What the browser sends to finish a ceremony with a passkey.
#[derive(Debug, Deserialize)]
pub(super) struct Finish {
    pub(super) state: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) credential: Value,
}

pub(super) async fn start_passkey(State(app): State<App>) -> Result<Json<Value>, Fault> {
    let ceremony = app
        .engine
        .passkeys(&app.options.console_url)?
        .start_sign_in()?;
    Ok(Json(ceremony_json(ceremony)))
}

pub(super) async fn finish_passkey(
    visit: Visit,
    parts: Parts,
    finish: Result<Json<Finish>, axum::extract::rejection::JsonRejection>,
) -> Answer {
    let Json(finish) = finish.map_err(|error| Fault::bad_request(error.body_text()))?;
    let app = &visit.app;
    let session = app
        .engine
        .passkeys(&app.options.console_url)?
        .finish_sign_in(&finish.state, finish.credential, visit.browser(&parts))
        .await
        .map_err(not_accepted)?;
    let location = where_to(&app.options, &parts.headers);
    let mut response = Json(json!({ "location": location })).into_response();
    admit(&mut response, &app.options, &session);
    Ok(response)
}

/// The first half of a ceremony as the script reads it.
pub(super) fn ceremony_json(ceremony: engine::people::Ceremony) -> Value {
    let mut json = ceremony.options;
    if let Some(map) = json.as_object_mut() {
        map.insert("state".to_owned(), ceremony.state.into());
    }
    json
}

/// To the person in front of the page, not to a program: what to do next.
pub(super) fn not_accepted(error: EngineError) -> Fault {
    match error {
        EngineError::SignIn => Fault::bad_request(
            "The passkey was not accepted. Try again, or sign in with a one-time link.",
        ),
        other => other.into(),
    }
}

pub(super) async fn sign_out(by: By, Extension(streams): Extension<Streams>) -> Answer {
    by.engine().sign_out(&by.session).await?;
    streams.end(&by.session);
    let mut visit = by.visit;
    visit.operator = None;
    let mut response = answer_page(&SignedOutPage {
        shell: visit.shell(),
    })?;
    append_cookie(&mut response, Cookie::Session.clear(&visit.app.options));
    Ok(response)
}

fn admit(response: &mut Response, options: &Options, session: &NewSession) {
    append_cookie(
        response,
        Cookie::Session.set(options, session.cookie.expose(), None),
    );
    append_cookie(response, Cookie::Next.clear(options));
}

pub(super) fn append_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn where_to(options: &Options, headers: &HeaderMap) -> String {
    Cookie::Next
        .read(options, headers)
        .and_then(|next| local(next.expose()))
        .unwrap_or_else(|| "/".to_owned())
}

/// A path of our own, with its query; `None` for anything that could lead elsewhere.
pub(super) fn local(next: &str) -> Option<String> {
    let plain = next.starts_with('/')
        && next.len() <= LONGEST
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\;,\"".contains(&byte));
    let base = Url::parse("https://console.invalid").ok()?;
    // What browsers make of it, not what it looks like.
    let url = base.join(next).ok().filter(|_| plain)?;
    let inside = url.origin() == base.origin() && !url.path().starts_with("//");
    let path = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
    (inside && !path.starts_with("/sign-")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_gone_back_to() {
        for (next, expected) in [
            (
                "/devices?q=a%26b&state=enrolled",
                "/devices?q=a%26b&state=enrolled",
            ),
            ("/", "/"),
        ] {
            assert_eq!(local(next).as_deref(), Some(expected));
        }
        for next in [
            "",
            "devices",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a/..//evil.example",
            "/.//evil.example",
            "/\tevil",
            "/a;Path=/x",
            "/sign-in?next=/",
            "/sign-out",
        ] {
            assert_eq!(local(next), None, "{next}");
        }
    }
}
