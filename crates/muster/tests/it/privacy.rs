//! What a personal device's ownership keeps out of the database.

use apple::commands::{EnableLostMode, InstalledApplicationList, SecurityInfo};
use domain::Ownership;
use simulator::apple::{Kind, State};
use store::DbConfig;

use crate::{
    apple_support::{counted, metrics, order, settle},
    installation::Installation,
};

const APP: &str = "com.example.planted-private-app";
const APP_NAME: &str = "Planted Private Name";
const PHONE: &str = "+447700900123";
const IMEI: &str = "356938035643809";

fn plant(state: &mut State) {
    let app = simulator::apple::App {
        identifier: APP.into(),
        name: APP_NAME.into(),
        short_version: "1".into(),
        version: "1".into(),
        bundle_size: 1,
        managed: false,
        store_id: None,
    };
    state.apps.insert(APP.into(), app);
}

/// Enrolls a device that tells everything it can, asked or not; gives the bytes of the database.
async fn bytes_after(ownership: Ownership) -> Vec<u8> {
    metrics();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("searched.db");
    let config = DbConfig::sqlite(&path);
    let there = Installation::start_with(|opening| opening.database = config, |_| {}).await;
    let mut phone = there.device(Kind::IPhone, 95);
    phone.hardware_mut().imei = Some(IMEI.into());
    phone.hardware_mut().supervised = true;
    phone.hardware_mut().os_version = "26.1".into();
    plant(phone.state_mut());
    let url = there.enrollment_url(ownership).await;
    phone.enroll_from(&url).await.unwrap();
    let id = there.device_id(&phone.hardware().serial_number).await;
    if ownership == Ownership::Cope {
        let all = InstalledApplicationList {
            identifiers: Vec::new(),
            managed_apps_only: false,
        };
        there.send(id, all).await;
    }
    // Answers that say as much as they may, and more than was asked.
    let idle = simulator::dict! { "UDID" => &phone.hardware().udid, "Status" => "Idle" };
    let mut message = idle;
    for _ in 0..20 {
        let (status, reply) = phone.send_response(message).await.unwrap();
        assert_eq!(status, 200);
        if reply.is_empty() {
            break;
        }
        let command = simulator::plist::Value::parse(&reply).unwrap();
        let uuid = command
            .get("CommandUUID")
            .unwrap()
            .str()
            .unwrap()
            .to_owned();
        let command = command.get("Command").unwrap();
        let kind = command
            .get("RequestType")
            .unwrap()
            .str()
            .unwrap()
            .to_owned();
        let managed_only = command.get("ManagedAppsOnly").is_some();
        message = simulator::dict! {
            "UDID" => &phone.hardware().udid, "Status" => "Acknowledged", "CommandUUID" => uuid,
        };
        let item = simulator::dict! {
            "Identifier" => APP, "Name" => APP_NAME, "ShortVersion" => "1", "Version" => "1",
        };
        match kind.as_str() {
            "InstalledApplicationList" if managed_only => message.extend(simulator::dict! {
                "InstalledApplicationList" => Vec::<simulator::plist::Value>::new(),
            }),
            "InstalledApplicationList" => message.extend(simulator::dict! {
                "InstalledApplicationList" => vec![simulator::plist::Value::from(item)],
            }),
            "DeviceInformation" => {
                let answers = simulator::dict! {
                    "OSVersion" => "26.1", "IMEI" => IMEI, "PhoneNumber" => PHONE,
                };
                message.extend(simulator::dict! { "QueryResponses" => answers });
            }
            _ => {}
        }
    }
    let status = serde_json::json!({
        "StatusItems": {
            "device": { "model": { "family": "iPhone" }, "operating-system": { "version": "26.1" } },
            "app": { "managed": { "list": [] } },
            "x-private": { "phone": PHONE, "imei": IMEI, "app": APP },
        },
        "Errors": [],
        "FullReport": true,
    });
    let report = simulator::dict! {
        "MessageType" => "DeclarativeManagement", "UDID" => &phone.hardware().udid,
        "Endpoint" => "status", "Data" => status.to_string().into_bytes(),
    };
    assert_eq!(phone.send_check_in(report).await.unwrap().0, 200);
    if ownership == Ownership::Personal {
        let by = there.operator();
        let all = InstalledApplicationList {
            identifiers: Vec::new(),
            managed_apps_only: false,
        };
        assert!(
            there
                .engine()
                .send_command(&by, id, None, order(all))
                .await
                .is_err()
        );
        let lost = EnableLostMode {
            message: Some("x".into()),
            phone_number: None,
            footnote: None,
        };
        assert!(
            there
                .engine()
                .send_command(&by, id, None, order(lost))
                .await
                .is_err()
        );
        assert!(
            there
                .engine()
                .raw_reports_of(&by, id, 100)
                .await
                .unwrap()
                .is_empty()
        );
    }
    there.send(id, SecurityInfo {}).await;
    settle(&mut phone).await;
    there.engine().seal_journal().await.unwrap();
    there.node.stop().await;
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

/// Where a planted value stands, with what is around it.
fn found(bytes: &[u8], planted: &str) -> Option<String> {
    let at = bytes
        .windows(planted.len())
        .position(|window| window == planted.as_bytes())?;
    let around = &bytes[at.saturating_sub(300)..(at + planted.len() + 100).min(bytes.len())];
    Some(String::from_utf8_lossy(around).into_owned())
}

#[tokio::test]
async fn a_personal_devices_private_life_reaches_no_disk() {
    let bytes = bytes_after(Ownership::Personal).await;
    for planted in [APP, APP_NAME, PHONE, IMEI] {
        assert_eq!(found(&bytes, planted), None, "{planted} was stored");
    }
    for category in ["network", "identity"] {
        let label = format!("category=\"{category}\"");
        assert!(
            counted("muster_dropped_facts_total", &label) > 0,
            "{category} is counted"
        );
    }
}

#[tokio::test]
async fn private_apps_on_an_organisations_device_for_private_use_reach_no_disk() {
    let bytes = bytes_after(Ownership::Cope).await;
    for planted in [APP, APP_NAME] {
        assert_eq!(found(&bytes, planted), None, "{planted} was stored");
    }
    assert!(counted("muster_dropped_facts_total", "category=\"apps\"") > 0);
}

#[tokio::test]
async fn the_same_search_finds_what_a_corporate_device_tells() {
    let bytes = bytes_after(Ownership::Corporate).await;
    for planted in [APP, APP_NAME, PHONE, IMEI] {
        assert!(
            found(&bytes, planted).is_some(),
            "{planted}: the search can find"
        );
    }
}
