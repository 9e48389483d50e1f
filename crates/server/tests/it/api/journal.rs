//! The journal over the API, and webhooks that follow it.

use axum::http::{Method, StatusCode};
use domain::{
    Platform,
    journal::{Checkpoint, Event, Head, Verifier},
    scope::Scope,
};
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn events_are_followed_without_gaps_and_filtered() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await;
    for number in 0..7 {
        let path = format!("/devices/{id}/commands");
        let body = json!({"type": "restart_device"});
        let ask = world.post(&path).bearer(&token).key(&format!("k{number}"));
        assert_eq!(ask.json(&body).send().await.status, StatusCode::ACCEPTED);
    }
    world.engine.seal_journal().await.unwrap();
    let mut places = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let path = format!("/journal/events?limit=3&after={after}");
        let page = world.get(&path).bearer(&token).send().await.json();
        let items = page["items"].as_array().unwrap();
        places.extend(items.iter().map(|event| event["seq"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
    assert!(places.len() >= 8);
    let queued = format!("/journal/events?kind=command.&device={id}");
    let queued = world.get(&queued).bearer(&token).send().await.json();
    let queued = queued["items"].as_array().unwrap();
    assert_eq!(queued.len(), 7);
    assert!(
        queued[0]["seq"].as_u64() > queued[6]["seq"].as_u64(),
        "newest first"
    );
    let actor = format!(
        "/journal/events?actor=token:{}",
        queued[0]["actor"]["id"].as_str().unwrap()
    );
    let by_me = world.get(&actor).bearer(&token).send().await.json();
    assert_eq!(by_me["items"].as_array().unwrap().len(), 7);
    let end = world
        .get("/journal/events?after=18446744073709551615")
        .bearer(&token);
    let end = end.send().await;
    assert_eq!(end.json()["items"], json!([]));
}

#[tokio::test]
async fn an_export_is_proven_and_a_changed_one_is_not() {
    let world = World::new().await;
    let token = world.token([Scope::JournalRead]).await;
    for _ in 0..5 {
        world.token([Scope::DevicesRead]).await;
    }
    let export = world.get("/journal/export").bearer(&token).send().await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let text = export.text();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["muster_journal"], 1);
    assert_eq!(
        lines[0]["public_key"],
        hex::encode(world.engine.authority.load().journal_key())
    );
    let read = |name: &str| {
        lines
            .iter()
            .filter_map(|line| line.get(name).cloned())
            .collect::<Vec<_>>()
    };
    let events: Vec<Event> = serde_json::from_value(json!(read("event"))).unwrap();
    let checkpoints: Vec<Checkpoint> = serde_json::from_value(json!(read("checkpoint"))).unwrap();
    assert!(events.len() >= 6);
    assert_eq!(checkpoints.last().unwrap().seq, events.last().unwrap().seq);
    let prove = |events: &[Event]| {
        let mut verifier = Verifier::new(Head::EMPTY, checkpoints.clone());
        for event in events {
            verifier.event(event, &|_, _| true)?;
        }
        verifier.finish()
    };
    assert!(prove(&events).is_ok());
    let mut changed = events.clone();
    changed[2].draft.kind = "device.enrolled".into();
    assert!(prove(&changed).is_err());
    assert!(prove(&events[..events.len() - 1]).is_err());
    let listed = world
        .get("/journal/checkpoints")
        .bearer(&token)
        .send()
        .await
        .json();
    assert_eq!(listed["items"].as_array().unwrap().len(), checkpoints.len());
}

#[tokio::test]
async fn a_webhook_lives_from_creation_to_removal() {
    let world = World::new().await;
    let token = world.master().await;
    // A port that nobody listens on: taken and let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let order = json!({"url": format!("http://127.0.0.1:{port}/hook"), "kinds": ["device."]});
    let made = world
        .post("/webhooks")
        .bearer(&token)
        .json(&order)
        .send()
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert!(
        made.json()["secret"]
            .as_str()
            .unwrap()
            .starts_with("muster_whsec_")
    );
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/webhooks/{id}");
    let off = world.ask(Method::PATCH, &path).bearer(&token);
    let off = off.json(&json!({"enabled": false})).send().await;
    assert_eq!(off.json()["enabled"], false);
    let rotated = world
        .post(&format!("/webhooks/{id}/rotate-secret"))
        .bearer(&token);
    assert_ne!(rotated.send().await.json()["secret"], made.json()["secret"]);
    let replayed = world.post(&format!("/webhooks/{id}/replay")).bearer(&token);
    let replayed = replayed.json(&json!({"cursor": 0})).send().await;
    assert_eq!(replayed.json()["cursor"], 0);
    let beyond = world.post(&format!("/webhooks/{id}/replay")).bearer(&token);
    let beyond = beyond.json(&json!({"cursor": 999_999})).send().await;
    assert_eq!(beyond.code(), "invalid");
    let tried = world
        .post(&format!("/webhooks/{id}/test"))
        .bearer(&token)
        .send()
        .await;
    assert_eq!(tried.status, StatusCode::OK);
    assert!(tried.json()["error"].is_string());
    let log = world
        .get(&format!("/webhooks/{id}/deliveries"))
        .bearer(&token);
    assert_eq!(
        log.send().await.json()["items"].as_array().unwrap().len(),
        1
    );
    let gone = world.ask(Method::DELETE, &path).bearer(&token).send().await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let after = world.ask(Method::GET, &path).bearer(&token).send().await;
    assert_eq!(after.status, StatusCode::NOT_FOUND);
}
