//! Cookies: names, attributes, reading.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use domain::Secret;

use crate::Options;

/// The cookies of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Proves who is signed in.
    Session,
    /// The colours chosen.
    Theme,
    /// Where to go after signing in.
    Next,
}

impl Cookie {
    /// With TLS the name begins with `__Host-`, which binds the cookie to this very host
    /// (RFC 6265bis section 4.1.3.2). Browsers refuse that prefix without `Secure`.
    fn name(self, options: &Options) -> String {
        let base = match self {
            Self::Session => "muster",
            Self::Theme => "muster-theme",
            Self::Next => "muster-next",
        };
        if is_secure(options) {
            format!("__Host-{base}")
        } else {
            base.to_owned()
        }
    }

    /// Its value in a request.
    pub(super) fn read(self, options: &Options, headers: &HeaderMap) -> Option<Secret<String>> {
        let name = self.name(options);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| Secret::new(value.to_owned()))
    }

    /// Sets it, for the session of the browser or for a time. The value must need no quoting.
    pub(super) fn set(
        self,
        options: &Options,
        value: &str,
        lifetime: Option<Duration>,
    ) -> Option<HeaderValue> {
        let name = self.name(options);
        let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict");
        if is_secure(options) {
            text.push_str("; Secure");
        }
        if let Some(lifetime) = lifetime {
            text.push_str(&format!("; Max-Age={}", lifetime.as_secs()));
        }
        HeaderValue::try_from(text).ok()
    }

    /// Removes it.
    pub(super) fn clear(self, options: &Options) -> Option<HeaderValue> {
        self.set(options, "", Some(Duration::ZERO))
    }
}

fn is_secure(options: &Options) -> bool {
    options.console_url.starts_with("https://")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn with_tls_the_session_is_bound_to_the_host_and_hidden_from_scripts() {
        let options = Options::new("https://mdm.example.org");
        assert_eq!(
            Cookie::Session.set(&options, "v", None).unwrap(),
            "__Host-muster=v; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        let options = Options::new("http://localhost:8080");
        assert_eq!(
            Cookie::Session.set(&options, "v", None).unwrap(),
            "muster=v; Path=/; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn only_the_cookie_of_the_whole_name_is_read() {
        let options = Options::new("http://localhost:8080");
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            "muster-theme=dark; xmuster=no; muster=yes".parse().unwrap(),
        );
        let read = |cookie: Cookie| {
            cookie
                .read(&options, &headers)
                .map(|value| value.expose().clone())
        };
        assert_eq!(read(Cookie::Session).as_deref(), Some("yes"));
        assert_eq!(read(Cookie::Theme).as_deref(), Some("dark"));
        assert_eq!(read(Cookie::Next), None);
    }
}
