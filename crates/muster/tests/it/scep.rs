//! SCEP: who gets a certificate, who does not, and a client that others wrote.

use std::{path::Path, process::Command as Process};

use domain::Ownership;
use simulator::{
    apple::{
        EnrollmentProfile, Kind, ScepAuthority, ScepExchange, ScepRequest, ScepSettings,
        open_profile,
    },
    cms::{Attribute, Cipher, Form, SignedData, Signing, encrypt},
    der,
    http::{Reply, Request},
    keys::{Algorithm, Key},
    x509::{Certificate, Template, attribute, key_usage, name, usage},
};
use tokio::net::TcpListener;

use crate::{
    apple_support::{DAY, counted, metrics, settle},
    installation::Installation,
};

const TYPE: &str = "2.16.840.1.113733.1.9.2";
const STATUS: &str = "2.16.840.1.113733.1.9.3";
const FAIL_INFO: &str = "2.16.840.1.113733.1.9.4";
const SENDER_NONCE: &str = "2.16.840.1.113733.1.9.5";
const RECIPIENT_NONCE: &str = "2.16.840.1.113733.1.9.6";
const TRANSACTION: &str = "2.16.840.1.113733.1.9.7";

async fn post(there: &Installation, message: &[u8]) -> Reply {
    let mut request = Request::get(&format!("{}/scep?operation=PKIOperation", there.url));
    request.method = "POST".parse().unwrap();
    request.body = message.to_vec().into();
    there.client().send(&request).await.unwrap()
}

pub async fn authority(there: &Installation) -> ScepAuthority {
    let ask = async |operation: &str| {
        let url = format!("{}/scep?operation={operation}", there.url);
        there.client().send(&Request::get(&url)).await.unwrap()
    };
    let (capabilities, certificates) = (ask("GetCACaps").await, ask("GetCACert").await);
    assert_eq!(capabilities.media_type(), "text/plain");
    let text = String::from_utf8(capabilities.body.to_vec()).unwrap();
    for wanted in [
        "Renewal",
        "SHA-256",
        "AES",
        "SCEPStandard",
        "POSTPKIOperation",
    ] {
        assert!(text.lines().any(|line| line == wanted), "{wanted}");
    }
    ScepAuthority::read(&text, &certificates.media_type(), &certificates.body).unwrap()
}

/// The SCEP settings of a fresh enrollment profile.
pub async fn settings(there: &Installation) -> ScepSettings {
    let url = there.enrollment_url(Ownership::Corporate).await;
    let profile = there
        .client()
        .send(&Request::get(&url))
        .await
        .unwrap()
        .ok("profile")
        .unwrap();
    let opened = open_profile(&profile.body, &[]).unwrap();
    EnrollmentProfile::read(&opened).unwrap().scep
}

pub fn key() -> Key {
    Key::generate(Algorithm::Rsa2048).unwrap()
}

pub fn request<'a>(settings: &'a ScepSettings, key: &'a Key, now: i64) -> ScepRequest<'a> {
    ScepRequest {
        settings,
        key,
        renews: None,
        transport: None,
        now,
    }
}

/// Sends a request; gives the certificate or the refusal.
pub async fn ask(
    there: &Installation,
    authority: &ScepAuthority,
    request: &ScepRequest<'_>,
) -> simulator::Result<Certificate> {
    let exchange = ScepExchange::begin(request, authority).unwrap();
    let reply = post(there, &exchange.message).await;
    assert_eq!(reply.status, 200, "a refusal is an answer");
    assert_eq!(reply.media_type(), "application/x-pki-message");
    exchange.finish(&reply.body, authority)
}

fn refused(result: simulator::Result<Certificate>) -> bool {
    result.is_err_and(|error| error.to_string().contains("failInfo"))
}

#[tokio::test]
async fn a_challenge_gives_one_certificate_and_the_same_one_again() {
    let there = Installation::start().await;
    let authority = authority(&there).await;
    let settings = settings(&there).await;
    let now = there.engine().now().seconds();
    let mine = key();
    let first = ask(&there, &authority, &request(&settings, &mine, now))
        .await
        .unwrap();
    // The answer may have been lost.
    let again = ask(&there, &authority, &request(&settings, &mine, now))
        .await
        .unwrap();
    assert_eq!(first.der, again.der);
    let other = key();
    assert!(refused(
        ask(&there, &authority, &request(&settings, &other, now)).await
    ));
    assert!(first.not_after - now <= 366 * 86_400);
    let subject = first.subject_attribute(attribute::CN).unwrap();
    assert!(!subject.is_empty());
    assert_eq!(there.events("certificate.issued").await.len(), 1);
    there.node.stop().await;
}

