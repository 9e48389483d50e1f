//! The command queue, as devices see it.

use std::time::Duration;

use apple::commands::{
    CertificateList, Command, DeviceLock, EnableLostMode, ProfileList, Raw, RestartDevice,
    SecurityInfo,
};
use domain::{
    Channel, Ownership,
    command::{CommandState, MOST_DELIVERIES},
};
use simulator::apple::{Kind, Refusal};
use store::{Commands as _, DbConfig, PushWanted as _};

use crate::{
    apple_support::{DAY, order, settle, types},
    installation::Installation,
};

fn profiles() -> ProfileList {
    ProfileList {
        managed_only: false,
    }
}

fn certificates() -> CertificateList {
    CertificateList {
        managed_only: false,
    }
}

async fn fifo(there: Installation) {
    let (mut phone, id) = there.enrolled(Kind::IPhone, 60, Ownership::Corporate).await;
    // Equal priority: first in, first out.
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(there.send(id, profiles()).await);
        sent.push(there.send(id, certificates()).await);
    }
    let lock = DeviceLock {
        pin: None,
        message: None,
        phone_number: None,
    };
    let urgent = there.send(id, lock).await;
    let session = phone.connect().await.unwrap();
    let got: Vec<String> = session
        .commands
        .iter()
        .map(|one| one.uuid.to_lowercase())
        .collect();
    let expected: Vec<String> = std::iter::once(urgent)
        .chain(sent)
        .map(|id| id.to_string())
        .collect();
    assert_eq!(
        got, expected,
        "the lost-device action first, the rest in order"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn commands_come_in_order_and_what_a_lost_device_needs_comes_first() {
    fifo(Installation::start().await).await;
}

#[tokio::test]
async fn commands_come_in_order_on_postgresql() {
    let database = store::testing::postgres().await;
    let config: DbConfig = database.config.clone();
    fifo(Installation::start_with(|opening| opening.database = config, |_| {}).await).await;
}

#[tokio::test]
async fn not_now_is_skipped_and_offered_to_the_next_connection() {
    let (there, clock) = Installation::with_clock().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 61, Ownership::Corporate).await;
    let first = there.send(id, profiles()).await;
    let second = there.send(id, certificates()).await;
    phone.behavior_mut().not_now_first = 1;
    let session = phone.connect().await.unwrap();
    assert_eq!(
        types(&session),
        ["ProfileList", "CertificateList"],
        "each once"
    );
    assert_eq!(there.outcome(first).await, None);
    assert_eq!(
        there.command(first).await.command.state,
        CommandState::Deferred
    );
    assert_eq!(
        there.outcome(second).await,
        Some(CommandState::Acknowledged)
    );

    // A push is planned, because NotNow was not the last word.
    let enrollment = there.living(id).await;
    let wish = there
        .engine()
        .db
        .read(move |tx| Box::pin(async move { tx.push_wish(enrollment).await }))
        .await
        .unwrap()
        .expect("the safety push");
    assert!(wish.due_at > there.engine().now());
    let pushes = there.apns.accepted();
    clock.advance(Duration::from_secs(16 * 60));
    there.engine().push_due().await.unwrap();
    while there.apns.accepted() == pushes {
        tokio::task::yield_now().await;
    }
    let session = phone.connect().await.unwrap();
    assert_eq!(types(&session), ["ProfileList"]);
    assert_eq!(there.outcome(first).await, Some(CommandState::Acknowledged));
    there.node.stop().await;
}

#[tokio::test]
async fn a_device_that_defers_for_long_loses_nothing() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 62, Ownership::Corporate).await;
    let sent = there.send(id, profiles()).await;
    phone.behavior_mut().not_now_first = u32::MAX;
    for _ in 0..MOST_DELIVERIES + 5 {
        assert_eq!(phone.connect().await.unwrap().commands.len(), 1);
    }
    assert_eq!(there.outcome(sent).await, None);
    phone.behavior_mut().not_now_first = 0;
    settle(&mut phone).await;
    assert_eq!(there.outcome(sent).await, Some(CommandState::Acknowledged));
    there.node.stop().await;
}

