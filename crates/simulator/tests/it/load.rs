//! The load helpers against the scripted server.

use std::time::Duration;

use simulator::{
    apple::Kind,
    dict,
    keys::{Algorithm, Pool},
    load::{Seeds, Target, deliver, enroll, hammer},
};

use crate::server::Server;

#[tokio::test]
async fn devices_are_enrolled_and_driven_by_prepared_requests() {
    let server = Server::start().await;
    let keys = Pool::generate(Algorithm::P256, 4).unwrap();
    let seeds = Seeds {
        kind: Some(Kind::IPhone),
        range: 0..4,
    };
    let mut enrolled = enroll(&server.profile_url(), "", &seeds, keys, 2)
        .await
        .unwrap();
    assert_eq!(
        (enrolled.devices.len(), enrolled.failed, &enrolled.errors),
        (4, 0, &vec![])
    );
    assert_eq!(enrolled.latency.count(), 4);
    let mut serials: Vec<_> = enrolled
        .devices
        .iter()
        .map(|device| device.serial_number.clone())
        .collect();
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 4);

    let target = Target::new(&server.url, "").unwrap();
    let idle = enrolled
        .devices
        .iter()
        .map(|device| device.idle().unwrap())
        .collect();
    let report = hammer(target.clone(), idle, 2, Duration::from_millis(100))
        .await
        .unwrap();
    assert!(
        report.requests >= 2 && report.errors == 0 && report.with_body == 0,
        "{report:?}"
    );
    assert_eq!(report.statuses[&200], report.requests);
    assert_eq!(report.latency.count(), report.requests);

    let uuids: Vec<String> = (0..3)
        .map(|_| server.enqueue("ProfileList", dict! {}))
        .collect();
    let signed_now = enrolled.devices[0].acknowledge(&uuids[0]).unwrap();
    enrolled.devices[0].presign(&uuids[..2]).unwrap();
    let presigned = enrolled.devices[0].acknowledge(&uuids[0]).unwrap();
    assert_ne!(signed_now, presigned, "ECDSA signatures differ each time");
    assert_eq!(
        presigned,
        enrolled.devices[0].acknowledge(&uuids[0]).unwrap()
    );
    let report = deliver(target, enrolled.devices, 1, Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!((report.commands, report.errors), (3, 0), "{report:?}");
    assert!(server.script().queue.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let target = Target::new(&url, "").unwrap();
    assert!(hammer(target, Vec::new(), 1, Duration::ZERO).await.is_err());
    let failed = enroll(
        &format!("{url}/enroll"),
        "",
        &Seeds {
            kind: None,
            range: 0..2,
        },
        Pool::fresh(Algorithm::P256),
        1,
    )
    .await
    .unwrap();
    assert_eq!((failed.devices.len(), failed.failed), (0, 2));
}
