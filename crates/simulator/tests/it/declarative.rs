//! Declarative management.

use serde_json::json;
use simulator::{
    apple::{Device, Group, Kind},
    dict,
    keys::Digest,
    plist::{Value, to_xml},
};

use crate::{
    authority::{profile, simple_profile},
    device::{device, enrolled},
    server::Server,
};

async fn sync(server: &Server, device: &mut Device) {
    server.enqueue("DeclarativeManagement", dict! {});
    assert!(device.connect().await.unwrap().synchronized);
}

fn endpoints(server: &Server) -> Vec<String> {
    let script = server.script();
    script
        .check_ins
        .iter()
        .filter_map(|message| message.get("Endpoint"))
        .map(|endpoint| endpoint.str().unwrap().to_owned())
        .collect()
}

fn activation(server: &Server, token: &str, configurations: &[&str], predicate: Option<&str>) {
    let mut payload = json!({ "StandardConfigurations": configurations });
    if let Some(predicate) = predicate {
        payload["Predicate"] = json!(predicate);
    }
    server.declare(
        "activation",
        "act",
        token,
        "com.apple.activation.simple",
        payload,
    );
}

#[tokio::test]
async fn declarations_are_fetched_activated_and_reported() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 50).await;
    server.declare("configuration", "sub", "1", "com.apple.configuration.management.status-subscriptions",
        json!({ "StatusItems": [{ "Name": "device.operating-system.version" }, { "Name": "unknown.item" }] }));
    server.declare(
        "configuration",
        "idle",
        "1",
        "com.apple.configuration.management.test",
        json!({ "Echo": "x" }),
    );
    server.declare(
        "management",
        "org",
        "1",
        "com.apple.management.organization-info",
        json!({ "Name": "Test" }),
    );
    activation(&server, "1", &["sub"], None);
    sync(&server, &mut mac).await;
    assert_eq!(endpoints(&server)[..2], ["tokens", "declaration-items"]);
    assert_eq!(endpoints(&server).len(), 2 + 4 + 1);
    let held = &mac.state().declarations;
    assert_eq!(held.active_configurations(), ["sub"]);
    assert!(held.get("act").unwrap().active && !held.get("idle").unwrap().active);

    let report = server.script().reports[0].clone();
    assert_eq!(report["FullReport"], true);
    assert_eq!(
        report["StatusItems"]["device"]["operating-system"]["version"],
        "26.1"
    );
    assert_eq!(report["Errors"][0]["StatusItem"], "unknown.item");
    let configurations = &report["StatusItems"]["management"]["declarations"]["configurations"];
    assert_eq!(
        (
            &configurations[0]["identifier"],
            &configurations[0]["active"]
        ),
        (&json!("idle"), &json!(false))
    );
    assert!(
        report["StatusItems"]["management"]["client-capabilities"]["supported-payloads"]
            .is_object()
    );

    // Nothing changed: one question, no report.
    sync(&server, &mut mac).await;
    assert_eq!(endpoints(&server).len(), 7 + 1);
    assert_eq!(server.script().reports.len(), 1);

    // Only what changed is fetched and reported.
    mac.hardware_mut().os_version = "26.2".into();
    server.declare(
        "configuration",
        "idle",
        "2",
        "com.apple.configuration.management.test",
        json!({ "Echo": "y" }),
    );
    sync(&server, &mut mac).await;
    assert_eq!(
        endpoints(&server)[8..],
        [
            "tokens",
            "declaration-items",
            "declaration/configuration/idle",
            "status"
        ]
    );
    let report = server.script().reports[1].clone();
    assert_eq!(
        report["StatusItems"]["device"],
        json!({ "operating-system": { "version": "26.2" } })
    );
    assert!(
        report.get("FullReport").is_none()
            && report["StatusItems"]["management"]
                .get("client-capabilities")
                .is_none()
    );
    mac.report_status(true).await.unwrap();
    assert_eq!(server.script().reports[2]["FullReport"], true);
}

#[tokio::test]
async fn one_broken_declaration_fails_alone() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 51).await;
    server.declare(
        "configuration",
        "good",
        "1",
        "com.apple.configuration.management.test",
        json!({}),
    );
    server.declare(
        "configuration",
        "gone",
        "1",
        "com.apple.configuration.management.test",
        json!("missing"),
    );
    server.declare(
        "configuration",
        "odd",
        "1",
        "com.apple.asset.data",
        json!({}),
    );
    activation(&server, "1", &["good", "gone"], None);
    sync(&server, &mut phone).await;
    let held = &phone.state().declarations;
    assert_eq!(held.active_configurations(), ["good"]);
    assert_eq!(
        (
            held.get("gone").unwrap().valid,
            held.get("odd").unwrap().valid
        ),
        ("invalid", "invalid")
    );
    assert!(
        held.held
            .contains_key(&(Group::Configuration, "odd".into()))
    );
}

#[tokio::test]
async fn predicates_decide_and_missing_configurations_stop_an_activation() {
    let server = Server::start().await;
    let mut phone = enrolled(&server, Kind::IPhone, 52).await;
    server.declare(
        "configuration",
        "c",
        "1",
        "com.apple.configuration.management.test",
        json!({}),
    );
    server.declare(
        "management",
        "p",
        "1",
        "com.apple.management.properties",
        json!({ "ring": 1 }),
    );
    activation(&server, "1", &["c"], Some("@property(ring) >= 2"));
    sync(&server, &mut phone).await;
    assert!(
        phone
            .state()
            .declarations
            .active_configurations()
            .is_empty()
    );
    server.declare(
        "management",
        "p",
        "22",
        "com.apple.management.properties",
        json!({ "ring": 2 }),
    );
    sync(&server, &mut phone).await;
    assert_eq!(phone.state().declarations.active_configurations(), ["c"]);
    activation(&server, "333", &["c", "absent"], None);
    sync(&server, &mut phone).await;
    assert_eq!(
        phone.state().declarations.get("act").unwrap().reasons[0].0,
        "Error.MissingConfigurations"
    );
    server.script().declarations.clear();
    sync(&server, &mut phone).await;
    assert!(phone.state().declarations.held.is_empty());
}

