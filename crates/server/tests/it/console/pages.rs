//! What the pages show.

use axum::http::StatusCode;
use domain::{Ownership, Platform};

use super::world::World;

#[tokio::test]
async fn every_page_opens() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    world.engine.seal_journal().await.unwrap();
    let mut browser = world.signed_in().await;
    for path in [
        "/".to_owned(),
        "/account".to_owned(),
        "/devices".to_owned(),
        format!("/devices/{id}"),
        format!("/devices/{id}/row"),
        format!("/devices/{id}/summary"),
        format!("/devices/{id}/commands"),
        format!("/devices/{id}/lock"),
        format!("/devices/{id}/wipe"),
        format!("/devices/{id}/send"),
        format!("/devices/{id}/send?command=install_profile"),
        "/enrol".to_owned(),
        "/enrol/new".to_owned(),
        "/journal".to_owned(),
        "/journal?q=session&kind=session.&actor=admin&from=2020-01-01T00:00&to=2030-01-01T00:00"
            .to_owned(),
        "/settings/push".to_owned(),
        "/settings/tokens".to_owned(),
        "/settings/webhooks".to_owned(),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_device_cannot_name_itself_into_a_script() {
    let world = World::new().await;
    let name = "<script>alert(1)</script>";
    let id = world
        .device(name, Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    for path in [
        "/devices".to_owned(),
        format!("/devices/{id}"),
        format!("/devices/{id}/row"),
        format!("/devices/{id}/wipe"),
        format!("/devices/{id}/send"),
        "/devices?q=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
    ] {
        let answer = browser.get(&path).await;
        assert!(answer.text.contains("&#60;script&#62;alert(1)"), "{path}");
        assert!(!answer.text.contains("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn the_list_narrows_sorts_and_goes_on() {
    let world = World::new().await;
    for number in 0..55 {
        world
            .device(
                &format!("Phone {number:02}"),
                Platform::Ios,
                Ownership::Corporate,
            )
            .await;
    }
    world
        .device("Private Mac", Platform::Macos, Ownership::Personal)
        .await;
    let mut browser = world.signed_in().await;
    let first = browser.get("/devices").await;
    assert!(first.text.contains("56 devices"), "{}", first.text);
    assert!(first.text.contains("Phone 00") && !first.text.contains("Phone 54"));
    let next = first.text.split("href=\"/devices?after=").nth(1).unwrap();
    let next = format!("/devices?after={}", next.split('"').next().unwrap());
    let second = browser.get(&next).await;
    assert!(second.text.contains("Phone 54") && !second.text.contains("Phone 00"));
    assert!(second.text.contains("href=\"/devices\""));

    let narrowed = browser.get("/devices?ownership=personal").await;
    assert!(
        narrowed.text.contains("1 device found"),
        "{}",
        narrowed.text
    );
    let newest = browser.get("/devices?sort=serial&dir=desc").await;
    assert!(newest.text.contains("Private Mac"));
    for wrong in ["platform=beos", "after=!", "sort=colour", "seen=1y"] {
        let answer = browser.get(&format!("/devices?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(answer.text.contains("There is a problem"), "{wrong}");
    }
}

#[tokio::test]
async fn the_csv_holds_exactly_the_set_and_no_formula() {
    let world = World::new().await;
    world
        .device(
            "=HYPERLINK(\"http://evil.example\")",
            Platform::Ios,
            Ownership::Corporate,
        )
        .await;
    world
        .device("Plain, with comma", Platform::Ios, Ownership::Corporate)
        .await;
    world
        .device("Private", Platform::Ios, Ownership::Personal)
        .await;
    let mut browser = world.signed_in().await;
    let answer = browser.get("/devices.csv?ownership=corporate").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-type").starts_with("text/csv"));
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", answer.text);
    assert!(
        answer
            .text
            .contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("\"Plain, with comma\""));
    assert!(!answer.text.contains("Private"));
    let answer = browser.get("/devices.csv?platform=beos").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_enrolment_link_is_shown_once_and_its_page_tells_what_will_be_seen() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let wrong = [("name", ""), ("days", "0")];
    let answer = browser.fill("/enrol/new", "/enrol/new", &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for problem in ["Enter a name", "Say whose devices", "whole number from 1"] {
        assert!(answer.text.contains(problem), "{problem}: {}", answer.text);
    }
    let fields = [
        ("name", "Phones"),
        ("ownership", "personal"),
        ("days", "7"),
        ("uses", "2"),
    ];
    let made = browser.fill("/enrol/new", "/enrol/new", &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert!(made.text.contains("<svg"), "the QR code");
    let url = made.field("link");
    let path = url
        .strip_prefix("https://mdm.example.org")
        .unwrap()
        .to_owned();
    let id = made.text.split("action=\"/enrol/").nth(1).unwrap();
    let id = id.split('/').next().unwrap().to_owned();

    let sheet = format!("/enrol/{id}/sheet");
    let answer = browser.fill("/enrol", &sheet, &[("link", &url)]).await;
    assert!(answer.text.contains("<svg"), "{}", answer.text);
    let again = browser.get(&format!("/enrol/{id}")).await;
    assert!(!again.text.contains(&path), "the link is shown once");

    let public = world.stranger().get(&path).await;
    assert_eq!(public.status, StatusCode::OK, "{}", public.text);
    assert!(public.text.contains("stays yours"), "{}", public.text);
    assert!(public.text.contains(&format!("href=\"{path}/profile\"")));
    assert!(!public.text.contains("m-nav"), "strangers see no console");

    let answer = browser
        .fill("/enrol", &format!("/enrol/{id}/revoke"), &[])
        .await;
    assert_eq!(answer.location(), "/enrol?done=revoked");
    assert_eq!(world.stranger().get(&path).await.status, StatusCode::GONE);
    assert_eq!(
        world.stranger().get("/enroll/unknown").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn api_tokens_and_webhook_secrets_are_shown_once() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let page = "/settings/tokens";
    let answer = browser
        .fill(page, page, &[("name", "Export"), ("days", "30")])
        .await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "no scope chosen"
    );
    let fields = [
        ("name", "Export"),
        ("days", "30"),
        ("scope", "devices:read"),
    ];
    let made = browser.fill(page, page, &fields).await;
    assert!(made.text.contains("muster_"), "{}", made.text);
    assert!(!browser.get(page).await.text.contains("muster_"));
    let id = made.text.split("/settings/tokens/").nth(1).unwrap();
    let revoke = format!("{page}/{}", id.split('"').next().unwrap());
    assert_eq!(
        browser.fill(page, &revoke, &[]).await.location(),
        "/settings/tokens?done=revoked"
    );

    let page = "/settings/webhooks";
    let answer = browser.fill(page, page, &[("url", "ftp://x")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let made = browser
        .fill(
            page,
            page,
            &[("url", "https://siem.example.org/in"), ("kind", "device.")],
        )
        .await;
    assert!(made.text.contains("muster_whsec_"), "{}", made.text);
    assert!(!browser.get(page).await.text.contains("muster_whsec_"));
    let id = made
        .text
        .split("/settings/webhooks/")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    for (action, word) in [("test", "tested"), ("remove", "removed")] {
        let answer = browser
            .fill(page, &format!("{page}/{id}/{action}"), &[])
            .await;
        assert_eq!(
            answer.location(),
            format!("{page}?done={word}"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_push_certificate_is_asked_for_and_a_wrong_one_is_explained() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let page = "/settings/push";
    let request = browser.fill(page, "/settings/push/request", &[]).await;
    assert!(
        request
            .text
            .starts_with("-----BEGIN CERTIFICATE REQUEST-----"),
        "{}",
        request.text
    );
    assert!(
        request
            .header("content-disposition")
            .contains("muster-push.csr")
    );
    for wrong in ["", "not a certificate"] {
        let answer = browser.fill(page, page, &[("certificate", wrong)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(answer.text.contains("There is a problem"), "{wrong}");
    }
    let answer = browser
        .fill(page, page, &[("certificate", "x"), ("key", "planted-key")])
        .await;
    assert!(
        !answer.text.contains("planted-key"),
        "a key is never sent back"
    );
}

#[tokio::test]
async fn the_journal_is_searched_and_pages_by_cursor() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    for number in 0..60 {
        let fields = [
            ("name", format!("Link {number}")),
            ("ownership", "corporate".to_owned()),
            ("days", "7".to_owned()),
        ];
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        browser.fill("/enrol/new", "/enrol/new", &fields).await;
    }
    world.engine.seal_journal().await.unwrap();
    let first = browser.get("/journal?kind=enrollment_token.").await;
    assert!(
        first.text.contains("“Link 59”") && !first.text.contains("“Link 9”"),
        "{}",
        first.text
    );
    let next = first.text.split("&#38;before=").nth(1).unwrap();
    let next = next.split('"').next().unwrap();
    let second = browser
        .get(&format!("/journal?kind=enrollment_token.&before={next}"))
        .await;
    assert!(
        second.text.contains("“Link 9”") && !second.text.contains("“Link 59”"),
        "{}",
        second.text
    );
    let found = browser.get("/journal?q=link+42").await;
    assert!(
        found.text.contains("“Link 42”") && !found.text.contains("“Link 41”"),
        "{}",
        found.text
    );
    let none = browser.get("/journal?to=2020-01-01T00:00").await;
    assert!(none.text.contains("No entry matches"), "{}", none.text);
    let wrong = browser.get("/journal?from=yesterday").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