#[tokio::test]
async fn strangers_are_refused_on_every_message_type() {
    let (there, clock) = Installation::with_clock().await;
    let authority = authority(&there).await;
    let good = settings(&there).await;
    let now = there.engine().now().seconds();
    let stranger = key();
    let before = counted("muster_scep_requests_total", "denied");

    let none = ScepSettings {
        challenge: None,
        ..good.clone()
    };
    let empty = ScepSettings {
        challenge: Some(String::new()),
        ..good.clone()
    };
    let wrong = ScepSettings {
        challenge: Some("guess".into()),
        ..good.clone()
    };
    for settings in [none, empty, wrong] {
        assert!(refused(
            ask(&there, &authority, &request(&settings, &stranger, now)).await
        ));
    }
    // A renewal by somebody's own certificate, and by one of another CA.
    let subject = name(&[(attribute::CN, "stranger")]);
    let template = |serial: u8, spki: &[u8]| Template {
        serial: vec![serial],
        subject: subject.clone(),
        not_before: now - 60,
        not_after: now + 86_400,
        spki: spki.to_vec(),
        extensions: vec![key_usage(
            usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT,
        )],
    };
    let own = template(1, stranger.spki())
        .sign(&subject, &stranger)
        .unwrap();
    let foreign_ca = key();
    let foreign = template(2, stranger.spki())
        .sign(&name(&[(attribute::CN, "another CA")]), &foreign_ca)
        .unwrap();
    let wanted = key();
    for signer in [&own, &foreign] {
        let mut renewal = request(&good, &wanted, now);
        renewal.renews = Some((&stranger, signer));
        assert!(refused(ask(&there, &authority, &renewal).await));
    }

    // Every other message type, well formed.
    let issuer = authority.certificates()[0].issuer.clone();
    let get_cert = der::sequence(&[issuer.clone(), der::integer(5)]);
    let poll = der::sequence(&[issuer, subject.clone()]);
    let csr = simulator::csr::write(&wanted, &subject, None, &[]).unwrap();
    for (number, content) in [
        ("17", &csr),
        ("18", &csr),
        ("19", &csr),
        ("20", &poll),
        ("21", &get_cert),
        ("22", &get_cert),
        ("99", &csr),
    ] {
        let attributes = vec![
            Attribute {
                id: TYPE,
                value: der::printable(number),
            },
            Attribute {
                id: TRANSACTION,
                value: der::printable("T1"),
            },
            Attribute {
                id: SENDER_NONCE,
                value: der::octets(&[7; 16]),
            },
        ];
        let enveloped = encrypt(content, authority.recipient().unwrap(), Cipher::Aes128).unwrap();
        let signing = Signing {
            attributes,
            ..Signing::new(&stranger, &own, now)
        };
        let message = signing
            .sign(
                &enveloped,
                Form {
                    attached: true,
                    ber: false,
                },
            )
            .unwrap();
        let reply = post(&there, &message).await;
        assert_eq!(reply.status, 200, "type {number}");
        let signed = SignedData::parse(&reply.body).unwrap();
        let verified = signed.verify(Some(b"")).unwrap();
        assert!(authority.certificates().contains(&verified.signer));
        assert_eq!(verified.attribute(TYPE), Some(&b"3"[..]), "a CertRep");
        assert_eq!(
            verified.attribute(STATUS),
            Some(&b"2"[..]),
            "type {number}: FAILURE"
        );
        assert!(verified.attribute(FAIL_INFO).is_some());
        assert_eq!(verified.attribute(TRANSACTION), Some(&b"T1"[..]));
        assert_eq!(verified.attribute(RECIPIENT_NONCE), Some(&[7; 16][..]));
    }
    assert!(counted("muster_scep_requests_total", "denied") > before);

    clock.advance(2 * DAY);
    let now = there.engine().now().seconds();
    assert!(
        refused(ask(&there, &authority, &request(&good, &wanted, now)).await),
        "expired challenge"
    );
    assert!(there.events("certificate.issued").await.is_empty());
    there.node.stop().await;
}

