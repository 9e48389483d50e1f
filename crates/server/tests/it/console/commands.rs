//! What is sent to devices, and what is not.

use axum::http::StatusCode;
use domain::{Ownership, Platform};

use super::world::World;

#[tokio::test]
async fn a_wipe_needs_the_serial_number_and_a_reason() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let path = format!("/devices/{id}/wipe");
    for fields in [
        [("serial", "ZZTEST999999"), ("reason", "lost")],
        [("serial", ""), ("reason", "lost")],
        [("serial", "ZZTEST000001"), ("reason", " ")],
    ] {
        let answer = browser.fill(&path, &path, &fields).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{fields:?}"
        );
        assert!(answer.text.contains("There is a problem"), "{fields:?}");
        assert!(answer.text.contains("<title>Error: "), "{fields:?}");
    }
    assert!(world.commands(id).await.is_empty());

    let fields = [("serial", "zztest000001"), ("reason", "Lost on the train")];
    let answer = browser.fill(&path, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.location(), format!("/devices/{id}?done=wiping"));
    let commands = world.commands(id).await;
    assert_eq!(commands.len(), 1);
    let order = &commands[0].command.order;
    assert_eq!(order.kind, "EraseDevice");
    assert_eq!(order.reason.as_deref(), Some("Lost on the train"));
    let page = browser.get(answer.location()).await;
    assert!(page.text.contains("The wipe is queued"), "{}", page.text);
}

#[tokio::test]
async fn a_personal_device_cannot_be_wiped_by_any_form() {
    let world = World::new().await;
    let id = world
        .device("Private", Platform::Ios, Ownership::Personal)
        .await;
    let mut browser = world.signed_in().await;
    let wipe = format!("/devices/{id}/wipe");
    let page = browser.get(&wipe).await;
    assert!(
        page.text.contains("This device cannot be wiped"),
        "{}",
        page.text
    );
    let fields = [("serial", "ZZTEST000001"), ("reason", "because")];
    let answer = browser.fill("/account", &wipe, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields = [("command", "erase_device"), fields[0], fields[1]];
    let answer = browser
        .fill("/account", &format!("/devices/{id}/send"), &fields)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.commands(id).await.is_empty());
}

#[tokio::test]
async fn a_mac_is_locked_with_a_pin_that_is_never_shown_again_but_by_its_page() {
    let world = World::new().await;
    let id = world
        .device("Mac", Platform::Macos, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let path = format!("/devices/{id}/lock");
    let fields = [
        ("serial", "ZZTEST000001"),
        ("reason", "Left"),
        ("pin", "12345x"),
    ];
    let answer = browser.fill(&path, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("Enter six digits"), "{}", answer.text);
    assert!(!answer.text.contains("12345x"), "the PIN is typed anew");

    let fields = [
        ("serial", "ZZTEST000001"),
        ("reason", "Left"),
        ("pin", "482913"),
    ];
    let answer = browser.fill(&path, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = browser.get(&format!("/devices/{id}")).await;
    assert!(page.text.contains("Lock PIN") && !page.text.contains("482913"));

    let secret = page
        .text
        .split(&format!("/devices/{id}/secrets/"))
        .nth(1)
        .unwrap();
    let secret = format!(
        "/devices/{id}/secrets/{}",
        secret.split('"').next().unwrap()
    );
    let refused = browser.fill(&secret, &secret, &[("reason", "")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.events("secret.revealed").await, 0);
    let shown = browser
        .fill(&secret, &secret, &[("reason", "Ticket 7")])
        .await;
    assert!(shown.text.contains("482913"), "{}", shown.text);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(world.events("secret.revealed").await, 1);
    // Looking at the page again shows nothing and asks again.
    assert!(!browser.get(&secret).await.text.contains("482913"));
}

#[tokio::test]
async fn a_form_that_is_sent_twice_acts_once() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let path = format!("/devices/{id}/lock");
    let csrf = browser.get(&path).await.field("_csrf");
    let fields = [
        ("_csrf", csrf.as_str()),
        ("serial", "ZZTEST000001"),
        ("reason", "Left"),
    ];
    for _ in 0..2 {
        let answer = browser.post(&path, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    }
    assert_eq!(world.commands(id).await.len(), 1);
    // The page loaded again is another wish.
    browser.fill(&path, &path, &fields[1..]).await;
    assert_eq!(world.commands(id).await.len(), 2);
}

#[tokio::test]
async fn any_command_is_sent_with_its_parameters() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let path = format!("/devices/{id}/send");
    assert!(
        browser
            .get(&path)
            .await
            .text
            .contains("?command=restart_device")
    );
    let fields = [("command", "remove_application"), ("p.identifier", "")];
    let answer = browser.fill(&path, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("Identifier: enter a value"),
        "{}",
        answer.text
    );
    let fields = [
        ("command", "remove_application"),
        ("p.identifier", "com.example.app"),
    ];
    let answer = browser.fill(&path, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let order = &world.commands(id).await[0].command.order;
    assert_eq!(order.kind, "RemoveApplication");
    assert_eq!(order.parameters["identifier"], "com.example.app");
}

#[tokio::test]
async fn a_hazardous_command_asks_for_serial_and_reason_also_in_the_general_form() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let path = format!("/devices/{id}/send");
    let fields = [
        ("command", "erase_device"),
        ("reason", "x"),
        ("serial", "no"),
    ];
    let answer = browser.fill(&path, &path, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(world.commands(id).await.is_empty());
}

#[tokio::test]
async fn a_command_that_was_not_sent_can_be_cancelled_from_its_own_device_only() {
    let world = World::new().await;
    let id = world
        .device("Phone", Platform::Ios, Ownership::Corporate)
        .await;
    let other = world
        .device("Other", Platform::Ios, Ownership::Corporate)
        .await;
    let mut browser = world.signed_in().await;
    let lock = format!("/devices/{id}/lock");
    let fields = [("serial", "ZZTEST000001"), ("reason", "Left")];
    browser.fill(&lock, &lock, &fields).await;
    let command = world.commands(id).await[0].command.order.id;
    let page = format!("/devices/{id}");
    let elsewhere = format!("/devices/{other}/commands/{command}/cancel");
    let answer = browser.fill(&page, &elsewhere, &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let path = format!("/devices/{id}/commands/{command}/cancel");
    let answer = browser.fill(&page, &path, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(world.commands(id).await[0].finish.is_some());
    let answer = browser.fill(&page, &path, &[]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}
