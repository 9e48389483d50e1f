//! Live updates.

use std::time::Duration;

use axum::http::StatusCode;
use domain::{Ownership, Platform};
use engine::people::operator;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(10);

/// Reads until something is there that holds this text; `None` when the stream ends first.
async fn until(body: &mut axum::body::Body, text: &str) -> Option<String> {
    let mut read = String::new();
    loop {
        let frame = timeout(PATIENCE, body.frame())
            .await
            .expect("something comes")?;
        let data = frame.unwrap().into_data().unwrap_or_default();
        read.push_str(&String::from_utf8_lossy(&data));
        if read.contains(text) {
            return Some(read);
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_at_once_with_its_place_and_without_secrets() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let browser = world.signed_in().await;
    world.engine.seal_journal().await.unwrap();
    let head = *world.engine.journal_head().borrow();
    let answer = browser.stream(&format!("/events?after={head}")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    let label = "Planted name".to_owned();
    world
        .engine
        .label_device(&operator(), id, None, label)
        .await
        .unwrap();
    world.engine.seal_journal().await.unwrap();
    let event = until(&mut body, "device.labelled").await.unwrap();
    assert!(event.contains(&format!("id: {}", head + 1)), "{event}");
    assert!(event.contains(&format!("\"device:{id}\"")), "{event}");
    assert!(
        event.contains("\"devices\"") && event.contains("\"journal\""),
        "{event}"
    );
}

#[tokio::test]
async fn who_comes_back_is_told_what_was_missed() {
    let world = World::new().await;
    let browser = world.signed_in().await;
    world.engine.seal_journal().await.unwrap();
    let mut body = browser.stream("/events?after=0").await.into_body();
    let told = until(&mut body, "session.started").await.unwrap();
    assert!(told.contains("id: 1\n"), "{told}");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.engine.seal_journal().await.unwrap();
    let head = *world.engine.journal_head().borrow();
    let mut body = browser
        .stream(&format!("/events?after={head}"))
        .await
        .into_body();
    browser.fill("/account", "/sign-out", &[]).await;
    assert_eq!(until(&mut body, "never").await, None);
}

#[tokio::test]
async fn a_stream_ends_with_the_process() {
    let world = World::new().await;
    let browser = world.signed_in().await;
    let mut body = browser.stream("/events").await.into_body();
    world.stop.send_replace(true);
    assert_eq!(until(&mut body, "never").await, None);
}

#[tokio::test]
async fn one_session_holds_only_so_many_streams() {
    let world = World::new().await;
    let browser = world.signed_in().await;
    let mut held = Vec::new();
    loop {
        let answer = browser.stream("/events").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        held.push(answer);
        assert!(held.len() < 100, "there is no limit");
    }
    // One that is closed makes room.
    held.pop();
    assert_eq!(browser.stream("/events").await.status(), StatusCode::OK);
}