#[tokio::test]
async fn an_identity_renews_itself_and_no_other() {
    let there = Installation::start().await;
    let authority = authority(&there).await;
    let (mut phone, id) = there
        .enrolled(Kind::IPhone, 130, Ownership::Corporate)
        .await;
    let identity = phone.identity().unwrap().clone();
    let now = there.engine().now().seconds();
    let settings = settings(&there).await;
    let fresh = key();
    let mut renewal = request(&settings, &fresh, now);
    renewal.renews = Some((&identity.key, &identity.certificate));
    let renewed = ask(&there, &authority, &renewal).await.unwrap();
    phone
        .adopt_identity(simulator::apple::Identity {
            key: fresh,
            certificate: renewed,
        })
        .unwrap();
    settle(&mut phone).await;
    assert_eq!(there.enrollments(id).await.len(), 1);

    // When the enrollment is over, neither certificate renews.
    phone.check_out().await.unwrap();
    let late = key();
    let mut renewal = request(&settings, &late, now);
    renewal.renews = Some((&identity.key, &identity.certificate));
    assert!(refused(ask(&there, &authority, &renewal).await));
    there.node.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_bad_request() {
    metrics();
    let there = Installation::start().await;
    let authority = authority(&there).await;
    let settings = settings(&there).await;
    let mine = key();
    let now = there.engine().now().seconds();
    let good = ScepExchange::begin(&request(&settings, &mine, now), &authority).unwrap();
    for rubbish in [
        &b""[..],
        b"rubbish",
        &good.message[..100],
        &good.message[..good.message.len() - 1],
    ] {
        assert_eq!(post(&there, rubbish).await.status, 400);
    }
    assert_eq!(post(&there, &vec![0x30; 3 << 20]).await.status, 413);
    let mut flipped = good.message.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let reply = post(&there, &flipped).await;
    assert!(reply.status == 400 || refused(good.finish(&reply.body, &authority)));
    let base = format!("{}/scep", there.url);
    for query in [
        "",
        "?operation=Nonsense",
        "?operation=PKIOperation&message=%%%",
    ] {
        let reply = there
            .client()
            .send(&Request::get(&format!("{base}{query}")))
            .await
            .unwrap();
        assert_eq!(reply.status, 400, "{query}");
    }
    // GET carries a message in either alphabet, padded or not.
    use base64::{
        Engine as _,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    };
    let standard = BASE64_STANDARD
        .encode(&good.message)
        .replace('+', "%2B")
        .replace('/', "%2F");
    for text in [standard, BASE64_URL_SAFE_NO_PAD.encode(&good.message)] {
        let url = format!("{base}?operation=PKIOperation&message={text}");
        let reply = there.client().send(&Request::get(&url)).await.unwrap();
        assert_eq!(reply.status, 200);
        good.finish(&reply.body, &authority).unwrap();
    }
    there.node.stop().await;
}

/// Runs a program of the system; says which Debian package brings it when it is missing.
pub fn run(
    package: &str,
    program: &str,
    arguments: &[&str],
    folder: &Path,
) -> (bool, Vec<u8>, String) {
    let output = Process::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the Debian package {package}"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), output.stdout, text)
}

/// A node that also listens without TLS, and the address of that.
pub async fn with_plain_listener() -> (Installation, String) {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", plain.local_addr().unwrap().port());
    let public = url.clone();
    // The addresses inside certificates are the ones without TLS, as revocation needs.
    let there = Installation::start_with(|_| {}, |setup| setup.plain_listeners.push(plain)).await;
    (there, public)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strongswan_enrols_an_rsa_key() {
    let (there, url) = with_plain_listener().await;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_owned();
    let scep = format!("{url}/scep");
    let settings = settings(&there).await;
    let challenge = settings.challenge.unwrap();
    let outcome = tokio::task::spawn_blocking(move || {
        let pki = |arguments: &[&str]| {
            let (fine, out, text) = run("strongswan-pki", "pki", arguments, &here);
            assert!(
                fine,
                "pki {arguments:?}: {text}\n(the plugins are in the Debian packages \
                 libstrongswan-standard-plugins and libstrongswan-extra-plugins)"
            );
            out
        };
        pki(&[
            "--scepca",
            "--url",
            &scep,
            "--caout",
            "ca.pem",
            "--raout",
            "ra.pem",
            "--outform",
            "pem",
        ]);
        let private = pki(&[
            "--gen",
            "--type",
            "rsa",
            "--size",
            "2048",
            "--outform",
            "pem",
        ]);
        std::fs::write(here.join("key.pem"), private).unwrap();
        let mut files: Vec<String> = std::fs::read_dir(&here)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        // The root is ca.pem, CAs below it ca-1.pem and so on, registration authorities ra*.pem.
        let mut arguments = vec!["--scep", "--url", &scep, "--in", "key.pem"];
        arguments.extend([
            "--dn",
            "O=Example Department, CN=strongswan",
            "--outform",
            "pem",
        ]);
        arguments.extend(["--cacert-enc", "ra.pem", "--cacert-sig", "ra.pem"]);
        for file in files.iter().filter(|file| file.starts_with("ca")) {
            arguments.extend(["--cacert", file]);
        }
        arguments.extend(["--password", &challenge]);
        let certificate = pki(&arguments);
        std::fs::write(here.join("cert.pem"), &certificate).unwrap();
        let (fine, out, text) = run(
            "openssl",
            "openssl",
            &["x509", "-in", "cert.pem", "-noout", "-text"],
            &here,
        );
        assert!(fine, "{text}");
        (
            String::from_utf8(out).unwrap(),
            String::from_utf8(certificate).unwrap(),
        )
    })
    .await
    .unwrap();
    assert!(
        outcome.0.contains("TLS Web Client Authentication"),
        "{}",
        outcome.0
    );
    let issued = &Certificate::from_pem(&outcome.1).unwrap()[0];
    let anchors = Certificate::from_pem(&there.ca_pem).unwrap();
    let pem = there
        .client()
        .send(&Request::get(&format!("{url}/pki/ca.pem")))
        .await
        .unwrap();
    let chain = Certificate::from_pem(std::str::from_utf8(&pem.body).unwrap()).unwrap();
    assert!(issued.chains_to(&anchors, &chain));
    assert_eq!(there.events("certificate.issued").await.len(), 1);
    there.node.stop().await;
}
