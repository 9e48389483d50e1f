//! The client's side is played here: requests as RFC 8894 describes them, replies opened
//! with the client's key.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, sync::LazyLock, time::Duration};

use super::*;
use crate::{
    CertificateRequest, KeyAlgorithm, KeyPair, Name, Signer,
    asn1::{Reader, Writer, read, tag},
    ca::{Authority, LeafProfile, LeafRequest, Urls, create_root},
    cms::{CmsError, ContentCipher, Limits, SignedMessage, attribute},
    csr, oid,
};
use domain::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

struct World {
    issuing: Authority,
    ra: Certificate,
    ra_key: KeyPair,
    client: Certificate,
    client_key: KeyPair,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let ca_key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let root = create_root(&named("ca"), &ca_key, NOW).unwrap();
    let issuing = Authority::new(root, Arc::new(ca_key)).unwrap();
    let ra_key = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
    let ra = issue(&issuing, LeafProfile::ScepRa, ra_key.spki(), "ra");
    let client_key = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
    // What a client makes for itself before it has anything else.
    let client = create_root(&named("client"), &client_key, NOW).unwrap();
    World {
        issuing,
        ra,
        ra_key,
        client,
        client_key,
    }
});

fn named(common_name: &str) -> Name {
    Name::builder().common_name(common_name).build()
}

fn issue(ca: &Authority, profile: LeafProfile, spki: &[u8], common_name: &str) -> Certificate {
    let request = LeafRequest {
        profile,
        subject: &named(common_name),
        spki,
        valid_for: Duration::from_secs(86_400),
        alternative_names: &[],
        urls: &Urls::default(),
    };
    ca.issue(&request, NOW).unwrap()
}

fn request_content() -> Vec<u8> {
    let options = csr::RequestOptions {
        challenge_password: Some("one-time"),
        alternative_names: &[],
    };
    csr::create(&named("device"), &WORLD.client_key, &options).unwrap()
}

fn message(kind: &str, content: &[u8], cipher: ContentCipher) -> Vec<u8> {
    signed(kind, &cms::encrypt(content, &WORLD.ra, cipher).unwrap())
}

fn signed(kind: &str, envelope: &[u8]) -> Vec<u8> {
    let text = |text: &str| {
        let text = text.to_owned();
        move |w: &mut Writer| w.element(tag::PRINTABLE_STRING, text.as_bytes())
    };
    SignedMessage {
        content: Some(envelope),
        certificate: &WORLD.client,
        signer: &WORLD.client_key,
        chain: &[],
        attributes: vec![
            attribute(oid::SCEP_MESSAGE_TYPE, text(kind)),
            attribute(oid::SCEP_TRANSACTION_ID, text("TX-1")),
            attribute(oid::SCEP_SENDER_NONCE, |w| {
                w.octet_string(b"0123456789abcdef")
            }),
        ],
    }
    .build()
    .unwrap()
}

fn parse_at_ra(message: &[u8], legacy: Legacy) -> Result<Request, ScepError> {
    parse(message, &WORLD.ra, &WORLD.ra_key, legacy)
}

fn refusal(message: &[u8], legacy: Legacy) -> Refusal {
    match parse_at_ra(message, legacy).unwrap_err() {
        ScepError::Refused(refusal) => *refusal,
        other => panic!("not a refusal: {other}"),
    }
}

fn responder() -> Responder {
    Responder::new(WORLD.ra.clone(), Arc::new(WORLD.ra_key.clone()))
}

/// The text or octets of an attribute of a reply, after its signature was checked.
fn opened(
    reply: &Reply,
) -> (
    cms::VerifiedMessage,
    impl Fn(&cms::VerifiedMessage, ObjectId) -> Vec<u8>,
) {
    let get = |message: &cms::VerifiedMessage, kind| {
        let value = message.attribute(kind).unwrap_or(&[]);
        Reader::new(value)
            .element()
            .map(|element| element.value.to_vec())
            .unwrap_or_default()
    };
    (verified(&reply.body), get)
}

type ObjectId = const_oid::ObjectIdentifier;

