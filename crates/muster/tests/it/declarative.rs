//! Declarative management between a whole node and devices.

use domain::{Channel, DeviceId, Ownership, Timestamp};
use engine::declarations::everybody;
use serde_json::{Value as Json, json};
use simulator::apple::{Device, Group, Kind};
use store::{DeclarationTarget, Declarations as _};

use crate::{
    apple_support::{settle, types},
    installation::Installation,
};

const PASSCODE: &str = "com.example.passcode";

fn passcode(length: u32) -> Json {
    json!({
        "Identifier": PASSCODE,
        "Type": "com.apple.configuration.passcode.settings",
        "Payload": { "MinimumLength": length },
    })
}

fn properties(name: &str) -> Json {
    json!({
        "Identifier": "com.example.properties",
        "Type": "com.apple.management.properties",
        "Payload": { "name": name },
    })
}

fn only(device: DeviceId) -> Vec<DeclarationTarget> {
    vec![DeclarationTarget {
        device_id: Some(device),
        channel: Channel::Device,
    }]
}

async fn put(there: &Installation, document: Json, targets: Vec<DeclarationTarget>) {
    let by = there.operator();
    let written = there.engine().put_declaration(&by, document).await.unwrap();
    there
        .engine()
        .assign_declaration(&by, &written.identifier, targets)
        .await
        .unwrap();
    there.engine().replan_all().await.unwrap();
}

