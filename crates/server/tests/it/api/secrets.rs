//! Secrets leave only where they must.

use axum::http::{Method, StatusCode};
use domain::Platform;
use serde_json::json;

use super::world::{World, operations};

#[tokio::test]
async fn no_get_answer_holds_a_planted_secret() {
    let world = World::new().await;
    let token = world.master().await;
    let device = world.device("Mac", Platform::Macos).await.to_string();
    let mut planted = vec![
        "918273".to_owned(),
        "planted-magic".to_owned(),
        token.clone(),
    ];

    let lock = json!({"type": "device_lock", "pin": "918273", "reason": "lost"});
    let sent = world
        .post(&format!("/devices/{device}/commands"))
        .bearer(&token);
    let sent = sent.key("k").json(&lock).send().await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
    assert!(!sent.text().contains("918273"));
    assert_eq!(sent.json()["parameters"]["pin"], "[secret]");

    let order =
        json!({"name": "t", "ownership": "corporate", "expires_at": "2099-01-01T00:00:00Z"});
    let made = world
        .post("/enrollment-tokens")
        .bearer(&token)
        .json(&order)
        .send()
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let enrollment = made.json();
    let secret = enrollment["secret"].as_str().unwrap().to_owned();
    assert!(enrollment["url"].as_str().unwrap().ends_with(&secret));
    assert_eq!(made.header("cache-control"), "no-store");
    planted.push(secret);

    let order = json!({"url": "http://127.0.0.1:9/hook"});
    let made = world
        .post("/webhooks")
        .bearer(&token)
        .json(&order)
        .send()
        .await
        .json();
    planted.push(made["secret"].as_str().unwrap().to_owned());

    let csr = world
        .post("/push-certificates/request")
        .bearer(&token)
        .send()
        .await;
    assert!(
        csr.json()["csr_pem"]
            .as_str()
            .unwrap()
            .contains("CERTIFICATE REQUEST")
    );
    world.engine.seal_journal().await.unwrap();

    let ids = [
        device.clone(),
        sent.json()["id"].as_str().unwrap().to_owned(),
        enrollment["id"].as_str().unwrap().to_owned(),
        made["id"].as_str().unwrap().to_owned(),
    ];
    let mut answered = 0;
    for operation in operations().iter().filter(|one| one.method == Method::GET) {
        for id in &ids {
            let answer = operation.asked(&world, id).bearer(&token).send().await;
            assert!(!answer.status.is_server_error(), "{operation:?}");
            answered += usize::from(answer.status == StatusCode::OK);
            let text = answer.text();
            for secret in &planted {
                assert!(!text.contains(secret), "{operation:?} shows {secret}");
            }
        }
    }
    assert!(
        answered > 30,
        "{answered} answers are too few to mean something"
    );
}

#[tokio::test]
async fn a_secret_is_revealed_with_a_reason_and_the_journal_knows() {
    let world = World::new().await;
    let token = world.master().await;
    let device = world.device("Mac", Platform::Macos).await.to_string();
    let lock = json!({"type": "device_lock", "pin": "918273", "reason": "lost"});
    let sent = world
        .post(&format!("/devices/{device}/commands"))
        .bearer(&token);
    sent.key("k").json(&lock).send().await;
    let held = world
        .get(&format!("/devices/{device}/secrets"))
        .bearer(&token);
    let held = held.send().await.json();
    let id = held["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/secrets/{id}/reveal");
    let silent = world
        .post(&path)
        .bearer(&token)
        .json(&json!({"reason": "  "}));
    assert_eq!(silent.send().await.code(), "invalid");
    let reason = json!({"reason": "The owner forgot it"});
    let shown = world.post(&path).bearer(&token).json(&reason).send().await;
    assert_eq!(shown.json()["text"], "918273");
    assert_eq!(shown.header("cache-control"), "no-store");
    world.engine.seal_journal().await.unwrap();
    let events = world
        .get("/journal/events?kind=secret.revealed")
        .bearer(&token);
    let events = events.send().await.json();
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
    assert_eq!(events["items"][0]["data"]["reason"], "The owner forgot it");
}

#[tokio::test]
async fn an_enrollment_token_lives_from_creation_to_revocation() {
    let world = World::new().await;
    let token = world.master().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let order = json!({
            "name": format!("token {number}"), "ownership": "cope", "platforms": ["ios"],
            "serials": [" zztest000001 "], "max_uses": 2, "expires_at": "2099-01-01T00:00:00Z",
        });
        let made = world
            .post("/enrollment-tokens")
            .bearer(&token)
            .json(&order)
            .send()
            .await;
        let id = made.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(
            made.header("location"),
            format!("/api/v1/enrollment-tokens/{id}")
        );
        ids.push(id);
        world.pass_seconds(1);
    }
    let page = world
        .get("/enrollment-tokens?limit=2")
        .bearer(&token)
        .send()
        .await
        .json();
    assert_eq!(page["items"][0]["id"], ids[2].as_str());
    let next = format!(
        "/enrollment-tokens?limit=2&cursor={}",
        page["next"].as_str().unwrap()
    );
    let rest = world.get(&next).bearer(&token).send().await.json();
    assert_eq!(rest["items"][0]["id"], ids[0].as_str());
    assert!(rest["next"].is_null());
    let path = format!("/enrollment-tokens/{}", ids[0]);
    let revoked = world
        .post(&format!("{path}/revoke"))
        .bearer(&token)
        .send()
        .await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let seen = world.get(&path).bearer(&token).send().await.json();
    assert!(seen["revoked_at"].is_string());
    assert_eq!(seen["serials"], json!(["ZZTEST000001"]));
    let past = json!({"name": "x", "ownership": "cope", "expires_at": "2000-01-01T00:00:00Z"});
    let past = world
        .post("/enrollment-tokens")
        .bearer(&token)
        .json(&past)
        .send()
        .await;
    assert_eq!(past.code(), "invalid");
}
