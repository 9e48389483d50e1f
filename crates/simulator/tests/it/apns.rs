//! The push stand-in over real TLS and HTTP/2.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use simulator::{
    apns::{Fault, Options, StandIn},
    http::{Client, Request, Tls},
    pem,
    x509::Certificate,
};
use tokio::net::TcpStream;

const WAIT: Duration = Duration::from_secs(10);

async fn connect_with(
    stand_in: &StandIn,
    identity: Option<(&str, &str)>,
    alpn: &[u8],
) -> Result<SendRequest<Full<Bytes>>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(
            Certificate::from_pem(&stand_in.ca_pem).unwrap()[0]
                .der
                .clone(),
        ))
        .unwrap();
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots);
    let mut config = match identity {
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from(
                    pem::decode("CERTIFICATE", certificate).unwrap().remove(0),
                )],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
                    pem::decode("PRIVATE KEY", key).unwrap().remove(0),
                )),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let port: u16 = stand_in.url.rsplit(':').next().unwrap().parse().unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("127.0.0.1").unwrap(), stream)
        .await
        .map_err(|error| error.to_string())?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn connect(stand_in: &StandIn) -> SendRequest<Full<Bytes>> {
    connect_with(
        stand_in,
        Some((&stand_in.push_certificate_pem, &stand_in.push_key_pem)),
        b"h2",
    )
    .await
    .unwrap()
}

