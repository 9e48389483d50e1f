//! Bad input: the right answer, a counter, and no effect on others.

use std::time::Duration;

use apple::commands::SecurityInfo;
use domain::{Ownership, command::CommandState};
use simulator::{
    Random,
    apple::Kind,
    cms::{Form, Signing},
    keys::{Algorithm, Key},
    plist::{Value, to_binary, to_xml},
    x509::{Template, attribute, key_usage, name, usage},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    apple_support::{PATIENCE, counted, metrics, settle, signature_of},
    installation::Installation,
};

fn refused(reason: &str) -> u64 {
    counted(
        "muster_refused_messages_total",
        &format!("reason=\"{reason}\""),
    )
}

#[tokio::test]
async fn no_message_harms_the_server() {
    metrics();
    let there = Installation::start().await;
    let (mut phone, id) = there
        .enrolled(Kind::IPhone, 150, Ownership::Corporate)
        .await;
    let before = refused("malformed");
    let mut random = Random::new(4);
    for _ in 0..40 {
        let length = random.below(2000);
        let rubbish: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        let signature = signature_of(&phone, &rubbish);
        let reply = there
            .put("/mdm/apple/checkin", &rubbish, Some(signature))
            .await;
        assert_eq!(reply.status, 400);
    }
    let message = simulator::dict! {
        "MessageType" => "TokenUpdate",
        "UDID" => &phone.hardware().udid,
        "Topic" => &there.apns.topic,
        "Token" => vec![7_u8; 32],
        "PushMagic" => "magic",
        "AwaitingConfiguration" => false,
        "Nested" => simulator::dict! { "Deep" => vec![Value::Integer(1), Value::Boolean(true)] },
    };
    let value = Value::from(message);
    for whole in [to_xml(&value), to_binary(&value)] {
        for end in (0..whole.len() - 1).step_by(7) {
            let part = &whole[..end];
            let signature = signature_of(&phone, part);
            let reply = there.put("/mdm/apple", part, Some(signature)).await;
            assert_eq!(reply.status, 400, "{end} of {} bytes", whole.len());
        }
    }
    assert!(refused("malformed") > before + 100);
    let asked = there.send(id, SecurityInfo {}).await;
    settle(&mut phone).await;
    assert_eq!(there.outcome(asked).await, Some(CommandState::Acknowledged));
    there.node.stop().await;
}

#[tokio::test]
async fn nesting_and_size_are_limited() {
    metrics();
    let there = Installation::start().await;
    let (mut phone, _) = there
        .enrolled(Kind::IPhone, 151, Ownership::Corporate)
        .await;
    let udid = phone.hardware().udid.clone();
    for depth in [200, 20_000] {
        let deep = format!(
            "<plist version=\"1.0\"><dict><key>UDID</key><string>{udid}</string><key>Status</key>\
             <string>Idle</string><key>x</key>{}{}</dict></plist>",
            "<array>".repeat(depth),
            "</array>".repeat(depth)
        );
        let signature = signature_of(&phone, deep.as_bytes());
        assert_eq!(
            there
                .put("/mdm/apple", deep.as_bytes(), Some(signature))
                .await
                .status,
            400
        );
    }
    let before = refused("too_large");
    let large = vec![b' '; 8 * 1024 * 1024 + 1];
    let signature = signature_of(&phone, &large);
    let mut request = simulator::http::Request::get(&format!("{}/mdm/apple", there.url));
    request.method = "PUT".parse().unwrap();
    request.body = large.into();
    request.headers.push(("mdm-signature", signature));
    match there.client().send(&request).await {
        Ok(reply) => assert_eq!(reply.status, 413),
        // The server answered before it had all, and the rest found the connection closed.
        Err(error) => tracing::debug!(%error, "closed early"),
    }
    assert_eq!(refused("too_large"), before + 1);
    settle(&mut phone).await;
    there.node.stop().await;
}