#[tokio::test]
async fn errors_are_final_and_say_why() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 63, Ownership::Corporate).await;
    phone.behavior_mut().refuse.insert(
        "ProfileList".into(),
        Refusal::mdm(12021, "is not known here"),
    );
    let refused = there.send(id, profiles()).await;
    let raw = Raw {
        command: serde_json::from_value(serde_json::json!({ "RequestType": "InstallProfile" }))
            .unwrap(),
    };
    let malformed = there.send(id, raw).await;
    settle(&mut phone).await;
    let record = there.command(refused).await;
    let finish = record.finish.unwrap();
    assert_eq!(finish.outcome, CommandState::Failed);
    assert!(
        finish
            .error
            .unwrap()
            .to_string()
            .contains("is not known here")
    );
    let finish = there
        .command(malformed)
        .await
        .finish
        .expect("CommandFormatError is final");
    assert_eq!(finish.outcome, CommandState::Failed);
    assert!(
        phone.connect().await.unwrap().commands.is_empty(),
        "no retry"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn repeated_late_and_unknown_results_change_nothing() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 64, Ownership::Corporate).await;
    phone.behavior_mut().lose_replies = 2;
    let first = there.send(id, profiles()).await;
    let second = there.send(id, certificates()).await;
    let session = phone.connect().await.unwrap();
    assert_eq!(session.lost_replies, 2);
    settle(&mut phone).await;
    for sent in [first, second] {
        assert_eq!(there.outcome(sent).await, Some(CommandState::Acknowledged));
    }
    let finished = there.events("command.acknowledged").await;
    let of_first = finished
        .iter()
        .filter(|event| event.draft.subject == Some(first.to_string()));
    assert_eq!(of_first.count(), 1, "one result, one event");
    // Late: now as an error, which must not undo what was acknowledged.
    let error = |uuid: &str| {
        simulator::dict! {
            "UDID" => &phone.hardware().udid, "Status" => "Error", "CommandUUID" => uuid,
        }
    };
    let late = error(&first.to_string());
    let unknown = error("00000000-0000-4000-8000-000000000000");
    let odd = error("not a uuid");
    for message in [late, unknown, odd] {
        assert_eq!(
            phone.send_response(message).await.unwrap(),
            (200, Vec::new())
        );
    }
    assert_eq!(there.outcome(first).await, Some(CommandState::Acknowledged));
    there.node.stop().await;
}

#[tokio::test]
async fn a_command_of_another_device_cannot_be_answered() {
    let there = Installation::start().await;
    let (_phone, id) = there.enrolled(Kind::IPhone, 65, Ownership::Corporate).await;
    let (mut other, _) = there.enrolled(Kind::IPhone, 66, Ownership::Corporate).await;
    let sent = there.send(id, profiles()).await;
    let forged = simulator::dict! {
        "UDID" => &other.hardware().udid, "Status" => "Acknowledged", "CommandUUID" => sent.to_string(),
    };
    assert_eq!(other.send_response(forged).await.unwrap().0, 200);
    let deferred = simulator::dict! {
        "UDID" => &other.hardware().udid, "Status" => "NotNow", "CommandUUID" => sent.to_string(),
    };
    assert_eq!(other.send_response(deferred).await.unwrap().0, 200);
    assert_eq!(
        there.command(sent).await.command.state,
        CommandState::Queued
    );
    there.node.stop().await;
}

#[tokio::test]
async fn a_command_can_be_cancelled_until_it_is_sent() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 67, Ownership::Corporate).await;
    let by = there.operator();
    let waiting = there.send(id, profiles()).await;
    there.engine().cancel_command(&by, waiting).await.unwrap();
    assert!(phone.connect().await.unwrap().commands.is_empty());
    assert_eq!(there.outcome(waiting).await, Some(CommandState::Cancelled));
    assert!(
        there.engine().cancel_command(&by, waiting).await.is_err(),
        "finished"
    );

    let taken = there.send(id, profiles()).await;
    let idle = simulator::dict! { "UDID" => &phone.hardware().udid, "Status" => "Idle" };
    let (_, body) = phone.send_response(idle).await.unwrap();
    assert!(!body.is_empty());
    let error = there.engine().cancel_command(&by, taken).await.unwrap_err();
    assert!(error.to_string().contains("cannot be called back"));
    settle(&mut phone).await;
    assert_eq!(
        there.outcome(taken).await,
        Some(CommandState::Acknowledged),
        "a lost reply is given again"
    );
    there.node.stop().await;
}

#[tokio::test]
async fn a_command_expires() {
    let (there, clock) = Installation::with_clock().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 68, Ownership::Corporate).await;
    let mut brief = order(profiles());
    brief.lifetime = Some(DAY);
    let sent = there
        .engine()
        .send_command(&there.operator(), id, None, brief)
        .await
        .unwrap();
    clock.advance(2 * DAY);
    phone.behavior_mut().clock_drift = 2 * 86_400;
    assert!(
        !types(&phone.connect().await.unwrap()).contains(&"ProfileList"),
        "too late"
    );
    while there.outcome(sent.command.order.id).await.is_none() {
        there.engine().expire_commands().await.unwrap();
    }
    assert_eq!(
        there.outcome(sent.command.order.id).await,
        Some(CommandState::Expired)
    );
    assert_eq!(there.events("command.expired").await.len(), 1);
    there.node.stop().await;
}

#[tokio::test]
async fn a_command_that_a_device_chokes_on_is_given_up() {
    let there = Installation::start().await;
    let (mut phone, id) = there.enrolled(Kind::IPhone, 69, Ownership::Corporate).await;
    let poison = there.send(id, profiles()).await;
    let behind = there.send(id, certificates()).await;
    let idle = simulator::dict! { "UDID" => &phone.hardware().udid, "Status" => "Idle" };
    for _ in 0..MOST_DELIVERIES {
        let (_, body) = phone.send_response(idle.clone()).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("ProfileList"));
    }
    let (_, body) = phone.send_response(idle).await.unwrap();
    assert!(
        String::from_utf8_lossy(&body).contains("CertificateList"),
        "the queue moves on"
    );
    assert_eq!(there.outcome(poison).await, Some(CommandState::Failed));
    settle(&mut phone).await;
    assert_eq!(
        there.outcome(behind).await,
        Some(CommandState::Acknowledged)
    );
    there.node.stop().await;
}

