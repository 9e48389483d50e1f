//! Enrollment: who may, how it is repeated, and what a second one means.

use std::collections::BTreeSet;

use apple::commands::{ClearPasscode, DeviceLock, ProfileList, SecurityInfo};
use domain::{
    DeviceState, Ownership, Platform, command::CommandState, enrollment::EnrollmentState,
    facts::Category,
};
use simulator::{
    apple::{Kind, Quirks},
    plist::Value,
};
use store::DbConfig;

use crate::{
    apple_support::{DAY, order, settle, types},
    installation::Installation,
};

async fn every_kind_enrols(there: Installation) {
    let expected = [
        (Kind::IPhone, Platform::Ios),
        (Kind::IPad, Platform::Ipados),
        (Kind::Mac, Platform::Macos),
        (Kind::AppleTv, Platform::Tvos),
    ];
    for (seed, (kind, platform)) in (10..).zip(expected) {
        let (device, id) = there.enrolled(kind, seed, Ownership::Corporate).await;
        let detail = there.engine().device(&there.operator(), id).await.unwrap();
        assert_eq!(detail.device.state, DeviceState::Enrolled, "{kind:?}");
        assert_eq!(detail.device.platform, platform);
        assert_eq!(detail.device.udid, device.hardware().udid);
        assert_eq!(
            detail.device.os_version.as_str(),
            device.hardware().os_version
        );
        let topic = &device.state().enrollment.as_ref().unwrap().topic;
        assert_eq!(
            topic, &there.apns.topic,
            "the topic is the push certificate's"
        );
        let commands = there
            .engine()
            .commands_of(&there.operator(), id, None, 100)
            .await
            .unwrap();
        for record in commands {
            let finish = record.finish.as_ref();
            assert_eq!(
                finish.map(|finish| finish.outcome),
                Some(CommandState::Acknowledged),
                "{kind:?}: {record:?}"
            );
        }
    }
    there.node.stop().await;
}

#[tokio::test]
async fn every_kind_of_device_enrols() {
    every_kind_enrols(Installation::start().await).await;
}

#[tokio::test]
async fn every_kind_of_device_enrols_on_postgresql() {
    let database = store::testing::postgres().await;
    let config: DbConfig = database.config.clone();
    every_kind_enrols(Installation::start_with(|opening| opening.database = config, |_| {}).await)
        .await;
}

#[tokio::test]
async fn odd_but_legal_messages_are_understood() {
    let there = Installation::start().await;
    for (seed, bits) in (100..).zip([
        0b0000_0001,
        0b0000_0010,
        0b0001_1100,
        0b0010_0000,
        0b0100_0000,
        0b1000_0000,
        0b1111_1111,
    ]) {
        let mut device = there.device(Kind::IPad, seed);
        device.behavior_mut().quirks = Quirks::combination(bits);
        there.enroll(&mut device, Ownership::Corporate).await;
        let id = there.device_id(&device.hardware().serial_number).await;
        let asked = there.send(id, SecurityInfo {}).await;
        settle(&mut device).await;
        assert_eq!(
            there.outcome(asked).await,
            Some(CommandState::Acknowledged),
            "{bits:b}"
        );
    }
    there.node.stop().await;
}

#[tokio::test]
async fn one_address_serves_both_channels() {
    let there = Installation::start().await;
    let (mut device, id) = there.enrolled(Kind::IPhone, 3, Ownership::Corporate).await;
    let both = format!("{}/mdm/apple", there.url);
    let enrollment = device.state_mut().enrollment.as_mut().unwrap();
    enrollment.server_url.clone_from(&both);
    enrollment.check_in_url = both;
    let asked = there.send(id, SecurityInfo {}).await;
    device.update_token().await.unwrap();
    settle(&mut device).await;
    assert_eq!(there.outcome(asked).await, Some(CommandState::Acknowledged));
    there.node.stop().await;
}

