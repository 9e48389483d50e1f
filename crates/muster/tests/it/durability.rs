//! What was acknowledged stays, however the process ends.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use engine::{Entropy as _, SystemEntropy};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use simulator::{apns::StandIn, apple::Kind};

use crate::{
    load::Load,
    process::{Place, order, postgres, until_idle},
};

/// How often the server is killed in a test.
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9_on_sqlite() {
    survives_kills(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9_on_postgresql() {
    survives_kills(Some(postgres().await)).await;
}

async fn survives_kills(database: Option<String>) {
    let apns = StandIn::start().await.unwrap();
    let place = Place::make(&apns, database.as_deref()).await;
    let mut server = place.start().await;
    let load = Load::start(&place, 12);
    for _ in 0..KILLS {
        let mut random = [0; 2];
        SystemEntropy.fill(&mut random);
        load.more(10).await;
        let moment = u64::from(u16::from_le_bytes(random)) % 500;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        server.kill().await;
        server = place.start().await;
    }
    let promises = load.finish(&place).await;
    let kept = promises.kept(&place).await;
    server.stop().await;
    promises.journalled(&place).await;
    assert!(kept.orders >= 10 * KILLS && kept.unanswered > 0, "{kept:?}");
    eprintln!("{KILLS} kills: {kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_is_finished_before_the_end() {
    let apns = StandIn::start().await.unwrap();
    let more = "[limits]\nlast_seen_flush = \"1h\"\n";
    let place = Place::make_with(&apns, None, more).await;
    let mut server = place.start().await;
    let mut phone = place.device(Kind::IPhone, 1);
    phone.enroll_from(&place.profile_url).await.unwrap();
    until_idle(&mut phone).await;
    let api = place.api();
    let id = api
        .device_id(&phone.hardware().serial_number)
        .await
        .unwrap()
        .unwrap();

    let path = format!("devices/{id}");
    let before = api.read(&path).await["last_seen_at"].clone();
    phone.connect().await.unwrap();

    // Half a request, then the signal, then the other half.
    let body = order("certificate_list", "half of it came later").to_string();
    let (first, second) = body.split_at(body.len() / 2);
    let mut connection = tls(&place);
    let head = format!(
        "POST /api/v1/devices/{id}/commands HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Bearer {}\r\nIdempotency-Key: halves\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        api.token,
        body.len(),
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut word = [0; 25];
    // It says so when it begins to read the body: from here on the request is under way.
    connection.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(first.as_bytes()).unwrap();
    server.ask_to_end().await;
    let ending = async {
        while !server.text().contains("Muster is ending") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ending)
        .await
        .unwrap();
    connection.write_all(second.as_bytes()).unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 202");
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.text());

    let server = place.start().await;
    let api = place.api();
    let after = api.read(&path).await["last_seen_at"].clone();
    assert!(after.as_str() > before.as_str(), "{before} then {after}");
    let commands = api.list(&format!("devices/{id}/commands")).await;
    assert_eq!(commands[0]["reason"], "half of it came later");
    let session = phone.connect().await.unwrap();
    assert_eq!(session.commands.len(), 1);
    server.stop().await;
}

/// A connection whose bytes the test holds in its hand.
fn tls(place: &Place) -> StreamOwned<ClientConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(place.ca_pem.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(place.port.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    StreamOwned::new(connection, socket)
}