#[tokio::test]
async fn legacy_profiles_and_updates_follow_their_declarations() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 53).await;
    let profile = to_xml(&Value::from(simple_profile(
        "test.legacy",
        dict! { "PayloadType" => "com.apple.dock" },
    )));
    server.script().files.insert(
        "/legacy".into(),
        ("application/x-apple-aspen-config".into(), profile),
    );
    server.declare(
        "configuration",
        "legacy",
        "1",
        "com.apple.configuration.legacy",
        json!({ "ProfileURL": format!("{}/legacy", server.url) }),
    );
    server.declare(
        "configuration",
        "update",
        "1",
        "com.apple.configuration.softwareupdate.enforcement.specific",
        json!({ "TargetOSVersion": "26.2", "TargetLocalDateTime": "2026-12-01T18:00:00" }),
    );
    activation(&server, "1", &["legacy", "update"], None);
    sync(&server, &mut mac).await;
    assert_eq!(
        mac.state().profiles["test.legacy"].declaration.as_deref(),
        Some("legacy")
    );
    let uuid = server.enqueue("RemoveProfile", dict! { "Identifier" => "test.legacy" });
    mac.connect().await.unwrap();
    assert_eq!(
        server.result(&uuid)["Status"].str(),
        Some("Error"),
        "commands cannot remove a declared profile"
    );
    assert_eq!(mac.state().update.as_ref().unwrap().version, "26.2");
    mac.finish_update();
    assert_eq!(mac.hardware().os_version, "26.2");
    activation(&server, "22", &["update"], None);
    sync(&server, &mut mac).await;
    assert!(!mac.state().profiles.contains_key("test.legacy"));
}

#[tokio::test]
async fn assets_must_be_what_their_declaration_says() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 54).await;
    let content = b"asset content".to_vec();
    let mut reference = json!({
        "DataURL": format!("{}/asset", server.url), "ContentType": "application/zip", "Size": content.len(),
        "Hash-SHA-256": hex::encode(Digest::Sha256.of(&content)),
    });
    server
        .script()
        .files
        .insert("/asset".into(), ("application/zip".into(), content));
    server.declare(
        "asset",
        "a",
        "1",
        "com.apple.asset.data",
        json!({ "Reference": reference }),
    );
    server.declare(
        "configuration",
        "c",
        "1",
        "com.apple.configuration.services.configuration-files",
        json!({ "DataAssetReference": "a" }),
    );
    activation(&server, "1", &["c"], None);
    sync(&server, &mut mac).await;
    assert_eq!(mac.state().declarations.active_configurations(), ["c"]);
    reference["Size"] = json!(1);
    server.declare(
        "asset",
        "a",
        "22",
        "com.apple.asset.data",
        json!({ "Reference": reference }),
    );
    sync(&server, &mut mac).await;
    let held = &mac.state().declarations;
    assert!(!held.get("c").unwrap().active && held.get("c").unwrap().reasons[0].1.contains("Size"));
}

#[tokio::test]
async fn old_systems_do_not_know_it() {
    let server = Server::start().await;
    let mut mac = enrolled(&server, Kind::Mac, 55).await;
    mac.hardware_mut().os_version = "12.7".into();
    let uuid = server.enqueue("DeclarativeManagement", dict! {});
    assert!(!mac.connect().await.unwrap().synchronized);
    assert_eq!(server.result(&uuid)["Status"].str(), Some("Error"));
}

#[tokio::test]
async fn profiles_and_assets_for_managed_devices_are_fetched_by_identity() {
    let server = Server::start_with(true).await;
    server.script().profile = profile(&server.url, true);
    let mut mac = device(Kind::Mac, 56).trusting(&server.ca_pem).unwrap();
    mac.enroll_from(&server.profile_url()).await.unwrap();
    let legacy = simple_profile("test.legacy", dict! { "PayloadType" => "com.apple.dock" });
    let legacy = to_xml(&Value::from(legacy));
    let files = [
        ("/legacy", "application/x-apple-aspen-config", legacy),
        ("/private", "text/plain", b"private".to_vec()),
        ("/public", "text/plain", b"public".to_vec()),
    ];
    for (path, media_type, content) in files {
        let file = (media_type.to_owned(), content);
        server.script().files.insert(path.into(), file);
    }
    let configuration = "com.apple.configuration.legacy";
    let payload = json!({ "ProfileURL": format!("{}/legacy", server.url) });
    server.declare("configuration", "1", "1", configuration, payload);
    for (name, access) in [("private", "MDM"), ("public", "None")] {
        let reference = json!({ "DataURL": format!("{}/{name}", server.url) });
        let payload = json!({ "Reference": reference, "Authentication": { "Type": access } });
        server.declare("asset", name, "1", "com.apple.asset.data", payload);
        let configuration = "com.apple.configuration.services.configuration-files";
        let payload = json!({ "DataAssetReference": name });
        server.declare(
            "configuration",
            &format!("2{name}"),
            "1",
            configuration,
            payload,
        );
    }
    activation(&server, "1", &["1", "2private", "2public"], None);
    sync(&server, &mut mac).await;
    let active = mac.state().declarations.active_configurations().len();
    assert_eq!(active, 3, "{:?}", mac.state().declarations);
    let own = Some(mac.identity().unwrap().certificate.der.clone());
    assert_eq!(server.script().file_peers, [own.clone(), own, None]);
}