#[tokio::test]
async fn who_proves_nothing_is_refused_without_a_look_at_the_database() {
    metrics();
    let there = Installation::start().await;
    let (mut phone, _) = there
        .enrolled(Kind::IPhone, 152, Ownership::Corporate)
        .await;
    let idle = to_xml(&Value::from(simulator::dict! {
        "UDID" => &phone.hardware().udid, "Status" => "Idle",
    }));
    let other = to_xml(&Value::from(simulator::dict! {
        "UDID" => &phone.hardware().udid, "Status" => "Idle", "More" => true,
    }));
    let foreign = {
        let key = Key::generate(Algorithm::P256).unwrap();
        let subject = name(&[(attribute::CN, "stranger")]);
        let certificate = Template {
            serial: vec![1],
            subject: subject.clone(),
            not_before: phone.now() - 60,
            not_after: phone.now() + 86_400,
            spki: key.spki().to_vec(),
            extensions: vec![key_usage(usage::DIGITAL_SIGNATURE)],
        }
        .sign(&subject, &key)
        .unwrap();
        let form = Form {
            attached: false,
            ber: false,
        };
        let cms = Signing::new(&key, &certificate, phone.now())
            .sign(&idle, form)
            .unwrap();
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        BASE64_STANDARD.encode(cms)
    };
    let of_another_body = signature_of(&phone, &other);
    assert_eq!(settle(&mut phone).await, 0);
    // From here on a query would be answered with 503.
    there.engine().db.close().await;
    for (signature, reason) in [
        (None, "no_proof"),
        (Some("no base64!".to_owned()), "bad_signature"),
        (Some("AAAA".to_owned()), "bad_signature"),
        (Some(of_another_body), "bad_signature"),
        (Some(foreign), "foreign_certificate"),
    ] {
        let before = refused(reason);
        let reply = there
            .put("/mdm/apple/connect", &idle, signature.clone())
            .await;
        assert_eq!(reply.status, 400, "{reason} {signature:?}");
        assert_eq!(refused(reason), before + 1, "{reason}");
    }
    let signature = signature_of(&phone, &idle);
    assert_eq!(
        there
            .put("/mdm/apple/connect", &idle, Some(signature))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_signature_of_one_device_does_not_speak_for_another() {
    let there = Installation::start().await;
    let (phone, _) = there
        .enrolled(Kind::IPhone, 153, Ownership::Corporate)
        .await;
    let (mut victim, id) = there
        .enrolled(Kind::IPhone, 154, Ownership::Corporate)
        .await;
    there.send(id, SecurityInfo {}).await;
    let body = to_xml(&Value::from(simulator::dict! {
        "UDID" => &victim.hardware().udid, "Status" => "Idle",
    }));
    let signature = signature_of(&phone, &body);
    assert_eq!(
        there
            .put("/mdm/apple/connect", &body, Some(signature))
            .await
            .status,
        400
    );
    let message = to_xml(&Value::from(simulator::dict! {
        "UDID" => &victim.hardware().udid, "MessageType" => "CheckOut",
    }));
    let signature = signature_of(&phone, &message);
    assert_eq!(
        there
            .put("/mdm/apple/checkin", &message, Some(signature))
            .await
            .status,
        400
    );
    assert_eq!(victim.connect().await.unwrap().commands.len(), 1);
    there.node.stop().await;
}

#[tokio::test]
async fn unknown_messages_are_refused() {
    metrics();
    let there = Installation::start().await;
    let (mut phone, _) = there
        .enrolled(Kind::IPhone, 155, Ownership::Corporate)
        .await;
    let udid = phone.hardware().udid.clone();
    let unknown = simulator::dict! { "UDID" => &udid, "MessageType" => "Surprise" };
    assert_eq!(phone.send_check_in(unknown).await.unwrap().0, 400);
    let nobody = simulator::dict! { "MessageType" => "TokenUpdate" };
    assert_eq!(phone.send_check_in(nobody).await.unwrap().0, 400);
    let neither = simulator::dict! { "UDID" => &udid };
    assert_eq!(phone.send_check_in(neither).await.unwrap().0, 400);
    let service = simulator::apple::TokenService::Other("com.example.unknown".into());
    assert!(
        phone
            .get_token(service)
            .await
            .unwrap_err()
            .to_string()
            .contains("400")
    );
    settle(&mut phone).await;
    there.node.stop().await;
}

#[tokio::test]
async fn slow_and_silent_clients_do_not_stop_others() {
    metrics();
    let there = Installation::start_with(
        |_| {},
        |setup| {
            setup.limits.handshake = Duration::from_millis(300);
            setup.options.device_body_time = Duration::from_millis(200);
        },
    )
    .await;
    let address = there.url.trim_start_matches("https://").to_owned();
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        if number % 2 == 0 {
            // The first bytes of a ClientHello, and no more.
            stream
                .write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
                .await
                .unwrap();
        }
        silent.push(stream);
    }
    let (mut phone, id) = there
        .enrolled(Kind::IPhone, 156, Ownership::Corporate)
        .await;
    let asked = there.send(id, SecurityInfo {}).await;
    settle(&mut phone).await;
    assert_eq!(there.outcome(asked).await, Some(CommandState::Acknowledged));
    let timed_out = async {
        while counted("muster_connections_refused_total", "handshake_timeout") < 100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, timed_out)
        .await
        .expect("the silent are let go");

    // A body that never ends: announced, begun, left.
    let before = refused("slow_or_broken");
    let slow = slow_body(&address, &there.ca_pem).await;
    assert!(slow.contains("408"), "{slow}");
    assert_eq!(refused("slow_or_broken"), before + 1);
    settle(&mut phone).await;
    there.node.stop().await;
}

/// Announces a body, sends one byte of it and reads the answer.
async fn slow_body(address: &str, ca_pem: &str) -> String {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    use tokio::io::AsyncReadExt as _;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let head = "PUT /mdm/apple HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n<";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..count]).into_owned()
}
