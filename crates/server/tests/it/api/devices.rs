//! Device lists and devices.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::Platform;
use serde_json::json;

use super::world::World;

#[tokio::test]
async fn pages_hold_every_device_once_in_order() {
    let world = World::new().await;
    let token = world.master().await;
    for name in ["delta", "Alpha", "charlie", "bravo", "echo"] {
        world.device(name, Platform::Ios).await;
    }
    for (sort, expected) in [
        ("name", ["Alpha", "bravo", "charlie", "delta", "echo"]),
        ("-name", ["echo", "delta", "charlie", "bravo", "Alpha"]),
    ] {
        let mut names = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/devices?limit=2&count=true&sort={sort}{cursor}");
            let page = world.get(&path).bearer(&token).send().await.json();
            assert_eq!(page["total"], 5);
            let items = page["items"].as_array().unwrap();
            names.extend(
                items
                    .iter()
                    .map(|item| item["name"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_is_refused() {
    let world = World::new().await;
    let token = world.master().await;
    for name in ["a", "b", "c"] {
        world.device(name, Platform::Ios).await;
    }
    let page = world
        .get("/devices?limit=1")
        .bearer(&token)
        .send()
        .await
        .json();
    let good = page["next"].as_str().unwrap().to_owned();
    let inside = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(&good).unwrap()).unwrap();
    let forged = |from: &str, to: &str| {
        assert!(inside.contains(from), "{inside}");
        BASE64_URL_SAFE_NO_PAD.encode(inside.replace(from, to))
    };
    for wrong in [
        "x".to_owned(),
        String::new(),
        good[..good.len() - 3].to_owned(),
        forged("\"name\"", "\"last_seen\""),
        forged("\"a\"", "7"),
        forged("\"text\"", "\"time\""),
        forged("\"a\"", "\"\\u0000\""),
        forged("devices", "commands"),
    ] {
        let path = format!("/devices?limit=1&cursor={wrong}");
        let answer = world.get(&path).bearer(&token).send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(answer.code(), "bad_cursor");
    }
    let path = "/devices?limit=1&sort=last_seen";
    let page = world.get(path).bearer(&token).send().await.json();
    let by_time = page["next"].as_str().unwrap();
    let by_time = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(by_time).unwrap()).unwrap();
    let as_text = BASE64_URL_SAFE_NO_PAD.encode(by_time.replace("\"time\"", "\"text\""));
    let answer = world.get(&format!("{path}&cursor={as_text}"));
    let answer = answer.bearer(&token).send().await;
    assert_eq!(answer.code(), "bad_cursor");
    let other_order = format!("/devices?limit=1&sort=-name&cursor={good}");
    let answer = world.get(&other_order).bearer(&token).send().await;
    assert_eq!(answer.code(), "bad_cursor");
}

#[tokio::test]
async fn filters_select() {
    let world = World::new().await;
    let token = world.master().await;
    world.device("Front desk", Platform::Ipados).await;
    world.device("100%_sure", Platform::Macos).await;
    for (query, names) in [
        ("platform=ipados", vec!["Front desk"]),
        ("q=DESK", vec!["Front desk"]),
        ("q=%25_", vec!["100%_sure"]),
        ("q='%20OR%201%3D1--", vec![]),
        ("ownership=personal", vec![]),
        (
            "state=enrolled&supervised=true&os_version=26.1&sort=-name",
            vec!["Front desk", "100%_sure"],
        ),
        ("seen_after=2099-01-01T00:00:00Z", vec![]),
        ("seen_before=2000-01-01T00:00:00Z", vec![]),
    ] {
        let page = world
            .get(&format!("/devices?{query}"))
            .bearer(&token)
            .send()
            .await;
        let page = page.json();
        let found = page["items"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{query}");
    }
}

#[tokio::test]
async fn a_label_is_written_only_over_what_was_read() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await;
    let path = format!("/api/v1/devices/{id}");
    let read = world.ask(Method::GET, &path).bearer(&token).send().await;
    let tag = read.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    assert_eq!(read.json()["enrollments"].as_array().unwrap().len(), 1);
    let patch = |tag: &str, label: &str| {
        world
            .ask(Method::PATCH, &path)
            .bearer(&token)
            .header("if-match", tag)
            .json(&json!({"user_label": label}))
    };
    let first = patch(&tag, "Sam").send().await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(first.json()["user_label"], "Sam");
    assert_ne!(first.header("etag"), tag);
    for stale in [tag.as_str(), "\"x\"", "W/\"1\""] {
        let answer = patch(stale, "Kim").send().await;
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{stale}");
        assert_eq!(answer.code(), "stale");
    }
    assert_eq!(patch("*", "Kim").send().await.status, StatusCode::OK);
    let now = world
        .ask(Method::GET, &path)
        .bearer(&token)
        .send()
        .await
        .json();
    assert_eq!(now["user_label"], "Kim");
}

#[tokio::test]
async fn the_csv_holds_all_devices_and_no_formula() {
    let world = World::new().await;
    let token = world.master().await;
    world
        .device("=HYPERLINK(\"http://192.0.2.1\",\"x\")", Platform::Ios)
        .await;
    world.device("+1", Platform::Ios).await;
    world.device("@SUM(A1)", Platform::Ios).await;
    world.device("-1+1", Platform::Ios).await;
    world.device("\t=1", Platform::Ios).await;
    world.device("plain, \"quoted\"", Platform::Macos).await;
    let csv = world.get("/devices.csv").bearer(&token).send().await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    let text = csv.text();
    assert_eq!(text.trim_end().split("\r\n").count(), 7, "{text}");
    for cell in text.replace("\r\n", ",").split(',') {
        let inner = cell.trim_start_matches('"');
        assert!(!inner.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
    }
    assert!(text.contains("\"plain, \"\"quoted\"\"\""), "{text}");
    let macs = world
        .get("/devices.csv?platform=macos")
        .bearer(&token)
        .send()
        .await;
    assert_eq!(macs.text().trim_end().split("\r\n").count(), 2);
    let paged = world
        .get("/devices.csv?limit=1")
        .bearer(&token)
        .send()
        .await;
    assert_eq!(paged.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_fits_is_offered_and_the_rest_says_why_not() {
    let world = World::new().await;
    let token = world.master().await;
    let phone = world.device("phone", Platform::Ios).await;
    let all = world
        .get("/command-types")
        .bearer(&token)
        .send()
        .await
        .json();
    let all = all["items"].as_array().unwrap();
    let path = format!("/devices/{phone}/command-types");
    let offered = world.get(&path).bearer(&token).send().await.json();
    let offered = offered["items"].as_array().unwrap();
    assert_eq!(offered.len(), all.len());
    let find = |name: &str| offered.iter().find(|offer| offer["name"] == name).unwrap();
    assert_eq!(find("device_lock")["fits"], true);
    assert_eq!(find("device_lock")["hazard"], "lock");
    assert_eq!(find("set_recovery_lock")["fits"], false);
    assert!(find("set_recovery_lock")["reason"].is_string());
    let kinds: BTreeSet<_> = all
        .iter()
        .map(|kind| kind["name"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), all.len());
}
