//! Coming in and going out.

use axum::http::StatusCode;

use super::world::World;

#[tokio::test]
async fn a_link_signs_in_once_and_looking_at_it_does_not_use_it() {
    let world = World::new().await;
    let link = world.link().await;
    // Mail and chat programs open links to preview them.
    for _ in 0..3 {
        let preview = world.stranger().get(&link).await;
        assert_eq!(preview.status, StatusCode::OK);
        assert!(
            preview.text.contains("Sign in as Administrator"),
            "{}",
            preview.text
        );
        assert!(preview.cookie("__Host-muster").is_none());
    }
    let mut browser = world.stranger();
    let answer = browser.post(&link, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/");
    let set = answer.header("set-cookie");
    for part in [
        "__Host-muster=",
        "Path=/",
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert_eq!(browser.get("/").await.status, StatusCode::OK);

    let mut second = world.stranger();
    let again = second.post(&link, &[]).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.text.contains("does not work"), "{}", again.text);
    assert!(second.cookies.is_empty());
}

#[tokio::test]
async fn a_link_is_used_only_by_our_own_page() {
    let world = World::new().await;
    let link = world.link().await;
    let mut browser = world.stranger();
    let answer = browser.post_from("cross-site", &link, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(browser.cookies.is_empty());
    assert_eq!(browser.post(&link, &[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_in_gives_a_new_session_and_ends_the_old_one() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let old = browser.cookies.clone();
    let link = world.link().await;
    browser.post(&link, &[]).await;
    assert_ne!(browser.cookies, old);
    let mut stale = world.stranger();
    stale.cookies = old;
    assert_eq!(stale.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let kept = browser.cookies.clone();
    let answer = browser.fill("/", "/sign-out", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("signed out"), "{}", answer.text);
    assert!(browser.cookies.is_empty());
    browser.cookies = kept;
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.pass_seconds(31 * 60);
    let answer = browser.get("/devices?q=a%26b").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/sign-in?next=%2Fdevices%3Fq%3Da%2526b");
}

#[tokio::test]
async fn after_signing_in_one_goes_on_where_one_wanted_to_but_never_elsewhere() {
    let world = World::new().await;
    for (next, expected) in [
        ("%2Fdevices%3Fq%3Da%2526b", "/devices?q=a%26b"),
        ("https%3A%2F%2Fevil.example%2F", "/"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("javascript%3Aalert(1)", "/"),
    ] {
        let mut browser = world.stranger();
        browser.get(&format!("/sign-in?next={next}")).await;
        let link = world.link().await;
        assert_eq!(
            browser.post(&link, &[]).await.location(),
            expected,
            "{next}"
        );
    }
    // Whoever can plant a cookie still leads nobody away.
    let mut browser = world.stranger();
    browser.cookies = vec![("__Host-muster-next".into(), "https://evil.example".into())];
    let link = world.link().await;
    assert_eq!(browser.post(&link, &[]).await.location(), "/");
}

#[tokio::test]
async fn colours_are_remembered_and_lead_back() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let fields = [("theme", "dark"), ("back", "/devices?state=enrolled")];
    let answer = browser.fill("/", "/account/theme", &fields).await;
    assert_eq!(answer.location(), "/devices?state=enrolled");
    assert!(browser.get("/").await.text.contains("data-theme=\"dark\""));
    let fields = [("theme", "light"), ("back", "//evil.example")];
    let answer = browser.fill("/", "/account/theme", &fields).await;
    assert_eq!(answer.location(), "/");
}