#[tokio::test]
async fn a_client_certificate_is_proof_enough() {
    let there = Installation::start().await;
    let (mut device, id) = there.enrolled(Kind::Mac, 4, Ownership::Corporate).await;
    device.state_mut().enrollment.as_mut().unwrap().sign_message = false;
    let identity = device.identity().unwrap().clone();
    device.adopt_identity(identity).unwrap();
    let asked = there.send(id, SecurityInfo {}).await;
    settle(&mut device).await;
    assert_eq!(there.outcome(asked).await, Some(CommandState::Acknowledged));
    // The same device without certificate and signature proves nothing.
    let body = format!(
        "<plist version=\"1.0\"><dict><key>UDID</key><string>{}</string><key>Status</key><string>Idle</string></dict></plist>",
        device.hardware().udid
    );
    assert_eq!(
        there
            .put("/mdm/apple/connect", body.as_bytes(), None)
            .await
            .status,
        400
    );
    there.node.stop().await;
}

#[tokio::test]
async fn a_token_admits_only_what_it_was_made_for() {
    let (there, clock) = Installation::with_clock().await;
    let mut phone = there.device(Kind::IPhone, 20);
    let serial = phone.hardware().serial_number.clone();

    let macs_only = there
        .enrollment_url_with(|terms| terms.platforms = BTreeSet::from([Platform::Macos]))
        .await;
    assert!(phone.enroll_from(&macs_only).await.is_err());
    let listed = there
        .enrollment_url_with(|terms| terms.serials = BTreeSet::from(["OTHER".to_owned()]))
        .await;
    assert!(phone.enroll_from(&listed).await.is_err());
    let refused = there.events("enrollment.refused").await;
    assert_eq!(refused.len(), 2, "a person can find out why");
    assert!(
        refused[1].draft.data["reason"]
            .as_str()
            .unwrap()
            .contains("serial")
    );

    let once = there
        .enrollment_url_with(|terms| terms.max_uses = Some(1))
        .await;
    let first_profile = phone.download_profile(&once).await.unwrap();
    let mut other = there.device(Kind::IPad, 21);
    other.enroll_from(&once).await.unwrap();
    assert!(
        phone.enroll_with(&first_profile).await.is_err(),
        "the use is taken"
    );
    assert!(
        phone.download_profile(&once).await.is_err(),
        "and the address is closed"
    );

    let short = there.enrollment_url(Ownership::Corporate).await;
    let profile = phone.download_profile(&short).await.unwrap();
    let tokens = there
        .engine()
        .enrollment_tokens(&there.operator(), None, 10)
        .await
        .unwrap();
    let newest = tokens.iter().max_by_key(|token| token.created_at).unwrap();
    there
        .engine()
        .revoke_enrollment_token(&there.operator(), newest.id)
        .await
        .unwrap();
    assert!(
        phone.enroll_with(&profile).await.is_err(),
        "revoked after the download"
    );
    assert!(phone.download_profile(&short).await.is_err());

    let late = there.enrollment_url(Ownership::Corporate).await;
    clock.advance(DAY);
    assert!(phone.download_profile(&late).await.is_err(), "expired");
    assert!(
        phone
            .download_profile(&format!("{}/enroll/enroll_nonsense/profile", there.url))
            .await
            .is_err()
    );

    let filter = store::DeviceFilter {
        search: Some(serial),
        ..store::DeviceFilter::default()
    };
    assert_eq!(
        there
            .engine()
            .count_devices(&there.operator(), filter, 10)
            .await
            .unwrap(),
        0,
        "nothing is stored"
    );

    let allowed = there
        .enrollment_url_with(|terms| {
            terms.platforms = BTreeSet::from([Platform::Ios]);
            terms.serials = BTreeSet::from([phone.hardware().serial_number.to_lowercase()]);
        })
        .await;
    phone.enroll_from(&allowed).await.unwrap();
    there.node.stop().await;
}

#[tokio::test]
async fn a_profile_enrols_one_device() {
    let there = Installation::start().await;
    let url = there.enrollment_url(Ownership::Corporate).await;
    let mut first = there.device(Kind::IPhone, 30);
    let profile = first.download_profile(&url).await.unwrap();
    first.enroll_with(&profile).await.unwrap();
    let mut second = there.device(Kind::IPhone, 31);
    assert!(second.enroll_with(&profile).await.is_err());
    settle(&mut first).await;
    there.device_id(&first.hardware().serial_number).await;
    there.node.stop().await;
}