/// One message of a synchronization, by hand.
async fn ask(device: &mut Device, endpoint: &str) -> (u16, Json) {
    let message = simulator::dict! {
        "MessageType" => "DeclarativeManagement",
        "UDID" => &device.hardware().udid,
        "Endpoint" => endpoint,
    };
    let (status, body) = device.send_check_in(message).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

/// A device that knows declarations.
async fn modern(there: &Installation, kind: Kind, seed: u64) -> (Device, DeviceId) {
    let mut device = there.device(kind, seed);
    device.hardware_mut().os_version = "26.1".into();
    there.enroll(&mut device, Ownership::Corporate).await;
    let id = there.device_id(&device.hardware().serial_number).await;
    assert!(device.state().declarations.enabled);
    (device, id)
}

#[tokio::test]
async fn all_four_kinds_reach_one_device_and_no_other() {
    let there = Installation::start().await;
    let (mut phone, id) = modern(&there, Kind::IPhone, 80).await;
    let (mut other, _) = modern(&there, Kind::IPhone, 81).await;
    let account = json!({
        "Identifier": "com.example.account",
        "Type": "com.apple.asset.useridentity",
        "Payload": { "FullName": "Ada", "EmailAddress": "ada@example.com" },
    });
    let activation = json!({
        "Identifier": "com.example.activation",
        "Type": "com.apple.activation.simple",
        "Payload": { "StandardConfigurations": [PASSCODE] },
    });
    put(&there, account, only(id)).await;
    put(&there, passcode(8), only(id)).await;
    put(&there, properties("north"), only(id)).await;
    put(&there, activation, only(id)).await;
    settle(&mut phone).await;
    settle(&mut other).await;
    let held = &phone.state().declarations;
    for (group, identifier) in [
        (Group::Asset, "com.example.account"),
        (Group::Configuration, PASSCODE),
        (Group::Management, "com.example.properties"),
        (Group::Activation, "com.example.activation"),
    ] {
        let declaration = &held.held[&(group, identifier.to_owned())];
        assert_eq!(
            (declaration.valid, declaration.active),
            ("valid", true),
            "{identifier}"
        );
    }
    assert!(other.state().declarations.get(PASSCODE).is_none());
    there.node.stop().await;
}

#[tokio::test]
async fn a_declaration_for_all_reaches_who_is_there_and_who_comes_and_is_withdrawn() {
    let there = Installation::start().await;
    let (mut phone, _) = modern(&there, Kind::IPhone, 82).await;
    put(&there, passcode(6), everybody()).await;
    settle(&mut phone).await;
    assert!(
        phone
            .state()
            .declarations
            .active_configurations()
            .contains(&PASSCODE)
    );
    let (mut late, _) = modern(&there, Kind::IPad, 83).await;
    assert!(late.state().declarations.get(PASSCODE).is_some());

    put(&there, passcode(10), everybody()).await;
    settle(&mut phone).await;
    assert_eq!(
        phone.state().declarations.get(PASSCODE).unwrap().payload["MinimumLength"],
        10
    );

    there
        .engine()
        .withdraw_declaration(&there.operator(), PASSCODE)
        .await
        .unwrap();
    there.engine().replan_all().await.unwrap();
    settle(&mut phone).await;
    settle(&mut late).await;
    assert!(phone.state().declarations.get(PASSCODE).is_none());
    assert!(late.state().declarations.get(PASSCODE).is_none());
    there.node.stop().await;
}

#[tokio::test]
async fn users_have_declarations_of_their_own() {
    let there = Installation::start().await;
    let (mut mac, id) = modern(&there, Kind::Mac, 84).await;
    let user = mac.add_user("ada", "Ada Lovelace").await.unwrap();
    let for_user = vec![DeclarationTarget {
        device_id: Some(id),
        channel: Channel::User,
    }];
    put(&there, passcode(8), for_user).await;
    put(&there, properties("device"), only(id)).await;
    for _ in 0..4 {
        mac.connect_user(&user).await.unwrap();
    }
    settle(&mut mac).await;
    assert!(mac.state().user_declarations.get(PASSCODE).is_some());
    assert!(
        mac.state()
            .user_declarations
            .get("com.example.properties")
            .is_none()
    );
    assert!(mac.state().declarations.get(PASSCODE).is_none());
    assert!(
        mac.state()
            .declarations
            .get("com.example.properties")
            .is_some()
    );
    assert!(
        mac.connect_user(&user).await.unwrap().commands.is_empty(),
        "no loop"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn a_synchronized_device_is_left_alone() {
    let there = Installation::start().await;
    let (mut phone, id) = modern(&there, Kind::IPhone, 85).await;
    put(&there, passcode(8), only(id)).await;
    put(&there, properties("north"), only(id)).await;
    settle(&mut phone).await;
    let settled = phone.state().declarations.clone();
    // Capabilities were reported, so the subscriptions changed once and then no more.
    assert!(
        settled.synchronizations <= 4,
        "{}",
        settled.synchronizations
    );
    assert!(settled.subscriptions.len() > 1);
    for _ in 0..3 {
        // A full report says the same again.
        phone.report_status(true).await.unwrap();
        assert!(phone.connect().await.unwrap().commands.is_empty());
    }
    // Assigning the same again, or writing the same, changes nothing.
    put(&there, passcode(8), only(id)).await;
    assert!(phone.connect().await.unwrap().commands.is_empty());
    let (_, first) = ask(&mut phone, "tokens").await;
    let (_, second) = ask(&mut phone, "tokens").await;
    assert_eq!(first, second);
    assert_eq!(
        first["SyncTokens"]["DeclarationsToken"].as_str(),
        phone.state().declarations.token.as_deref()
    );
    assert_eq!(
        phone.state().declarations.synchronizations,
        settled.synchronizations
    );
    there.node.stop().await;
}

#[tokio::test]
async fn tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = store::DbConfig::sqlite(folder.path().join("kept.db"));
    let (given, again) = (config.clone(), config);
    let keys = muster::node::passing_key();
    let same_keys = keys.clone();
    let there = Installation::start_with(
        |opening| {
            opening.database = given;
            opening.keys = keys;
        },
        |_| {},
    )
    .await;
    let (mut phone, id) = modern(&there, Kind::IPhone, 86).await;
    put(&there, passcode(8), only(id)).await;
    settle(&mut phone).await;
    let before = phone.state().declarations.token.clone().unwrap();
    there.node.stop().await;
    // The push certificate is in the database already.
    let there = Installation::start_without_push(
        |opening| {
            opening.database = again;
            opening.keys = same_keys;
        },
        |_| {},
    )
    .await;
    let device = there.engine().device(&there.operator(), id).await.unwrap();
    let enrollment = device
        .enrollments
        .iter()
        .find(|one| one.channel == Channel::Device)
        .unwrap();
    assert_eq!(enrollment.ddm_token.as_deref(), Some(before.as_str()));
    put(&there, passcode(8), only(id)).await;
    let open = there
        .engine()
        .commands_of(&there.operator(), id, None, 100)
        .await
        .unwrap();
    assert!(
        open.iter().all(|record| record.finish.is_some()),
        "nothing to synchronize"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn what_was_advertised_is_served_although_the_set_changed() {
    let there = Installation::start().await;
    let (mut phone, id) = modern(&there, Kind::IPhone, 87).await;
    put(&there, passcode(1), only(id)).await;
    let (status, items) = ask(&mut phone, "declaration-items").await;
    assert_eq!(status, 200);
    let advertised = items["Declarations"]["Configurations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["Identifier"] == PASSCODE)
        .unwrap()["ServerToken"]
        .clone();
    for length in 2..9 {
        put(&there, passcode(length), only(id)).await;
        let (status, served) =
            ask(&mut phone, &format!("declaration/configuration/{PASSCODE}")).await;
        assert_eq!(status, 200, "after {length} changes");
        assert_eq!(served["ServerToken"], advertised);
        assert_eq!(served["Payload"]["MinimumLength"], 1);
    }
    there
        .engine()
        .withdraw_declaration(&there.operator(), PASSCODE)
        .await
        .unwrap();
    let (status, _) = ask(&mut phone, &format!("declaration/configuration/{PASSCODE}")).await;
    assert_eq!(status, 200, "also when it was withdrawn");
    assert_eq!(
        ask(&mut phone, "declaration/configuration/com.example.none")
            .await
            .0,
        404
    );
    assert_eq!(
        ask(&mut phone, "declaration/asset/com.example.passcode")
            .await
            .0,
        404,
        "another kind"
    );
    assert_eq!(ask(&mut phone, "nonsense").await.0, 400);
    settle(&mut phone).await;
    assert!(phone.state().declarations.get(PASSCODE).is_none());
    there.node.stop().await;
}

#[tokio::test]
async fn one_bad_declaration_fails_alone() {
    let there = Installation::start().await;
    let (mut phone, id) = modern(&there, Kind::IPhone, 88).await;
    // One that the device finds invalid, and one that an older release let into the database.
    let unknown = json!({
        "Identifier": "com.example.unknown",
        "Type": "com.apple.configuration.test.unknown",
        "Payload": {},
    });
    put(&there, unknown, only(id)).await;
    put(&there, properties("good"), only(id)).await;
    there
        .engine()
        .db
        .write(move |tx| {
            Box::pin(async move {
                let row = store::Declaration {
                    id: domain::DeclarationId::new(Timestamp::from_millis(1), [3; 10]),
                    identifier: "com.example.broken".into(),
                    kind: "configuration".into(),
                    declaration_type: "nothing known".into(),
                    payload: json!("no object"),
                    server_token: "t".into(),
                    created_at: Timestamp::from_millis(1),
                    updated_at: Timestamp::from_millis(1),
                    deleted: false,
                };
                tx.put_declaration(&row).await?;
                tx.set_declaration_targets(row.id, &only(id)).await
            })
        })
        .await
        .unwrap();
    put(&there, passcode(8), only(id)).await;
    settle(&mut phone).await;
    let declarations = &phone.state().declarations;
    assert!(declarations.active_configurations().contains(&PASSCODE));
    assert_eq!(
        declarations.get("com.example.properties").unwrap().valid,
        "valid"
    );
    assert_eq!(
        declarations.get("com.example.unknown").unwrap().valid,
        "invalid"
    );
    assert!(declarations.get("com.example.broken").is_none());
    phone.report_status(true).await.unwrap();
    let refused = there.events("declaration.refused").await;
    assert_eq!(refused.len(), 1, "journalled once: {refused:?}");
    assert_eq!(refused[0].draft.data["identifier"], "com.example.unknown");
    assert!(
        there
            .engine()
            .put_declaration(&there.operator(), json!({"Identifier": "x"}))
            .await
            .is_err(),
        "today it would not get in"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn status_becomes_facts() {
    let there = Installation::start().await;
    let (mut phone, id) = modern(&there, Kind::IPhone, 89).await;
    phone.hardware_mut().os_version = "26.2".into();
    let session = phone.connect().await.unwrap();
    assert!(types(&session).is_empty(), "told by status, not asked");
    let device = there
        .engine()
        .device(&there.operator(), id)
        .await
        .unwrap()
        .device;
    assert_eq!(device.os_version.as_str(), "26.2");
    // An incremental report leaves what it does not mention.
    let facts = there
        .engine()
        .facts_of(&there.operator(), id)
        .await
        .unwrap();
    let keys: usize = facts.iter().map(|sheet| sheet.document.len()).sum();
    phone.hardware_mut().os_version = "26.3".into();
    phone.connect().await.unwrap();
    let facts = there
        .engine()
        .facts_of(&there.operator(), id)
        .await
        .unwrap();
    assert_eq!(
        facts
            .iter()
            .map(|sheet| sheet.document.len())
            .sum::<usize>(),
        keys
    );
    there.node.stop().await;
}

#[tokio::test]
async fn an_old_mac_is_managed_without_declarations() {
    let there = Installation::start().await;
    let mut mac = there.device(Kind::Mac, 90);
    mac.hardware_mut().os_version = "12.7".into();
    there.enroll(&mut mac, Ownership::Corporate).await;
    assert!(!mac.state().declarations.enabled);
    put(&there, passcode(8), everybody()).await;
    assert_eq!(settle(&mut mac).await, 0);
    there.node.stop().await;
}