fn verified(body: &[u8]) -> cms::VerifiedMessage {
    // A FAILURE has no content: its digest is that of nothing.
    cms::verify_message(body, None, &Limits::default())
        .or_else(|_| cms::verify_message(body, Some(&[]), &Limits::default()))
        .unwrap()
}

#[test]
fn an_enrollment_succeeds_in_the_cipher_of_the_request() {
    for cipher in [
        ContentCipher::Des,
        ContentCipher::TripleDes,
        ContentCipher::Aes128,
        ContentCipher::Aes256,
    ] {
        let request =
            parse_at_ra(&message("19", &request_content(), cipher), Legacy::Accept).unwrap();
        assert_eq!(request.conversation.message_type, MessageType::PkcsReq);
        assert_eq!(request.conversation.transaction_id, "TX-1");
        assert_eq!(request.cipher, cipher);
        assert_eq!(request.signer, WORLD.client);
        let Body::Certificate(csr) = &request.body else {
            panic!("a certificate request")
        };
        assert_eq!(csr.challenge_password().unwrap().expose(), "one-time");
        assert_eq!(csr.subject().common_name(), Some("device"));

        let issued = issue(
            &WORLD.issuing,
            LeafProfile::DeviceIdentity,
            csr.spki(),
            "device",
        );
        let chain = [WORLD.issuing.certificate().clone()];
        let reply = responder().success(&request, &issued, &chain, NOW).unwrap();
        assert_eq!(reply.content_type, "application/x-pki-message");
        let (message, get) = opened(&reply);
        assert_eq!(
            message.signer.certificate, WORLD.ra,
            "the RA certificate is in the reply"
        );
        assert_eq!(message.signer.signing_time, Some(NOW));
        assert_eq!(get(&message, oid::SCEP_MESSAGE_TYPE), b"3");
        assert_eq!(get(&message, oid::SCEP_PKI_STATUS), b"0");
        assert_eq!(get(&message, oid::SCEP_TRANSACTION_ID), b"TX-1");
        assert_eq!(
            get(&message, oid::SCEP_RECIPIENT_NONCE),
            b"0123456789abcdef"
        );
        assert_eq!(get(&message, oid::SCEP_SENDER_NONCE).len(), 16);
        assert!(get(&message, oid::SCEP_FAIL_INFO).is_empty());
        let element = Reader::new(message.attribute(oid::SCEP_PKI_STATUS).unwrap())
            .element()
            .unwrap();
        assert_eq!(element.tag, tag::PRINTABLE_STRING);
        assert_eq!(read::text(element).as_deref(), Some("0"));

        let envelope = message.signer.content.unwrap();
        let bundle =
            cms::decrypt(&envelope, &WORLD.client, &WORLD.client_key, Legacy::Accept).unwrap();
        assert_eq!(bundle.cipher, cipher);
        let certificates = cms::certificates(bundle.content.expose(), &Limits::default()).unwrap();
        assert_eq!(certificates, [issued, chain[0].clone()]);
    }
}

#[test]
fn message_types_are_told_apart() {
    let aes = ContentCipher::Aes128;
    for (number, kind) in [
        ("17", MessageType::RenewalReq),
        ("18", MessageType::UpdateReq),
    ] {
        let request =
            parse_at_ra(&message(number, &request_content(), aes), Legacy::Refuse).unwrap();
        assert_eq!(request.conversation.message_type, kind);
    }
    let ca = named("ca");
    let poll = Writer::build(|w| {
        w.sequence(|w| {
            w.raw(ca.der());
            w.raw(named("device").der());
        });
    });
    let request = parse_at_ra(&message("20", &poll, aes), Legacy::Refuse).unwrap();
    assert!(matches!(request.body, Body::Poll { subject, .. } if subject == named("device")));
    let identifier = Writer::build(|w| {
        w.sequence(|w| {
            w.raw(ca.der());
            w.unsigned(77);
        });
    });
    for number in ["21", "22"] {
        let request = parse_at_ra(&message(number, &identifier, aes), Legacy::Refuse).unwrap();
        let Body::Identifier(id) = request.body else {
            panic!("an identifier")
        };
        assert_eq!((id.issuer, id.serial), (ca.clone(), vec![77]));
    }
    let unknown = refusal(&message("99", b"?", aes), Legacy::Accept);
    assert_eq!(unknown.fail_info, FailInfo::BadRequest);
}

