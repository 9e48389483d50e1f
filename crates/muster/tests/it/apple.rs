//! Apple devices from enrollment to wipe.

use apple::commands::{Command, DeviceLock, EraseDevice};
use domain::{DeviceState, Ownership, command::CommandState};
use engine::queue::Order;
use simulator::apple::Kind;

use crate::installation::Installation;

fn order(command: impl Into<Command>) -> Order {
    Order {
        command: command.into(),
        reason: Some("a test".into()),
        lifetime: None,
    }
}

#[tokio::test]
async fn an_iphone_enrols_reports_is_locked_and_wiped() {
    let there = Installation::start().await;
    let url = there.enrollment_url(Ownership::Corporate).await;
    let mut phone = there.device(Kind::IPhone, 1);
    phone.enroll_from(&url).await.unwrap();
    phone.connect().await.unwrap();
    // What the device says it can do changes its declarations, so it is called once more.
    phone.connect().await.unwrap();
    let id = there.device_id(&phone.hardware().serial_number).await;
    let by = there.operator();
    let detail = there.engine().device(&by, id).await.unwrap();
    assert_eq!(detail.device.state, DeviceState::Enrolled);
    assert!(!detail.device.os_version.as_str().is_empty());
    let facts = there.engine().facts_of(&by, id).await.unwrap();
    assert!(facts.len() > 4, "{facts:?}");
    let commands = there.engine().commands_of(&by, id, None, 50).await.unwrap();
    for record in &commands {
        let finish = record
            .finish
            .as_ref()
            .unwrap_or_else(|| panic!("{} is open", record.command.order.kind));
        assert_eq!(finish.outcome, CommandState::Acknowledged, "{record:?}");
    }

    let lock = DeviceLock {
        pin: None,
        message: Some("Please return".into()),
        phone_number: None,
    };
    let sent = there
        .engine()
        .send_command(&by, id, None, order(lock))
        .await
        .unwrap();
    let push = there
        .apns
        .next_push(std::time::Duration::from_secs(10))
        .await;
    assert!(push.is_some(), "the phone is pushed");
    phone.connect().await.unwrap();
    let locked = there
        .engine()
        .command(&by, sent.command.order.id)
        .await
        .unwrap();
    assert_eq!(locked.finish.unwrap().outcome, CommandState::Acknowledged);

    let wipe = EraseDevice {
        pin: None,
        preserve_data_plan: false,
        disallow_proximity_setup: false,
        obliteration_behavior: None,
        return_to_service: None,
    };
    there
        .engine()
        .send_command(&by, id, None, order(wipe))
        .await
        .unwrap();
    phone.connect().await.unwrap();
    let detail = there.engine().device(&by, id).await.unwrap();
    assert_eq!(detail.device.state, DeviceState::Wiped);
    there.node.stop().await;
}