#[tokio::test]
async fn a_repeated_authenticate_continues() {
    let there = Installation::start().await;
    let (mut device, id) = there.enrolled(Kind::IPhone, 32, Ownership::Corporate).await;
    let enrollment = there.living(id).await;
    let message = simulator::dict! {
        "MessageType" => "Authenticate",
        "UDID" => &device.hardware().udid,
        "Topic" => &there.apns.topic,
        "SerialNumber" => &device.hardware().serial_number,
        "ProductName" => &device.hardware().product_name,
        "OSVersion" => "26.2",
    };
    for _ in 0..2 {
        let (status, body) = device.send_check_in(message.clone()).await.unwrap();
        assert_eq!((status, body.len()), (200, 0));
    }
    device.update_token().await.unwrap();
    assert_eq!(there.living(id).await, enrollment);
    assert_eq!(there.enrollments(id).await.len(), 1);
    settle(&mut device).await;
    there.node.stop().await;
}

#[tokio::test]
async fn without_a_push_certificate_enrollment_is_explained() {
    let there = Installation::start_without_push(|_| {}, |_| {}).await;
    let url = there.enrollment_url(Ownership::Corporate).await;
    let reply = there
        .client()
        .send(&simulator::http::Request::get(&url))
        .await
        .unwrap();
    assert_eq!(reply.status, 409);
    assert!(String::from_utf8_lossy(&reply.body).contains("push certificate"));
    there.node.stop().await;
}

async fn reenrolment_ends_the_old_one(there: Installation) {
    let (mut mac, id) = there.enrolled(Kind::Mac, 40, Ownership::Corporate).await;
    let old = there.living(id).await;
    assert!(mac.get_bootstrap_token().await.unwrap().is_some());
    let waiting = there
        .send(
            id,
            ProfileList {
                managed_only: false,
            },
        )
        .await;
    let old_identity = mac.identity().unwrap().clone();
    let old_secrets = there
        .engine()
        .secrets_of(&there.operator(), id)
        .await
        .unwrap()
        .len();
    assert!(old_secrets > 0);

    // A person erases it and enrolls it afresh: no CheckOut.
    let url = there.enrollment_url(Ownership::Corporate).await;
    let profile = mac.download_profile(&url).await.unwrap();
    mac.enroll_with(&profile).await.unwrap();
    assert_eq!(
        there.device_id(&mac.hardware().serial_number).await,
        id,
        "it stays one device"
    );
    let new = there.living(id).await;
    assert_ne!(new, old);
    assert_eq!(there.outcome(waiting).await, Some(CommandState::Cancelled));
    let session = mac.connect().await.unwrap();
    for wanted in ["DeviceInformation", "SecurityInfo", "DeclarativeManagement"] {
        assert!(
            types(&session).contains(&wanted),
            "{wanted} is planned again: {session:?}"
        );
    }
    settle(&mut mac).await;
    let secrets = there
        .engine()
        .secrets_of(&there.operator(), id)
        .await
        .unwrap();
    assert!(secrets.len() > old_secrets, "the escrow history stays");
    assert!(
        secrets
            .iter()
            .any(|secret| secret.enrollment_id == Some(old))
    );

    // Whoever still has the old identity is refused.
    let new_identity = mac.identity().unwrap().clone();
    mac.adopt_identity(old_identity).unwrap();
    assert!(mac.connect().await.is_err());
    assert!(mac.get_bootstrap_token().await.is_err());
    mac.adopt_identity(new_identity).unwrap();
    settle(&mut mac).await;
    assert_eq!(there.events("device.reenrolled").await.len(), 1);
    there.node.stop().await;
}

#[tokio::test]
async fn a_second_enrollment_ends_the_first() {
    reenrolment_ends_the_old_one(Installation::start().await).await;
}

