//! A full disk and a lost database: refused cleanly, nothing half-written, everything goes on.

use std::time::Duration;

use reqwest::StatusCode;
use simulator::{
    Error,
    apns::StandIn,
    apple::{Device, Kind},
};
use tokio::process::Command;

use crate::{
    cluster::Cluster,
    load::Load,
    process::{Answer, Place, Server, order, until_idle},
};

/// What programs are told while the database cannot serve.
#[track_caller]
fn unavailable(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(answer.media_type, "application/problem+json", "{answer:?}");
    assert_eq!(answer.body["code"], "unavailable", "{answer:?}");
    assert!(answer.retry_after.is_some(), "{answer:?}");
}

#[track_caller]
fn asked_to_retry<T: std::fmt::Debug>(done: Result<T, Error>) {
    assert!(
        matches!(done, Err(Error::Status { status: 503, .. })),
        "{done:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_cleanly_and_passes() {
    let apns = StandIn::start().await.unwrap();
    let place = Place::make(&apns, None).await;
    let server = place.start().await;
    let mut phone = place.device(Kind::IPhone, 1);
    let mut late = place.device(Kind::IPhone, 2);
    phone.enroll_from(&place.profile_url).await.unwrap();
    until_idle(&mut phone).await;
    let api = place.api();
    let id = api
        .device_id(&phone.hardware().serial_number)
        .await
        .unwrap()
        .unwrap();
    let path = format!("devices/{id}/commands");
    let mut promised = vec![api.order(&id, "certificate_list", "before").await];

    // Room for a little more in the write-ahead log: some transaction is cut in its middle.
    let mut log = place.database_file().into_os_string();
    log.push("-wal");
    let written = std::fs::metadata(log).unwrap().len();
    limit(&server, &(written + 200_000).to_string()).await;
    let mut number = 0;
    let refused = loop {
        let key = format!("number-{number}");
        let answer = api
            .post(&path, &key, &order("profile_list", &key))
            .await
            .unwrap();
        if !answer.status.is_success() {
            break answer;
        }
        promised.push(answer.body["id"].as_str().unwrap().to_owned());
        number += 1;
        assert!(number < 500, "the limit does not work");
    };
    unavailable(&refused);
    // Now nothing at all can be written.
    limit(&server, "4096").await;
    let told = idle(&place, &phone).await;
    assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.headers().contains_key("retry-after"), "{told:?}");
    assert!(told.bytes().await.unwrap().is_empty());
    for attempt in 0..3 {
        let key = format!("attempt-{attempt}");
        unavailable(
            &api.post(&path, &key, &order("profile_list", &key))
                .await
                .unwrap(),
        );
        asked_to_retry(phone.connect().await);
        asked_to_retry(late.enroll_from(&place.profile_url).await);
    }
    // Reading goes on, and finds exactly what was promised.
    let ours = |commands: Vec<serde_json::Value>| {
        let mut ids: Vec<String> = commands
            .iter()
            .filter(|command| command["reason"].is_string())
            .map(|command| command["id"].as_str().unwrap().to_owned())
            .collect();
        ids.reverse();
        ids
    };
    assert_eq!(ours(api.list(&path).await), promised);
    place.run(&["check"]).await.done();

    limit(&server, "unlimited").await;
    let key = format!("number-{number}");
    promised.push(api.order(&id, "profile_list", &key).await);
    assert_eq!(ours(api.list(&path).await), promised);
    let session = phone.connect().await.unwrap();
    let executed: Vec<String> = session
        .commands
        .iter()
        .map(|command| command.uuid.to_ascii_lowercase())
        .collect();
    assert_eq!(executed, promised);
    late.enroll_from(&place.profile_url).await.unwrap();
    server.stop().await;
    place.run(&["check"]).await.done();
    eprintln!(
        "{} orders accepted before the disk was full, {} in all",
        number + 1,
        promised.len()
    );
}

/// A device's message, to see the whole of its answer.
async fn idle(place: &Place, phone: &Device) -> reqwest::Response {
    let identity = phone.identity().unwrap();
    let pem = identity.key.pkcs8_pem() + &identity.certificate.to_pem();
    let root = reqwest::Certificate::from_pem(place.ca_pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
        .no_proxy()
        .build()
        .unwrap();
    let body = format!(
        "<plist version=\"1.0\"><dict><key>Status</key><string>Idle</string>\
         <key>UDID</key><string>{}</string></dict></plist>",
        phone.hardware().udid
    );
    let url = format!("{}/mdm/apple/connect", place.url);
    client.put(url).body(body).send().await.unwrap()
}

/// Lets the server write no file beyond this many bytes.
async fn limit(server: &Server, bytes: &str) {
    let done = Command::new("prlimit")
        .arg(format!("--pid={}", server.id()))
        .arg(format!("--fsize={bytes}:unlimited"))
        .status()
        .await
        .expect("prlimit (Debian package util-linux) is needed for this test");
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_is_waited_for_without_a_restart() {
    let apns = StandIn::start().await.unwrap();
    let mut cluster = Cluster::start().await;
    let place = Place::make(&apns, Some(&cluster.address())).await;
    let server = place.start().await;
    let load = Load::start(&place, 6);
    let api = place.api();
    let ready = format!("http://{}/readyz", place.ops.address);
    let alive = format!("http://{}/healthz", place.ops.address);
    for _ in 0..2 {
        load.more(10).await;
        cluster.lose().await;
        for _ in 0..3 {
            unavailable(&api.get("devices").await.unwrap());
        }
        assert_eq!(
            reqwest::get(&ready).await.unwrap().status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(reqwest::get(&alive).await.unwrap().status(), StatusCode::OK);
        cluster.resume().await;
        let back = async {
            while !reqwest::get(&ready).await.unwrap().status().is_success() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), back)
            .await
            .unwrap();
    }
    load.more(10).await;
    let promises = load.finish(&place).await;
    let kept = promises.kept(&place).await;
    let mut refused = 0;
    for phone in &promises.phones {
        assert!(
            phone.refusals.keys().all(|status| *status == 503),
            "{:?}",
            phone.refusals
        );
        refused += phone.refusals.values().sum::<u64>();
    }
    for answer in promises.ledgers.iter().flat_map(|ledger| &ledger.refusals) {
        unavailable(answer);
    }
    server.stop().await;
    promises.journalled(&place).await;
    eprintln!("2 outages, devices told {refused} times to retry: {kept:?}");
}