#[test]
fn refusals_are_answered_in_the_conversation() {
    let refused = refusal(
        &message("19", b"not a request", ContentCipher::Aes128),
        Legacy::Accept,
    );
    assert_eq!(refused.fail_info, FailInfo::BadMessageCheck);
    for (fail_info, number) in [
        (FailInfo::BadAlg, b"0"),
        (FailInfo::BadMessageCheck, b"1"),
        (FailInfo::BadRequest, b"2"),
        (FailInfo::BadTime, b"3"),
        (FailInfo::BadCertId, b"4"),
    ] {
        let reply = responder()
            .failure(&refused.conversation, fail_info, NOW)
            .unwrap();
        let (message, get) = opened(&reply);
        assert!(
            message.signer.content.is_none(),
            "FAILURE carries no envelope"
        );
        assert_eq!(get(&message, oid::SCEP_PKI_STATUS), b"2");
        assert_eq!(get(&message, oid::SCEP_FAIL_INFO), number);
        assert_eq!(get(&message, oid::SCEP_TRANSACTION_ID), b"TX-1");
        assert_eq!(
            get(&message, oid::SCEP_RECIPIENT_NONCE),
            b"0123456789abcdef"
        );
    }
}

#[test]
fn whatever_fails_behind_the_envelope_looks_the_same() {
    let good = cms::encrypt(&request_content(), &WORLD.ra, ContentCipher::Aes128).unwrap();
    // The last block of the content, then the encrypted key.
    let key_at = good
        .windows(4)
        .position(|w| w == [0x04, 0x82, 0x01, 0x00])
        .unwrap()
        + 40;
    for at in [good.len() - 1, good.len() - 17, key_at] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert_eq!(
            refusal(&signed("19", &changed), Legacy::Accept).fail_info,
            FailInfo::BadMessageCheck,
            "byte {at}"
        );
    }
    let mut forged = request_content();
    let at = forged.windows(6).position(|w| w == b"device").unwrap();
    forged[at] = b'D';
    let refused = refusal(
        &message("19", &forged, ContentCipher::Aes128),
        Legacy::Accept,
    );
    assert_eq!(
        refused.fail_info,
        FailInfo::BadMessageCheck,
        "no proof of possession"
    );
}

#[test]
fn a_new_wrapper_around_another_clients_envelope_is_refused() {
    let other = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
    let theirs = csr::create(&named("device"), &other, &csr::RequestOptions::default()).unwrap();
    let refused = refusal(
        &message("19", &theirs, ContentCipher::Aes128),
        Legacy::Accept,
    );
    assert_eq!(refused.reason, RefusalReason::OtherKey);
    assert_eq!(refused.fail_info, FailInfo::BadMessageCheck);
}

#[test]
fn a_client_with_an_ec_key_signs_with_an_rsa_key_beside_it() {
    let ec = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let wanted = csr::create(&named("device"), &ec, &csr::RequestOptions::default()).unwrap();
    let request = parse_at_ra(
        &message("19", &wanted, ContentCipher::Aes128),
        Legacy::Accept,
    )
    .unwrap();
    let Body::Certificate(csr) = request.body else {
        panic!("a certificate is asked for");
    };
    assert_eq!(csr.spki(), ec.spki());
}