async fn push(
    sender: &mut SendRequest<Full<Bytes>>,
    token: &[u8],
    topic: &str,
    body: &str,
) -> Result<(u16, serde_json::Value), hyper::Error> {
    let request = http::Request::post(format!("https://127.0.0.1/3/device/{}", hex::encode(token)))
        .header("apns-topic", topic)
        .header("apns-push-type", "mdm")
        .header("apns-expiration", "1900000000")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    sender.ready().await?;
    let reply = sender.send_request(request).await?;
    let (status, id) = (
        reply.status().as_u16(),
        reply.headers().contains_key("apns-id"),
    );
    assert!(id, "every reply has an apns-id");
    let body = reply.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

#[tokio::test]
async fn a_correct_push_is_accepted_and_delivered() {
    let stand_in = StandIn::start().await.unwrap();
    let mut sender = connect(&stand_in).await;
    let token = [7; 32];
    let (listener, mut pushes) = tokio::sync::mpsc::unbounded_channel();
    stand_in.switchboard().listen(&token, listener);
    let (status, body) = push(&mut sender, &token, &stand_in.topic, r#"{"mdm":"M1"}"#)
        .await
        .unwrap();
    assert_eq!((status, body), (200, serde_json::Value::Null));
    let delivered = tokio::time::timeout(WAIT, pushes.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            delivered.magic.as_str(),
            delivered.token.as_slice(),
            delivered.expiration
        ),
        ("M1", &token[..], 1_900_000_000)
    );
    assert_eq!(stand_in.next_push(WAIT).await.unwrap(), delivered);
    assert_eq!(stand_in.accepted(), 1);
}

#[tokio::test]
async fn a_push_nobody_hears_is_kept_and_only_the_last_one() {
    let stand_in = StandIn::start().await.unwrap();
    let mut sender = connect(&stand_in).await;
    let (listener, pushes) = tokio::sync::mpsc::unbounded_channel();
    stand_in.switchboard().listen(&[7; 32], listener);
    drop(pushes);
    for magic in ["first", "second"] {
        push(
            &mut sender,
            &[7; 32],
            &stand_in.topic,
            &format!(r#"{{"mdm":"{magic}"}}"#),
        )
        .await
        .unwrap();
    }
    let (listener, mut pushes) = tokio::sync::mpsc::unbounded_channel();
    stand_in.switchboard().listen(&[7; 32], listener);
    assert_eq!(pushes.recv().await.unwrap().magic, "second");
    assert!(pushes.try_recv().is_err());
}

#[tokio::test]
async fn clients_without_push_certificate_or_h2_are_refused() {
    let stand_in = StandIn::start().await.unwrap();
    // In TLS 1.3 the client learns of the refusal with its first read.
    if let Ok(mut sender) = connect_with(&stand_in, None, b"h2").await {
        assert!(
            push(&mut sender, &[7; 32], &stand_in.topic, r#"{"mdm":"M"}"#)
                .await
                .is_err()
        );
    }
    let own = (
        stand_in.push_certificate_pem.as_str(),
        stand_in.push_key_pem.as_str(),
    );
    if let Ok(mut sender) = connect_with(&stand_in, Some(own), b"http/1.1").await {
        assert!(
            push(&mut sender, &[7; 32], &stand_in.topic, r#"{"mdm":"M"}"#)
                .await
                .is_err()
        );
    }
    let other = StandIn::start().await.unwrap();
    let foreign = (
        other.push_certificate_pem.as_str(),
        other.push_key_pem.as_str(),
    );
    if let Ok(mut sender) = connect_with(&stand_in, Some(foreign), b"h2").await {
        assert!(
            push(&mut sender, &[7; 32], &stand_in.topic, r#"{"mdm":"M"}"#)
                .await
                .is_err()
        );
    }
    assert_eq!(stand_in.accepted(), 0);
}

#[tokio::test]
async fn wrong_pushes_and_faults_get_apples_reasons() {
    let stand_in = StandIn::start().await.unwrap();
    let mut sender = connect(&stand_in).await;
    let topic = stand_in.topic.clone();
    let good = r#"{"mdm":"M"}"#;
    let mut expect = async |token: &[u8], topic: &str, body: &str, status: u16, reason: &str| {
        let (found, json) = push(&mut sender, token, topic, body).await.unwrap();
        assert_eq!(
            (found, json["reason"].as_str().unwrap_or("")),
            (status, reason)
        );
        json
    };
    expect(&[7; 31], &topic, good, 400, "BadDeviceToken").await;
    expect(
        &[7; 32],
        "com.apple.mgmt.External.other",
        good,
        400,
        "TopicDisallowed",
    )
    .await;
    expect(&[7; 32], &topic, r#"{"aps":{}}"#, 400, "BadPayload").await;
    expect(&[7; 32], &topic, &"x".repeat(5000), 413, "PayloadTooLarge").await;
    stand_in.unregister(&[8; 32]);
    let gone = expect(&[8; 32], &topic, good, 410, "Unregistered").await;
    assert!(gone["timestamp"].as_u64().unwrap() > 1_600_000_000_000);
    stand_in.register(&[8; 32]);
    expect(&[8; 32], &topic, good, 200, "").await;
    for (fault, status, reason) in [
        (Fault::TooManyRequests, 429, "TooManyRequests"),
        (Fault::InternalServerError, 500, "InternalServerError"),
        (Fault::ServiceUnavailable, 503, "ServiceUnavailable"),
        (Fault::BadCertificate, 403, "BadCertificate"),
    ] {
        stand_in.inject(fault, 1);
        expect(&[8; 32], &topic, good, status, reason).await;
    }
    assert_eq!(stand_in.refused().len(), 9);
    stand_in.disallow_topic(&topic);
    expect(&[8; 32], &topic, good, 400, "TopicDisallowed").await;
}

#[tokio::test]
async fn connections_close_and_go_away_on_demand() {
    let stand_in = StandIn::start().await.unwrap();
    let mut sender = connect(&stand_in).await;
    stand_in.inject(Fault::Close, 1);
    assert!(
        push(&mut sender, &[7; 32], &stand_in.topic, r#"{"mdm":"M"}"#)
            .await
            .is_err()
    );
    let mut sender = connect(&stand_in).await;
    stand_in.inject(Fault::GoAway, 1);
    assert_eq!(
        push(&mut sender, &[7; 32], &stand_in.topic, r#"{"mdm":"M"}"#)
            .await
            .unwrap()
            .0,
        200
    );
    // The connection takes nothing more once the announcement has arrived.
    let mut refused = false;
    for _ in 0..100 {
        refused = push(&mut sender, &[7; 32], &stand_in.topic, r#"{"mdm":"M"}"#)
            .await
            .is_err();
        if refused {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(refused);
    assert_eq!(stand_in.connections(), 2);
}

#[tokio::test]
async fn plain_mode_takes_http_1_and_knows_only_registered_tokens() {
    let options = Options {
        plain: true,
        known_tokens_only: true,
        topic: Some("com.apple.mgmt.External.fixed".into()),
    };
    let stand_in = StandIn::start_with(options).await.unwrap();
    let mut client = Client::new(Tls::untrusting(), WAIT);
    let request = Request {
        method: http::Method::POST,
        url: format!("{}/3/device/{}", stand_in.url, "07".repeat(32)),
        headers: vec![
            ("apns-topic", stand_in.topic.clone()),
            ("apns-push-type", "mdm".into()),
            ("apns-expiration", "1900000000".into()),
        ],
        body: Bytes::from_static(br#"{"mdm":"M"}"#),
    };
    assert_eq!(client.send(&request).await.unwrap().status, 400);
    let (listener, _pushes) = tokio::sync::mpsc::unbounded_channel();
    stand_in.switchboard().listen(&[7; 32], listener);
    assert_eq!(client.send(&request).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_push_certificate_carries_the_topic() {
    let stand_in = StandIn::start().await.unwrap();
    let certificate = &Certificate::from_pem(&stand_in.push_certificate_pem).unwrap()[0];
    assert_eq!(
        certificate
            .subject_attribute("0.9.2342.19200300.100.1.1")
            .as_deref(),
        Some(stand_in.topic.as_str())
    );
    assert!(certificate.chains_to(&Certificate::from_pem(&stand_in.ca_pem).unwrap(), &[]));
    let renewed = stand_in
        .issue(&stand_in.topic, 1_800_000_000, 1_900_000_000)
        .unwrap();
    assert_eq!(
        (renewed.topic.as_str(), renewed.certificate.not_after),
        (stand_in.topic.as_str(), 1_900_000_000)
    );
    assert!(stand_in.issue("org.example", 0, 1).is_err());
}
