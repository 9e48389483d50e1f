//! Commands: ordered once, seen, taken back.

use axum::http::StatusCode;
use domain::Platform;
use serde_json::{Value, json};

use super::world::{Answer, World};

async fn order(world: &World, token: &str, device: &str, key: &str, body: &Value) -> Answer {
    let path = format!("/devices/{device}/commands");
    world
        .post(&path)
        .bearer(token)
        .key(key)
        .json(body)
        .send()
        .await
}

#[tokio::test]
async fn a_repeated_order_acts_once_and_is_answered_alike() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await.to_string();
    let body = json!({"type": "device_lock", "message": "Call us", "reason": "lost"});
    let first = order(&world, &token, &id, "k1", &body).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text());
    let command = first.json();
    assert_eq!(command["type"], "device_lock");
    assert_eq!(command["request_type"], "DeviceLock");
    assert_eq!(command["state"], "queued");
    assert_eq!(command["reason"], "lost");
    assert_eq!(command["created_by"]["kind"], "token");
    let location = first.header("location").to_owned();
    assert_eq!(
        location,
        format!("/api/v1/commands/{}", command["id"].as_str().unwrap())
    );
    let again = order(&world, &token, &id, "k1", &body).await;
    assert_eq!(again.status, first.status);
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(again.header("location"), location);

    let other = json!({"type": "device_lock", "message": "Other", "reason": "lost"});
    let mismatch = order(&world, &token, &id, "k1", &other).await;
    assert_eq!(mismatch.status, StatusCode::CONFLICT);
    assert_eq!(mismatch.code(), "conflict");
    let list = world.get(&format!("/devices/{id}/commands")).bearer(&token);
    let list = list.send().await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let seen = world.ask(axum::http::Method::GET, &location).bearer(&token);
    assert_eq!(seen.send().await.json(), command);

    // Another party's key of the same name is another key.
    let theirs = world.master().await;
    let theirs = order(&world, &theirs, &id, "k1", &other).await;
    assert_eq!(theirs.status, StatusCode::ACCEPTED);
    assert_ne!(theirs.json()["id"], command["id"]);
}

#[tokio::test]
async fn a_refused_order_leaves_its_key_free() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await.to_string();
    let without_reason = json!({"type": "erase_device"});
    let refused = order(&world, &token, &id, "k", &without_reason).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.code(), "invalid");
    let unfit = json!({"type": "set_recovery_lock", "new_password": "x", "reason": "x"});
    let unfit = order(&world, &token, &id, "k", &unfit).await;
    assert_eq!(unfit.code(), "unfit");
    let good = json!({"type": "erase_device", "reason": "stolen"});
    let sent = order(&world, &token, &id, "k", &good).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await.to_string();
    let path = format!("/devices/{id}/commands");
    let body = json!({"type": "security_info"});
    let keyless = world.post(&path).bearer(&token).json(&body).send().await;
    assert_eq!(keyless.code(), "idempotency_key_required");
    let long = "x".repeat(201);
    for key in ["", "two words", &long] {
        let answer = world
            .post(&path)
            .bearer(&token)
            .key(key)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key}");
        assert_eq!(answer.json()["field"], "Idempotency-Key");
    }
    for wrong in [
        json!({}),
        json!([]),
        json!("device_lock"),
        json!({"type": "no_such_thing"}),
        json!({"type": "security_info", "unknown": 1}),
        json!({"type": "security_info", "reason": 1}),
        json!({"type": "security_info", "enrollment": "x"}),
        json!({"type": "device_lock", "reason": "x", "message": {"a": 1}}),
    ] {
        let answer = order(&world, &token, &id, "w", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert_eq!(answer.code(), "invalid", "{wrong}");
    }
    let nobody = "019b0000-0000-7000-8000-000000000000";
    let answer = order(&world, &token, nobody, "n", &body).await;
    assert_eq!(answer.code(), "not_found");
    let stranger = json!({"type": "security_info", "enrollment": nobody});
    let answer = order(&world, &token, &id, "s", &stranger).await;
    assert_eq!(answer.code(), "conflict");
}

#[tokio::test]
async fn a_waiting_command_is_taken_back_once() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await.to_string();
    let body = json!({"type": "restart_device"});
    let sent = order(&world, &token, &id, "k", &body).await.json();
    let path = format!("/commands/{}/cancel", sent["id"].as_str().unwrap());
    let keyless = world.post(&path).bearer(&token).send().await;
    assert_eq!(keyless.code(), "idempotency_key_required");
    let first = world.post(&path).bearer(&token).key("c").send().await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(first.json()["state"], "cancelled");
    let again = world.post(&path).bearer(&token).key("c").send().await;
    assert_eq!(again.bytes, first.bytes);
    let other = world.post(&path).bearer(&token).key("d").send().await;
    assert_eq!(other.code(), "conflict");
}

#[tokio::test]
async fn commands_come_page_by_page_newest_first() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await.to_string();
    for number in 0..5 {
        let body = json!({"type": "restart_device"});
        let sent = order(&world, &token, &id, &format!("k{number}"), &body).await;
        assert_eq!(sent.status, StatusCode::ACCEPTED);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/devices/{id}/commands?limit=2{cursor}");
        let page = world.get(&path).bearer(&token).send().await.json();
        let items = page["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .into_iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut unique = seen.clone();
    unique.dedup();
    assert_eq!(unique.len(), 5);
    let path = format!("/devices/{id}/commands?cursor=AAAA");
    let answer = world.get(&path).bearer(&token).send().await;
    assert_eq!(answer.code(), "bad_cursor");
}

#[tokio::test]
async fn a_profile_may_be_large_and_a_refresh_asks_once() {
    let world = World::new().await;
    let token = world.master().await;
    let id = world.device("phone", Platform::Ios).await.to_string();
    let large =
        json!({"type": "device_lock", "reason": "x", "message": "y".repeat(2 * 1024 * 1024)});
    let answer = order(&world, &token, &id, "l", &large).await;
    assert_ne!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let path = format!("/devices/{id}/commands");
    let larger = world
        .post(&path)
        .bearer(&token)
        .key("m")
        .raw(vec![b' '; 7 * 1024 * 1024]);
    assert_eq!(larger.send().await.code(), "too_large");
    let path = format!("/devices/{id}/refresh");
    for _ in 0..2 {
        let answer = world.post(&path).bearer(&token).send().await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    }
    let list = world.get(&format!("/devices/{id}/commands")).bearer(&token);
    let list = list.send().await.json();
    let kinds = list["items"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|item| item["request_type"].clone()).collect();
    let asked = kinds.iter().filter(|kind| *kind == "SecurityInfo").count();
    assert_eq!(asked, 1, "{kinds:?}");
}