#[tokio::test]
async fn users_of_a_mac_have_a_queue_of_their_own() {
    let there = Installation::start().await;
    let (mut mac, id) = there.enrolled(Kind::Mac, 70, Ownership::Corporate).await;
    let user = mac.add_user("ada", "Ada Lovelace").await.unwrap();
    while !mac.connect_user(&user).await.unwrap().commands.is_empty() {}
    settle(&mut mac).await;
    let enrollments = there.enrollments(id).await;
    let channel = enrollments
        .iter()
        .find(|one| one.channel == Channel::User)
        .unwrap();
    assert_eq!(channel.user_id.as_deref(), Some(user.as_str()));
    assert_eq!(channel.user_short_name.as_deref(), Some("ada"));
    assert_eq!(channel.parent_id, Some(there.living(id).await));

    let for_device = there.send(id, SecurityInfo {}).await;
    let facts_before = there
        .engine()
        .facts_of(&there.operator(), id)
        .await
        .unwrap();
    let for_user = there
        .engine()
        .send_command(&there.operator(), id, Some(channel.id), order(profiles()))
        .await
        .unwrap()
        .command
        .order
        .id;
    let session = mac.connect_user(&user).await.unwrap();
    assert_eq!(
        types(&session),
        ["ProfileList"],
        "the device's command does not leak"
    );
    assert_eq!(
        there.outcome(for_user).await,
        Some(CommandState::Acknowledged)
    );
    assert_eq!(there.outcome(for_device).await, None);
    let facts_after = there
        .engine()
        .facts_of(&there.operator(), id)
        .await
        .unwrap();
    assert_eq!(
        facts_before, facts_after,
        "a user's profiles are not the device's"
    );
    settle(&mut mac).await;
    assert_eq!(
        there.outcome(for_device).await,
        Some(CommandState::Acknowledged)
    );

    // A second Mac whose user has the same name is another user; re-enrollment ends the channel.
    there.enroll(&mut mac, Ownership::Corporate).await;
    let living = there.enrollments(id).await;
    assert!(
        living
            .iter()
            .filter(|one| one.ended_at.is_none())
            .all(|one| one.channel == Channel::Device)
    );
    mac.add_user("ada", "Ada Lovelace").await.unwrap();
    there.node.stop().await;
}

#[tokio::test]
async fn a_user_of_a_personal_mac_is_declined() {
    let there = Installation::start().await;
    let (mut mac, _) = there.enrolled(Kind::Mac, 71, Ownership::Personal).await;
    let error = mac.add_user("ada", "Ada Lovelace").await.unwrap_err();
    assert!(error.to_string().contains("410"), "{error}");
    there.node.stop().await;
}

#[tokio::test]
async fn an_idle_device_costs_no_database() {
    let there = Installation::start().await;
    let (mut phone, _) = there.enrolled(Kind::IPhone, 72, Ownership::Corporate).await;
    assert_eq!(settle(&mut phone).await, 0);
    there.engine().db.close().await;
    for _ in 0..3 {
        let idle = simulator::dict! { "UDID" => &phone.hardware().udid, "Status" => "Idle" };
        assert_eq!(phone.send_response(idle).await.unwrap(), (200, Vec::new()));
    }
    // The device is asked to come back when the database is needed.
    assert!(
        phone
            .update_token()
            .await
            .unwrap_err()
            .to_string()
            .contains("503")
    );
}

#[tokio::test]
async fn lost_mode_is_entered_and_left() {
    let there = Installation::start().await;
    let mut phone = there.device(Kind::IPhone, 73);
    phone.hardware_mut().supervised = true;
    there.enroll(&mut phone, Ownership::Corporate).await;
    let id = there.device_id(&phone.hardware().serial_number).await;
    let enable = EnableLostMode {
        message: Some("Please call".into()),
        phone_number: None,
        footnote: None,
    };
    let sent = there.send(id, enable).await;
    settle(&mut phone).await;
    assert_eq!(there.outcome(sent).await, Some(CommandState::Acknowledged));
    assert!(phone.state().lost_mode.is_some());
    let device = there
        .engine()
        .device(&there.operator(), id)
        .await
        .unwrap()
        .device;
    assert!(device.lost_mode, "what follows is asked at once");
    there.node.stop().await;
}

#[tokio::test]
async fn what_is_stored_of_a_command_is_sealed() {
    let there = Installation::start().await;
    let (_phone, id) = there.enrolled(Kind::Mac, 74, Ownership::Corporate).await;
    let command: Command = RestartDevice { notify_user: false }.into();
    let sent = there.send(id, command).await;
    let row = there
        .engine()
        .db
        .read(move |tx| Box::pin(async move { tx.command(sent).await }))
        .await
        .unwrap()
        .unwrap();
    assert!(!String::from_utf8_lossy(&row.command.order.request).contains("estart"));
    there.node.stop().await;
}