#[tokio::test]
async fn a_second_enrollment_ends_the_first_on_postgresql() {
    let database = store::testing::postgres().await;
    let config: DbConfig = database.config.clone();
    reenrolment_ends_the_old_one(
        Installation::start_with(|opening| opening.database = config, |_| {}).await,
    )
    .await;
}

#[tokio::test]
async fn a_bootstrap_token_stays_with_its_enrollment() {
    let there = Installation::start().await;
    let (mut mac, _) = there.enrolled(Kind::Mac, 41, Ownership::Corporate).await;
    let first = mac.get_bootstrap_token().await.unwrap().unwrap();
    assert_eq!(Some(&first), mac.state().bootstrap_token.as_ref());
    // A profile without the capability: the Mac brings no token of its own this time.
    let url = there.enrollment_url(Ownership::Corporate).await;
    let signed = mac.download_profile(&url).await.unwrap();
    let opened = simulator::apple::open_profile(&signed, &[]).unwrap();
    let mut plain = opened.content;
    if let Some(Value::Array(payloads)) = plain.get_mut("PayloadContent") {
        for payload in payloads {
            if let Value::Dictionary(payload) = payload
                && payload.contains_key("ServerCapabilities")
            {
                payload.insert(
                    "ServerCapabilities".into(),
                    Value::Array(vec![Value::from("com.apple.mdm.per-user-connections")]),
                );
            }
        }
    }
    mac.enroll_with(&simulator::plist::to_xml(&Value::Dictionary(plain)))
        .await
        .unwrap();
    assert_eq!(mac.get_bootstrap_token().await.unwrap(), None);
    there.node.stop().await;
}

#[tokio::test]
async fn what_was_known_is_forgotten_when_a_device_becomes_personal() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 42, Ownership::Corporate).await;
    let before = there
        .engine()
        .facts_of(&there.operator(), id)
        .await
        .unwrap();
    assert!(
        before
            .iter()
            .any(|sheet| sheet.category == Category::Apps && !sheet.document.is_empty())
    );
    assert!(
        !there
            .engine()
            .raw_reports_of(&there.operator(), id, 100)
            .await
            .unwrap()
            .is_empty()
    );
    there.enroll(&mut phone, Ownership::Personal).await;
    let after = there
        .engine()
        .facts_of(&there.operator(), id)
        .await
        .unwrap();
    for sheet in &after {
        for (key, fact) in &sheet.document {
            assert!(
                sheet.category != Category::Apps || fact.value["managed"] == true,
                "{key}"
            );
            assert_ne!(key, "imei");
        }
    }
    assert!(
        there
            .engine()
            .raw_reports_of(&there.operator(), id, 100)
            .await
            .unwrap()
            .is_empty(),
        "raw reports say what facts said"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn a_device_that_checks_out_is_unenrolled() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 43, Ownership::Corporate).await;
    let waiting = there
        .send(
            id,
            DeviceLock {
                pin: None,
                message: None,
                phone_number: None,
            },
        )
        .await;
    phone.check_out().await.unwrap();
    let detail = there.engine().device(&there.operator(), id).await.unwrap();
    assert_eq!(detail.device.state, DeviceState::Unenrolled);
    assert_eq!(detail.enrollments[0].state, EnrollmentState::Ended);
    assert_eq!(there.outcome(waiting).await, Some(CommandState::Cancelled));
    let error = there
        .engine()
        .send_command(&there.operator(), id, None, order(SecurityInfo {}))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not enrolled"));
    there.node.stop().await;
}

#[tokio::test]
async fn a_passcode_is_cleared_with_the_escrowed_token() {
    let there = Installation::start().await;
    let mut phone = there.device(Kind::IPhone, 44);
    phone.state_mut().passcode_present = true;
    there.enroll(&mut phone, Ownership::Corporate).await;
    let id = there.device_id(&phone.hardware().serial_number).await;
    let clear = ClearPasscode {
        unlock_token: apple::Sensitive::new(String::new()),
    };
    let sent = there.send(id, clear).await;
    settle(&mut phone).await;
    assert_eq!(there.outcome(sent).await, Some(CommandState::Acknowledged));
    assert!(!phone.state().passcode_present);
    there.node.stop().await;
}
