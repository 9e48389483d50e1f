//! Who gets in, and what they may do there.

use axum::http::{Method, StatusCode};
use domain::{Platform, scope::Scope};
use serde_json::json;

use super::world::{COOKIE, World, operations};

const STRANGER: &str = "019b0000-0000-7000-8000-000000000000";

#[tokio::test]
async fn no_operation_lets_in_who_has_no_token() {
    let world = World::new().await;
    let mut bodies = std::collections::BTreeSet::new();
    for operation in operations() {
        let answer = operation.asked(&world, STRANGER).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{operation:?}");
        assert_eq!(answer.code(), "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"muster\"");
        bodies.insert(answer.text());
    }
    // The same words, whatever was asked.
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn neither_wrong_tokens_nor_sessions_nor_other_schemes_get_in() {
    let world = World::new().await;
    let token = world.master().await;
    let uniform = world.get("/devices").send().await.text();
    for (name, value) in [
        ("authorization", "Bearer".to_owned()),
        ("authorization", "Bearer muster_short".to_owned()),
        ("authorization", format!("Bearer muster_{}", "A".repeat(43))),
        ("authorization", format!("Basic {token}")),
        ("authorization", token.clone()),
        ("authorization", format!("Bearer {token}x")),
        (COOKIE, format!("session={token}; muster={token}")),
        ("x-api-key", token.clone()),
    ] {
        let answer = world.get("/devices").header(name, &value).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value}");
        assert_eq!(answer.text(), uniform);
    }
    let twice = world.get("/devices").bearer(&token).bearer(&token);
    assert_eq!(twice.send().await.status, StatusCode::UNAUTHORIZED);
    let right = world.get("/devices").bearer(&token).send().await;
    assert_eq!(right.status, StatusCode::OK);
}

#[tokio::test]
async fn encoded_and_alternate_paths_lead_nowhere() {
    let world = World::new().await;
    let id = world.device("target", Platform::Ios).await;
    for path in [
        "/api/v1/%64evices".to_owned(),
        "/api/v1//devices".to_owned(),
        "//api/v1/devices".to_owned(),
        "/API/v1/devices".to_owned(),
        "/api/v1/devices/".to_owned(),
        "/api/v1/devices;x".to_owned(),
        "/api/v1/./devices".to_owned(),
        "/api/v1/x/../devices".to_owned(),
        "/api/v1/x/%2e%2e/devices".to_owned(),
        "/api/%76%31/devices".to_owned(),
        "/%61pi/v1/devices".to_owned(),
        format!("/api/v1/devices%2F{id}"),
        "/api".to_owned(),
        "/api/".to_owned(),
        "/api/v2/devices".to_owned(),
        "/api/v1".to_owned(),
    ] {
        for method in [Method::GET, Method::POST, Method::HEAD] {
            let answer = world.ask(method, &path).send().await;
            assert!(
                matches!(
                    answer.status,
                    StatusCode::UNAUTHORIZED
                        | StatusCode::NOT_FOUND
                        | StatusCode::METHOD_NOT_ALLOWED
                ),
                "{path}: {}",
                answer.status
            );
            assert!(!answer.text().contains("target"), "{path}");
        }
    }
}

#[tokio::test]
async fn every_operation_needs_exactly_the_scope_that_the_document_names() {
    let world = World::new().await;
    for operation in operations() {
        let Some(scope) = operation.scope else {
            assert_eq!(operation.path, "/api/v1/me", "only this needs no scope");
            continue;
        };
        let others = Scope::ALL.iter().copied().filter(|other| *other != scope);
        let without = world.token(others).await;
        let refused = operation
            .asked(&world, STRANGER)
            .bearer(&without)
            .send()
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{operation:?}");
        assert_eq!(refused.code(), "missing_scope");
        assert_eq!(refused.json()["scope"], scope.as_str(), "{operation:?}");
        let with = world.token([scope]).await;
        let answer = operation.asked(&world, STRANGER).bearer(&with).send().await;
        // What a token makes for itself it must be able to give: that is not this test's matter.
        if operation.path == "/api/v1/api-tokens" && operation.method == Method::POST {
            assert_eq!(answer.json()["scope"], "devices:read");
            continue;
        }
        assert_ne!(answer.status, StatusCode::FORBIDDEN, "{operation:?}");
        assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{operation:?}");
        assert!(!answer.status.is_server_error(), "{operation:?} {answer:?}");
    }
}

#[tokio::test]
async fn hazardous_commands_need_their_own_scopes() {
    let world = World::new().await;
    let id = world.device("Mac", Platform::Macos).await;
    let path = format!("/devices/{id}/commands");
    for (body, scope) in [
        (
            json!({"type": "device_lock", "reason": "lost"}),
            Scope::DevicesLock,
        ),
        (
            json!({"type": "erase_device", "reason": "lost"}),
            Scope::DevicesWipe,
        ),
        (
            json!({"type": "raw", "reason": "trial", "command": {"RequestType": "NewThing"}}),
            Scope::DevicesRaw,
        ),
    ] {
        let others = Scope::ALL.iter().copied().filter(|other| *other != scope);
        let without = world.token(others).await;
        let refused = world.post(&path).bearer(&without).key("a").json(&body);
        let refused = refused.send().await;
        assert_eq!(refused.json()["scope"], scope.as_str());
        let with = world.token([scope]).await;
        let sent = world
            .post(&path)
            .bearer(&with)
            .key("a")
            .json(&body)
            .send()
            .await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
    }
}

#[tokio::test]
async fn who_guesses_is_slowed_down_and_time_forgives() {
    let world = World::new().await;
    let guess = format!("muster_{}", "A".repeat(43));
    let mut refused = 0;
    let throttled = loop {
        let answer = world.get("/me").bearer(&guess).send().await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        refused += 1;
        assert!(refused < 100, "nobody slows this down");
    };
    assert_eq!(throttled.code(), "too_many_attempts");
    assert_eq!(throttled.header("retry-after"), "5");
    world.pass_seconds(5);
    let token = world.master().await;
    let me = world.get("/me").bearer(&token).send().await;
    assert_eq!(me.status, StatusCode::OK);
    assert_eq!(me.json()["actor"]["kind"], "token");
    assert_eq!(
        me.json()["scopes"].as_array().unwrap().len(),
        Scope::ALL.len()
    );
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let world = World::new().await;
    let (mine, theirs) = (
        world.master().await,
        world.token([Scope::DevicesRead]).await,
    );
    let list = world.get("/api-tokens").bearer(&mine).send().await.json();
    let scopes = json!(["devices:read"]);
    let token = list["items"].as_array().unwrap().iter();
    let id = token
        .clone()
        .find(|token| token["scopes"] == scopes)
        .unwrap()["id"]
        .clone();
    assert_eq!(
        world.get("/devices").bearer(&theirs).send().await.status,
        StatusCode::OK
    );
    let path = format!("/api-tokens/{}/revoke", id.as_str().unwrap());
    let revoked = world.post(&path).bearer(&mine).send().await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let after = world.get("/devices").bearer(&theirs).send().await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}
