//! Many devices at once, woken by pushes.

use std::time::{Duration, Instant};

use simulator::{
    apns::{Push, Switchboard},
    apple::{EventKind, Fleet, FleetOptions, Kind},
    dict,
};

use crate::{device::device, server::Server};

const WAIT: Duration = Duration::from_secs(20);

fn push(token: &[u8], magic: &str) -> Push {
    Push {
        id: String::new(),
        token: token.to_vec(),
        topic: String::new(),
        magic: magic.to_owned(),
        expiration: 0,
        priority: 10,
        at: Instant::now(),
    }
}

async fn until(
    events: &mut tokio::sync::broadcast::Receiver<simulator::apple::Event>,
    wanted: impl Fn(&EventKind) -> bool,
) {
    let wait = async { while !wanted(&events.recv().await.unwrap().kind) {} };
    tokio::time::timeout(WAIT, wait).await.unwrap();
}

#[tokio::test]
async fn a_fleet_enrolls_answers_pushes_and_stops() {
    let server = Server::start().await;
    let switchboard = Switchboard::new();
    let devices = (100..106)
        .map(|seed| device(Kind::ALL[(seed % 3) as usize], seed))
        .collect();
    let fleet = Fleet::start(
        devices,
        FleetOptions {
            concurrency: 3,
            switchboard: Some(switchboard.clone()),
        },
    );
    let results = fleet.enroll_all(&server.profile_url()).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");

    let handle = fleet.handles()[4].clone();
    let enrollment = handle.state().await.unwrap().enrollment.unwrap();
    assert!(switchboard.knows(&enrollment.token));
    server.enqueue("ProfileList", dict! {});
    let mut events = handle.events();
    switchboard.deliver(push(&enrollment.token, &enrollment.push_magic));
    until(&mut events, |kind| {
        *kind == EventKind::SessionEnded { commands: 1 }
    })
    .await;
    assert_eq!(
        server.script().results[0]["UDID"].str(),
        Some(handle.hardware().udid.as_str())
    );

    // A push with the wrong magic wakes nobody.
    switchboard.deliver(push(&enrollment.token, "wrong"));
    until(&mut events, |kind| *kind == EventKind::Pushed).await;
    assert_eq!(handle.state().await.unwrap().wrong_pushes, 1);

    // Asleep, the device misses the push and answers it when it wakes.
    handle.with(simulator::apple::Device::sleep).await.unwrap();
    let before = handle.state().await.unwrap().sessions;
    switchboard.deliver(push(&enrollment.token, &enrollment.push_magic));
    assert_eq!(
        handle.with(|device| device.state().sessions).await.unwrap(),
        before
    );
    handle.connect_now().await.unwrap();
    assert!(handle.with(|device| device.state().sessions).await.unwrap() > before);

    handle.check_out().await.unwrap();
    assert!(handle.state().await.unwrap().enrollment.is_none());
    assert_eq!(fleet.stop().await.len(), 6);
    assert!(matches!(
        handle.connect_now().await,
        Err(simulator::Error::Stopped)
    ));
    assert!(!switchboard.knows(&enrollment.token));
}
