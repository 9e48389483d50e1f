//! The OpenAPI document, and how requests that cannot be read are answered.

use std::path::Path;

use axum::http::{Method, StatusCode};
use domain::{Platform, scope::Scope};
use serde_json::{Value, json};

use super::world::{World, operations};

/// `UPDATE_OPENAPI=1 cargo test -p server openapi` writes it anew.
#[test]
fn the_checked_in_openapi_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let generated = server::api::openapi_json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "openapi.json is not what the code says: run UPDATE_OPENAPI=1 cargo test -p server openapi"
    );
}

#[test]
fn the_document_is_whole() {
    let text = server::api::openapi_json();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    // Every reference leads somewhere.
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is described nowhere");
    }
    let mut names = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} twice");
            let summary = operation["summary"].as_str().unwrap();
            assert!(!summary.is_empty() && !summary.contains('\n'), "{name}");
            assert!(operation["responses"]["401"].is_object(), "{name}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_with_the_place() {
    let world = World::new().await;
    let token = world.master().await;
    let post = |body: &'static str, kind: &'static str| {
        world
            .post("/api-tokens")
            .bearer(&token)
            .header("content-type", kind)
            .raw(body)
            .send()
    };
    let json = "application/json";
    let answer = post("{\"name\":1}", json).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["field"], "name");
    for broken in ["", "{", "[]", "null", "{\"name\":\"x\"}", "{\"nme\":\"x\"}"] {
        let answer = post(broken, json).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{broken}");
        assert_eq!(answer.code(), "invalid");
    }
    let answer = post("{}", "text/plain").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(answer.code(), "unsupported_media_type");
    let answer = world.post("/api-tokens").bearer(&token).send().await;
    assert_eq!(answer.code(), "unsupported_media_type");
    let large = vec![b' '; 1024 * 1024 + 1];
    let answer = world
        .post("/api-tokens")
        .bearer(&token)
        .raw(large)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "too_large");
    let nul = post(
        r#"{"name":"a\u0000b","scopes":["devices:read"],"expires_at":"2027-06-30T00:00:00Z"}"#,
        json,
    );
    assert_eq!(nul.await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn no_operation_takes_a_query_parameter_that_it_does_not_know() {
    let world = World::new().await;
    let token = world.master().await;
    for operation in operations() {
        let path = operation.filled("019b0000-0000-7000-8000-000000000000");
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}plattform=ios");
        let answer = world
            .ask(operation.method.clone(), &path)
            .bearer(&token)
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{operation:?}");
        assert_eq!(answer.json()["field"], "plattform");
    }
    for path in [
        "/devices?platform=ios&platform=macos",
        "/devices?platform=amiga",
        "/devices?supervised=perhaps",
        "/devices?seen_after=yesterday",
        "/devices?sort=secret",
        "/devices?sort=name%20DESC%3B--",
        "/devices?limit=0",
        "/devices?limit=501",
        "/devices?limit=-1",
        "/devices?q=%00",
        "/journal/events?after=x",
        "/journal/events?after=1&before=9",
    ] {
        let answer = world.get(path).bearer(&token).send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.code(), "bad_request", "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let world = World::new().await;
    let token = world.token([Scope::DevicesRead]).await;
    for path in ["/api", "/api/v1/nothing", "/api/v9/devices"] {
        let answer = world.ask(Method::GET, path).bearer(&token).send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.code(), "not_found");
    }
    let answer = world.ask(Method::DELETE, "/api/v1/devices").bearer(&token);
    let answer = answer.send().await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.code(), "wrong_method");
    for path in [
        "/devices/x",
        "/commands/..",
        "/devices/019b0000-0000-7000-8000-000000000000",
    ] {
        let answer = world.get(path).bearer(&token).send().await;
        assert_eq!(answer.code(), "not_found", "{path}");
    }
    let secrets = world.get("/secrets/019b0000-0000-7000-8000-000000000000/reveal");
    let answer = secrets.bearer(&token).send().await;
    assert_eq!(
        answer.code(),
        "wrong_method",
        "a secret is never read by GET"
    );
}

#[tokio::test]
async fn declarations_are_written_assigned_and_withdrawn() {
    let world = World::new().await;
    let token = world.master().await;
    let document = json!({
        "Type": "com.apple.configuration.passcode.settings",
        "Identifier": "org.example.passcode",
        "Payload": {"RequirePasscode": true},
    });
    let path = "/api/v1/declarations/org.example.passcode";
    let put = world.ask(Method::PUT, path).bearer(&token).json(&document);
    let put = put.send().await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    assert_eq!(put.json()["kind"], "configuration");
    assert_eq!(
        put.header("etag"),
        format!("\"{}\"", put.json()["server_token"].as_str().unwrap())
    );
    let other = world.ask(Method::PUT, "/api/v1/declarations/org.example.other");
    let other = other.bearer(&token).json(&document).send().await;
    assert_eq!(other.json()["field"], "Identifier");
    let device = world.device("phone", Platform::Ios).await;
    let targets = json!({"targets": [{"device_id": device}]});
    let assigned = world.ask(Method::PUT, &format!("{path}/targets"));
    let assigned = assigned.bearer(&token).json(&targets).send().await;
    assert_eq!(
        assigned.status,
        StatusCode::NO_CONTENT,
        "{}",
        assigned.text()
    );
    let found = world
        .ask(Method::GET, path)
        .bearer(&token)
        .send()
        .await
        .json();
    assert_eq!(found["targets"][0]["device_id"], json!(device));
    assert_eq!(found["targets"][0]["channel"], "device");
    let gone = world.ask(Method::DELETE, path).bearer(&token).send().await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let after = world.ask(Method::GET, path).bearer(&token).send().await;
    assert_eq!(after.status, StatusCode::NOT_FOUND);
}
