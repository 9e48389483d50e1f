//! One request of a browser: who is there and what all pages share.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use domain::{Timestamp, scope::Authority};
use engine::{
    Engine,
    idempotency::IdempotencyKey,
    people::{Browser, SessionAuthority},
};
use url::form_urlencoded;

use super::{answer::Fault, cookies::Cookie, forms::Sent};
use crate::{
    App, ClientAddress, Peer,
    console::{
        CSRF_FIELD,
        components::{Notice, Tone},
        views::{Shell, Theme},
    },
};

/// The parameter of an address that names what was just done.
const DONE: &str = "done";
/// The longest path and query that is kept to come back to.
const LONGEST_HERE: usize = 2000;

/// What was just done, for the page that comes after a form. An address can only name these.
macro_rules! done {
    ($($variant:ident = $word:literal: $text:literal,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Done { $($variant),+ }

        impl Done {
            pub(super) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            fn find(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

done! {
    Locking = "locking": "The lock is queued. The device is told at once.",
    Wiping = "wiping": "The wipe is queued. The device is told at once.",
    Sending = "sending": "The command is queued. The device is told at once.",
    Cancelled = "cancelled": "The command was cancelled before the device got it.",
    Refreshing = "refreshing": "The device is asked to report.",
    Revoked = "revoked": "It was revoked and does not work any more.",
    Removed = "removed": "It was removed.",
    Imported = "imported": "The push certificate is in use.",
    Tested = "tested": "The newest entries are sent to it again.",
    PasskeyAdded = "passkey": "The passkey was added. You can sign in with it from now on.",
}

/// A person signed in.
#[derive(Debug, Clone)]
pub(super) struct Operator {
    pub(super) session: Arc<SessionAuthority>,
}

impl Operator {
    pub(super) fn new(session: SessionAuthority) -> Self {
        Self {
            session: Arc::new(session),
        }
    }
}

/// One request of a browser.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) app: App,
    /// Who is signed in, once the gate knows.
    pub(super) operator: Option<Operator>,
    /// Network address of the browser.
    pub(super) address: String,
    /// Path and query, without what was just done.
    pub(super) here: String,
    theme: Theme,
    done: Option<Done>,
}

impl Visit {
    pub(super) fn of(app: &App, parts: &Parts) -> Self {
        let address = ClientAddress::of(app, &parts.headers, parts.extensions.get::<Peer>()).0;
        let (here, done) = here(parts);
        let theme = Cookie::Theme
            .read(&app.options, &parts.headers)
            .map_or(Theme::System, |word| Theme::from_word(word.expose()));
        Self {
            app: app.clone(),
            operator: None,
            address,
            here,
            theme,
            done,
        }
    }

    pub(super) fn console_url(&self) -> &str {
        &self.app.options.console_url
    }

    /// What all pages share.
    ///
    /// The token of the forms is the session's, a dot, and a number of this page: so that a form
    /// which is sent twice is known to be the same ([`By::key`]).
    pub(super) fn shell(&self) -> Shell {
        let csrf = self.operator.as_ref().map(|operator| {
            let page = hex::encode(self.app.engine.random::<12>());
            format!("{}.{page}", operator.session.csrf.expose())
        });
        Shell {
            user: self.operator.as_ref().map(|one| one.session.name.clone()),
            organization: self.app.engine.settings.organization.clone(),
            csrf: csrf.unwrap_or_default(),
            now: self.app.engine.now(),
            demo: self.app.options.demo,
            notices: self
                .done
                .map(|done| Notice::new(done.text(), Tone::Good))
                .into_iter()
                .collect(),
            live_after: None,
            theme: self.theme,
            here: self.here.clone(),
        }
    }

    /// Where a sign-in comes from.
    pub(super) fn browser(&self, parts: &Parts) -> Browser {
        Browser {
            user_agent: parts
                .headers
                .get(axum::http::header::USER_AGENT)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            address: Some(self.address.clone()),
            cookie: Cookie::Session.read(&self.app.options, &parts.headers),
        }
    }
}

/// Path and query without what was just done, and what that was.
fn here(parts: &Parts) -> (String, Option<Done>) {
    // A router nested in another sees the rest of the path only; nothing here is nested.
    let path = parts.uri.path();
    let mut done = None;
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        if name == DONE {
            done = Done::find(&value);
        } else {
            rest.append_pair(&name, &value);
        }
    }
    let query = rest.finish();
    let here = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    if here.len() > LONGEST_HERE {
        return (path.chars().take(LONGEST_HERE).collect(), done);
    }
    (here, done)
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"))
    }
}

/// A request of a person signed in.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) visit: Visit,
    pub(super) session: Arc<SessionAuthority>,
}

impl By {
    pub(super) fn engine(&self) -> &Engine {
        &self.visit.app.engine
    }

    /// Who, and what they may do.
    pub(super) fn authority(&self) -> &Authority {
        &self.session.authority
    }

    pub(super) fn now(&self) -> Timestamp {
        self.engine().now()
    }

    pub(super) fn shell(&self) -> Shell {
        self.visit.shell()
    }

    /// For a page that follows the journal. Ask before gathering what the page shows, so that
    /// nothing that happens meanwhile is missed.
    pub(super) fn live_shell(&self) -> Shell {
        Shell {
            live_after: Some(*self.engine().journal_head().borrow()),
            ..self.shell()
        }
    }

    /// The key under which this form acts once.
    ///
    /// # Errors
    /// When the form does not come from a page.
    pub(super) fn key(&self, sent: &Sent) -> Result<IdempotencyKey, Fault> {
        let (_, page) = sent
            .value(CSRF_FIELD)
            .split_once('.')
            .ok_or_else(Fault::forged)?;
        // A page has several forms, and a person who goes back may fill one in differently: each
        // is known by where it is sent and what it says.
        let mut form = form_urlencoded::Serializer::new(self.visit.here.clone());
        form.extend_pairs(sent.0.iter().filter(|(name, _)| name != CSRF_FIELD));
        let form = form.finish();
        let hash = hex::encode(::pki::token::sha256(form.as_bytes()));
        let key = format!("form-{page}-{}", &hash[..32]);
        IdempotencyKey::new(&self.authority().actor, &key, &[form.as_bytes()]).map_err(Fault::from)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let visit = Visit::from_request_parts(parts, state).await?;
        let session = visit
            .operator
            .as_ref()
            .map(|operator| Arc::clone(&operator.session))
            .ok_or_else(Fault::not_signed_in)?;
        Ok(Self { visit, session })
    }
}
