//! The console's static files, embedded when the program is built.
//!
//! `build.rs` embeds `assets/dist` (made by `cargo xtask assets`). When that
//! folder is missing it embeds the plain style sheet in `assets/fallback`
//! instead, and every page says so. Addresses hold a hash of the content, so
//! a file may be kept by browsers for ever.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

/// `Cache-Control` of every file.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// Its name in the sources: `muster.css`.
    pub name: &'static str,
    /// Its address: `/assets/muster-0123456789abcdef.css`.
    pub url: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
    /// Its bytes compressed with gzip, when that was done.
    pub gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Whether the real assets are embedded, not the fallback.
pub const fn built() -> bool {
    BUILT
}

/// All files.
pub const fn all() -> &'static [Asset] {
    FILES
}

/// Address of a file by its name; the name itself under `/assets/` when there is none.
pub fn url(name: &str) -> &'static str {
    FILES
        .iter()
        .find(|asset| asset.name == name)
        .map_or("/assets/missing", |asset| asset.url)
}

/// The file at an address (`/assets/...`).
pub fn find(path: &str) -> Option<&'static Asset> {
    FILES.iter().find(|asset| asset.url == path)
}

/// The answer to a GET of `path`: the file, compressed when the browser takes
/// gzip, or 404 with no body.
pub fn respond(path: &str, request: &HeaderMap) -> Response<Body> {
    let Some(asset) = find(path) else {
        let mut missing = Response::new(Body::empty());
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return missing;
    };
    let compressed = asset.gzip.filter(|_| accepts_gzip(request));
    let mut response = Response::new(Body::from(compressed.unwrap_or(asset.body)));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, CACHE_CONTROL),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "accept-encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if compressed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether a request takes gzip (RFC 9110 section 12.5.3); `gzip;q=0` does not.
fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let refused = parts.any(|weight| {
                weight
                    .strip_prefix("q=")
                    .and_then(|number| number.parse::<f32>().ok())
                    .is_some_and(|number| number <= 0.0)
            });
            named && !refused
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_str(accept).unwrap(),
        );
        headers
    }

    #[test]
    fn every_file_a_template_names_is_embedded() {
        for name in ["muster.css", "live.js", "passkey.js", "mark.svg"] {
            assert!(url(name).starts_with("/assets/"), "{name}");
            assert_eq!(find(url(name)).unwrap().name, name);
        }
    }

    #[test]
    fn a_file_is_served_with_its_type_and_may_be_kept() {
        let response = respond(url("muster.css"), &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/css; charset=utf-8"
        );
        assert_eq!(response.headers()[header::CACHE_CONTROL], CACHE_CONTROL);
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    }

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        assert!(accepts_gzip(&request("br, gzip;q=0.8")));
        assert!(!accepts_gzip(&request("gzip;q=0, br")));
        assert!(!accepts_gzip(&request("identity")));
        for asset in all().iter().filter(|asset| asset.gzip.is_some()) {
            let response = respond(asset.url, &request("gzip"));
            assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
            assert_eq!(asset.gzip.unwrap()[..2], [0x1f, 0x8b]);
        }
    }

    #[test]
    fn an_unknown_address_is_not_found() {
        assert_eq!(
            respond("/assets/muster.css", &HeaderMap::new()).status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            respond("/assets/../Cargo.toml", &HeaderMap::new()).status(),
            StatusCode::NOT_FOUND
        );
    }
}