#[test]
fn the_legacy_switch_decides_about_old_ciphers() {
    let old = message("19", &request_content(), ContentCipher::TripleDes);
    assert_eq!(refusal(&old, Legacy::Refuse).fail_info, FailInfo::BadAlg);
    let listed = |legacy| String::from_utf8(capabilities(legacy).body).unwrap();
    assert!(listed(Legacy::Accept).contains("DES3\n"));
    assert!(listed(Legacy::Accept).contains("SHA-1\n"));
    assert!(!listed(Legacy::Refuse).contains("DES3"));
    assert!(!listed(Legacy::Refuse).contains("SHA-1\n"));
    for legacy in [Legacy::Accept, Legacy::Refuse] {
        assert_eq!(capabilities(legacy).content_type, "text/plain");
        for capability in [
            "Renewal",
            "SHA-256",
            "AES",
            "SCEPStandard",
            "POSTPKIOperation",
        ] {
            assert!(
                listed(legacy).lines().any(|line| line == capability),
                "{capability}"
            );
        }
    }
}

#[test]
fn a_message_without_signature_or_transaction_gets_no_reply() {
    let mut broken = message("19", &request_content(), ContentCipher::Aes128);
    *broken.last_mut().unwrap() ^= 1;
    assert!(matches!(
        parse_at_ra(&broken, Legacy::Accept),
        Err(ScepError::Message(CmsError::Signature(_)))
    ));
    let plain = cms::sign(b"x", &WORLD.client, &WORLD.client_key, &[], NOW).unwrap();
    assert_eq!(
        parse_at_ra(&plain, Legacy::Accept).unwrap_err(),
        ScepError::Transaction
    );
}

#[test]
fn a_reply_cannot_be_encrypted_to_an_elliptic_curve_key() {
    let mut request = parse_at_ra(
        &message("19", &request_content(), ContentCipher::Aes128),
        Legacy::Accept,
    )
    .unwrap();
    request.signer = WORLD.issuing.certificate().clone();
    let result = responder().success(&request, &WORLD.client, &[], NOW);
    assert_eq!(result.unwrap_err(), CmsError::Recipient);
}

#[test]
fn get_messages_decode_however_they_were_mangled() {
    let message = message("19", &request_content(), ContentCipher::Aes128);
    let standard = {
        use ::base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(&message)
    };
    assert!(
        standard.contains('+') && standard.contains('/'),
        "worth mangling"
    );
    for text in [
        standard.clone(),
        standard.trim_end_matches('=').to_owned(),
        standard.replace('+', "-").replace('/', "_"),
        standard.replace('+', " "),
        format!("{}\n{}\r\n", &standard[..64], &standard[64..]),
    ] {
        assert_eq!(decode_get_message(&text).unwrap(), message);
    }
    assert_eq!(
        decode_get_message("    ").unwrap(),
        [0xfb, 0xef, 0xbe],
        "nothing but plus signs"
    );
    assert_eq!(decode_get_message("{}").unwrap_err(), ScepError::Base64);
    let long = "A".repeat(MAX_MESSAGE_BYTES * 2);
    assert_eq!(decode_get_message(&long).unwrap_err(), ScepError::TooLarge);
}

#[test]
fn ca_certificates_come_bare_or_bundled() {
    let one = ca_certificates(std::slice::from_ref(&WORLD.ra));
    assert_eq!(one.content_type, "application/x-x509-ca-cert");
    assert_eq!(one.body, WORLD.ra.der());
    let pair = [WORLD.ra.clone(), WORLD.issuing.certificate().clone()];
    let two = ca_certificates(&pair);
    assert_eq!(two.content_type, "application/x-x509-ca-ra-cert");
    assert_eq!(
        cms::certificates(&two.body, &Limits::default()).unwrap(),
        pair
    );
}

#[test]
fn truncated_requests_never_panic_and_never_pass() {
    let message = message("19", &request_content(), ContentCipher::Aes128);
    for end in 0..message.len() {
        assert!(
            parse_at_ra(&message[..end], Legacy::Accept).is_err(),
            "cut at {end}"
        );
    }
    // The same within the envelope, below a right signature.
    let envelope = cms::encrypt(&request_content(), &WORLD.ra, ContentCipher::Aes128).unwrap();
    for end in (0..envelope.len()).step_by(7) {
        let refused = refusal(&signed("19", &envelope[..end]), Legacy::Accept);
        assert_eq!(refused.fail_info, FailInfo::BadMessageCheck);
    }
    assert!(CertificateRequest::from_der(&request_content()).is_ok());
}
