//! How fast the hot operations are on one core: `cargo run -p pki --release --example speed`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring tool"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Timestamp;
use pki::{
    Certificate, ChainPolicy, KeyAlgorithm, KeyPair, Legacy, Name, Revoked, Signer,
    ca::{Authority, LeafProfile, LeafRequest, Urls, create_root},
    cms::{ContentCipher, Limits, decrypt, encrypt, sign, verify_mdm_signature},
    crl::{Crl, Issue, build},
    seal::{KeyEncryptionKey, Place, Sealer},
    verify_chain,
};

const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

fn main() {
    let ca_key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let root = create_root(&named("ca"), &ca_key, NOW).unwrap();
    let ca = Authority::new(root, Arc::new(ca_key)).unwrap();
    let rsa = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
    let p256 = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let body = vec![b'x'; 1500];

    for (name, key) in [("RSA-2048", &rsa), ("P-256", &p256)] {
        let certificate = issue(&ca, key);
        let header = STANDARD.encode(sign(&body, &certificate, key, &[], NOW).unwrap());
        let limits = Limits::default();
        rate(&format!("verify Mdm-Signature, {name}"), || {
            verify_mdm_signature(&header, &body, &limits).unwrap();
        });
        rate(&format!("sign a profile, {name}"), || {
            sign(&body, &certificate, key, &[], NOW).unwrap();
        });
    }
    let identity = issue(&ca, &rsa);
    let anchors = [ca.certificate().clone()];
    rate("chain check, one P-256 issuer", || {
        verify_chain(&identity, &[], &anchors, NOW, &ChainPolicy::default()).unwrap();
    });
    rate("parse a certificate", || {
        Certificate::from_der(identity.der()).unwrap();
    });
    rate("issue a certificate, P-256 CA", || {
        issue(&ca, &rsa);
    });
    let envelope = encrypt(&body, &identity, ContentCipher::Aes128).unwrap();
    rate("open an envelope, RSA-2048", || {
        decrypt(&envelope, &identity, &rsa, Legacy::Refuse).unwrap();
    });
    let sealer = Sealer::new(KeyEncryptionKey::new(&[1; 32]), Vec::new());
    let place = Place {
        table: "t",
        row: "r",
        kind: "k",
    };
    rate("seal and open 40 bytes", || {
        let sealed = sealer.seal(&place, &body[..40]).unwrap();
        sealer.open(&place, &sealed).unwrap();
    });

    let revoked: Vec<Revoked> = (0..100_000_u32)
        .map(|n| Revoked {
            serial: [&[0x40], &n.to_be_bytes()[..]].concat(),
            at: NOW,
            reason: None,
        })
        .collect();
    let issue = Issue {
        number: 1,
        this_update: NOW,
        next_update: NOW,
    };
    let start = Instant::now();
    let list = build(&ca, &issue, &revoked).unwrap();
    let built = start.elapsed();
    let start = Instant::now();
    Crl::from_der(&list).unwrap();
    println!(
        "CRL of 100,000 entries: build {built:.1?}, parse {:.1?}",
        start.elapsed()
    );
}

fn named(common_name: &str) -> Name {
    Name::builder().common_name(common_name).build()
}

fn issue(ca: &Authority, key: &KeyPair) -> Certificate {
    let request = LeafRequest {
        profile: LeafProfile::DeviceIdentity,
        subject: &named("device"),
        spki: key.spki(),
        valid_for: Duration::from_secs(86_400),
        alternative_names: &[],
        urls: &Urls::default(),
    };
    ca.issue(&request, NOW).unwrap()
}

fn rate(what: &str, mut operation: impl FnMut()) {
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_millis(700) {
        operation();
        count += 1;
    }
    println!(
        "{what}: {:.0}/s",
        f64::from(count) / start.elapsed().as_secs_f64()
    );
}
