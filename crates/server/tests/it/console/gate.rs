//! Who gets in, and which forms count.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use domain::{Ownership, Platform};
use server::console::{
    CONTENT_SECURITY_POLICY,
    routes::{Access, addresses},
};

use super::world::World;

const UUID: &str = "01930000-0000-7000-8000-000000000001";

fn filled(path: &str) -> String {
    ["{id}", "{command}", "{secret}", "{report}", "{token}"]
        .iter()
        .fold(path.to_owned(), |path, part| path.replace(part, UUID))
}

#[tokio::test]
async fn nobody_gets_anywhere_without_a_session() {
    let world = World::new().await;
    let mut walked = 0;
    for address in addresses() {
        let path = filled(address.path);
        assert!(!path.contains('{'), "{path}: how is this filled?");
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let request = Request::builder()
                .method(method.clone())
                .uri(&path)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
                .body(Body::empty())
                .unwrap();
            let answer = world.stranger().send(request).await;
            match address.access {
                Access::Person => {
                    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{method} {path}");
                    assert!(answer.location().starts_with("/sign-in"), "{method} {path}");
                    walked += 1;
                }
                Access::PersonScript => {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                    walked += 1;
                }
                Access::Anyone | Access::AnyoneScript => {
                    assert!(path.starts_with("/sign-in"), "{path} is open to anyone");
                }
            }
            assert!(answer.cookie("__Host-muster").is_none(), "{path}");
        }
    }
    assert!(walked > 90, "{walked}");
}

#[tokio::test]
async fn a_form_counts_only_with_the_token_of_its_session_and_from_our_own_pages() {
    let world = World::new().await;
    let device = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let mut other = world.signed_in().await;
    let path = format!("/devices/{device}/refresh");
    let csrf = browser.get("/account").await.field("_csrf");
    let foreign = other.get("/account").await.field("_csrf");
    for (site, fields) in [
        ("same-origin", vec![]),
        ("same-origin", vec![("_csrf", "")]),
        ("same-origin", vec![("_csrf", foreign.as_str())]),
        ("cross-site", vec![("_csrf", csrf.as_str())]),
        ("same-site", vec![("_csrf", csrf.as_str())]),
    ] {
        let answer = browser.post_from(site, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{site} {fields:?}");
    }
    assert!(world.commands(device).await.is_empty());
    let answer = browser.post(&path, &[("_csrf", &csrf)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(!world.commands(device).await.is_empty());
}

#[tokio::test]
async fn a_script_needs_the_token_too() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let csrf = browser.get("/account").await.field("_csrf");
    let cookies = browser.cookies.clone();
    let start = |csrf: Option<&str>| {
        let cookie = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/account/passkeys/start")
            .header("cookie", cookie.join("; "))
            .header("content-type", "application/json")
            .header("sec-fetch-site", "same-origin");
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.body(Body::from("{}")).unwrap()
    };
    let refused = browser.send(start(None)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let given = browser.send(start(Some(&csrf))).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text);
    let json: serde_json::Value = serde_json::from_str(&given.text).unwrap();
    assert!(json["publicKey"]["challenge"].is_string() && json["state"].is_string());
}

#[tokio::test]
async fn every_page_forbids_what_it_does_not_need_and_is_not_kept() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    for path in [
        "/",
        "/sign-in",
        "/devices",
        "/nothing-here",
        "/journal",
        "/enrol",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(
            answer.header("content-security-policy"),
            CONTENT_SECURITY_POLICY,
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(
            answer.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_does_not_exist_is_told_on_a_page() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    for path in [
        "/nothing-here".to_owned(),
        "/devices/not-an-id".to_owned(),
        format!("/devices/{UUID}"),
        format!("/devices/{UUID}/send?command=fly"),
        format!("/enrol/{UUID}"),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text.contains("There is nothing here"), "{path}");
        assert!(
            answer.text.contains("Administrator"),
            "{path}: the person is still signed in"
        );
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let large = "x".repeat(2 * 1024 * 1024);
    let answer = browser
        .fill(
            "/settings/push",
            "/settings/push",
            &[("certificate", &large)],
        )
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
