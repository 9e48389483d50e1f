//! What this crate writes, read by another implementation, and the reverse.

use std::{path::Path, process::Command};

use simulator::{
    cms::{Attribute, Cipher, Form, SignedData, Signing, certificates_only, decrypt, encrypt},
    csr, der,
    keys::{Algorithm, Key},
    pem,
    x509::{self, Certificate, Template, attribute, usage},
};

pub(crate) const NOW: i64 = 1_795_000_000;

pub(crate) fn self_signed(key: &Key, ca: bool) -> Certificate {
    let subject = x509::name(&[
        (attribute::C, "GB"),
        (attribute::O, "Test"),
        (attribute::CN, "Tester é"),
    ]);
    let mut extensions = vec![x509::key_usage(
        usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT,
    )];
    if ca {
        extensions = vec![
            x509::certificate_authority(),
            x509::key_usage(usage::KEY_CERT_SIGN | usage::CRL_SIGN),
        ];
    }
    let template = Template {
        serial: vec![0x80, 1, 2],
        subject: subject.clone(),
        not_before: 1_700_000_000,
        not_after: 2_600_000_000,
        spki: key.spki().to_vec(),
        extensions,
    };
    template.sign(&subject, key).unwrap()
}

fn issued(key: &Key, ca: &Certificate, ca_key: &Key) -> Certificate {
    let template = Template {
        serial: vec![7],
        subject: x509::name(&[(attribute::CN, "Leaf")]),
        not_before: 1_700_000_000,
        not_after: 2_000_000_000,
        spki: key.spki().to_vec(),
        extensions: vec![x509::key_usage(usage::DIGITAL_SIGNATURE)],
    };
    template.sign(&ca.subject, ca_key).unwrap()
}

fn run(directory: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn both() -> [Key; 2] {
    [
        Key::generate(Algorithm::Rsa2048).unwrap(),
        Key::generate(Algorithm::P256).unwrap(),
    ]
}

#[test]
fn certificates_verify() {
    let directory = tempfile::tempdir().unwrap();
    for ca_key in both() {
        let ca = self_signed(&ca_key, true);
        let leaf = issued(&Key::generate(Algorithm::P256).unwrap(), &ca, &ca_key);
        assert!(
            ca.is_ca
                && !leaf.is_ca
                && leaf.issued_by(&ca).is_ok()
                && leaf.chains_to(std::slice::from_ref(&ca), &[])
        );
        std::fs::write(directory.path().join("ca.pem"), ca.to_pem()).unwrap();
        std::fs::write(directory.path().join("leaf.pem"), leaf.to_pem()).unwrap();
        run(
            directory.path(),
            &[
                "verify",
                "-x509_strict",
                "-attime",
                "1800000000",
                "-CAfile",
                "ca.pem",
                "leaf.pem",
            ],
        );
        let text = String::from_utf8(run(
            directory.path(),
            &["x509", "-in", "ca.pem", "-noout", "-text"],
        ))
        .unwrap();
        assert!(
            text.contains("CA:TRUE") && text.contains("Certificate Sign, CRL Sign"),
            "{text}"
        );
        let stranger = self_signed(&Key::generate(Algorithm::P256).unwrap(), true);
        assert!(leaf.issued_by(&stranger).is_err() && !leaf.chains_to(&[stranger], &[]));
    }
}

#[test]
fn certificates_of_openssl_are_read() {
    let directory = tempfile::tempdir().unwrap();
    run(
        directory.path(),
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "c.pem",
            "-days",
            "10",
            "-subj",
            "/UID=com.apple.mgmt.Test/CN=Somebody",
        ],
    );
    let certificate =
        &Certificate::from_pem(&std::fs::read_to_string(directory.path().join("c.pem")).unwrap())
            .unwrap()[0];
    assert_eq!(
        certificate.subject_attribute(attribute::UID).as_deref(),
        Some("com.apple.mgmt.Test")
    );
    assert!(certificate.issued_by(certificate).is_ok());
    for cut in 0..certificate.der.len() {
        assert!(Certificate::parse(&certificate.der[..cut]).is_err());
    }
}

#[test]
fn requests_verify() {
    let directory = tempfile::tempdir().unwrap();
    for key in both() {
        let subject = x509::name(&[(attribute::CN, "device")]);
        let request = csr::write(
            &key,
            &subject,
            Some("s3cret_challenge"),
            &[x509::key_usage(usage::DIGITAL_SIGNATURE)],
        )
        .unwrap();
        std::fs::write(
            directory.path().join("r.pem"),
            pem::encode("CERTIFICATE REQUEST", &request),
        )
        .unwrap();
        let text = run(
            directory.path(),
            &["req", "-in", "r.pem", "-verify", "-noout", "-text"],
        );
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("s3cret_challenge") && text.contains("Digital Signature"),
            "{text}"
        );
        let read = csr::read(&request).unwrap();
        assert_eq!(
            (read.challenge.as_deref(), read.subject),
            (Some("s3cret_challenge"), subject)
        );
        let mut changed = request.clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        assert!(csr::read(&changed).is_err());
    }
}

#[test]
fn signatures_verify_in_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let content = b"content\x00of a message".repeat(60);
    std::fs::write(directory.path().join("content"), &content).unwrap();
    for key in both() {
        let certificate = self_signed(&key, false);
        std::fs::write(directory.path().join("c.pem"), certificate.to_pem()).unwrap();
        for (attached, ber) in [(false, false), (true, false), (false, true), (true, true)] {
            let signing = Signing {
                attributes: vec![Attribute {
                    id: "2.16.840.1.113733.1.9.7",
                    value: der::printable("T1"),
                }],
                ..Signing::new(&key, &certificate, NOW)
            };
            let message = signing.sign(&content, Form { attached, ber }).unwrap();
            std::fs::write(directory.path().join("m.der"), &message).unwrap();
            for tool in ["cms", "smime"] {
                let mut arguments = vec![
                    tool,
                    "-verify",
                    "-binary",
                    "-inform",
                    "DER",
                    "-in",
                    "m.der",
                    "-CAfile",
                    "c.pem",
                    "-purpose",
                    "any",
                    "-out",
                    "out",
                    "-attime",
                    "1800000000",
                ];
                if !attached {
                    arguments.extend(["-content", "content"]);
                }
                run(directory.path(), &arguments);
                assert_eq!(
                    std::fs::read(directory.path().join("out")).unwrap(),
                    content,
                    "{tool} {attached} {ber}"
                );
            }
            if !ber {
                let signed = SignedData::parse(&message).unwrap();
                let verified = signed.verify((!attached).then_some(&content[..])).unwrap();
                assert_eq!(
                    verified.attribute("2.16.840.1.113733.1.9.7"),
                    Some(&b"T1"[..])
                );
                if !attached {
                    assert!(signed.verify(Some(b"other content")).is_err());
                }
            }
        }
    }
}

#[test]
fn signatures_of_openssl_are_read() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("content"), "hello").unwrap();
    for key in both() {
        let certificate = self_signed(&key, false);
        std::fs::write(directory.path().join("c.pem"), certificate.to_pem()).unwrap();
        std::fs::write(directory.path().join("k.pem"), key.pkcs8_pem()).unwrap();
        run(
            directory.path(),
            &[
                "cms",
                "-sign",
                "-binary",
                "-nodetach",
                "-in",
                "content",
                "-signer",
                "c.pem",
                "-inkey",
                "k.pem",
                "-outform",
                "DER",
                "-out",
                "m.der",
            ],
        );
        let message = std::fs::read(directory.path().join("m.der")).unwrap();
        let signed = SignedData::parse(&message).unwrap();
        assert_eq!(signed.verify(None).unwrap().signer, certificate);
        assert_eq!(signed.content.as_deref(), Some(&b"hello"[..]));
        let changed = replace(&message, b"hello", b"jello");
        assert!(SignedData::parse(&changed).unwrap().verify(None).is_err());
    }
}

fn replace(message: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = message
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    [&message[..at], to, &message[at + from.len()..]].concat()
}

#[test]
fn envelopes_decrypt_both_ways() {
    let directory = tempfile::tempdir().unwrap();
    let key = Key::generate(Algorithm::Rsa2048).unwrap();
    let certificate = self_signed(&key, false);
    std::fs::write(directory.path().join("c.pem"), certificate.to_pem()).unwrap();
    std::fs::write(directory.path().join("k.pem"), key.pkcs8_pem()).unwrap();
    std::fs::write(directory.path().join("content"), "secret ".repeat(30)).unwrap();
    for (cipher, flag) in [
        (Cipher::Aes128, "-aes128"),
        (Cipher::Aes256, "-aes256"),
        (Cipher::TripleDes, "-des3"),
    ] {
        let message = encrypt("secret ".repeat(30).as_bytes(), &certificate, cipher).unwrap();
        std::fs::write(directory.path().join("m.der"), &message).unwrap();
        let plain = run(
            directory.path(),
            &[
                "cms", "-decrypt", "-inform", "DER", "-in", "m.der", "-recip", "c.pem", "-inkey",
                "k.pem",
            ],
        );
        assert_eq!(plain, "secret ".repeat(30).into_bytes(), "{cipher:?}");
        run(
            directory.path(),
            &[
                "cms", "-encrypt", "-binary", flag, "-in", "content", "-outform", "DER", "-out",
                "e.der", "c.pem",
            ],
        );
        let theirs = std::fs::read(directory.path().join("e.der")).unwrap();
        assert_eq!(
            decrypt(&theirs, &key, &certificate).unwrap(),
            ("secret ".repeat(30).into_bytes(), cipher)
        );
        for cut in (0..message.len()).step_by(7) {
            assert!(decrypt(&message[..cut], &key, &certificate).is_err());
        }
        let stranger = Key::generate(Algorithm::P256).unwrap();
        assert!(decrypt(&message, &stranger, &certificate).is_err());
    }
}

#[test]
fn bundles_of_certificates_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = self_signed(&Key::generate(Algorithm::P256).unwrap(), true);
    std::fs::write(
        directory.path().join("b.der"),
        certificates_only(std::slice::from_ref(&certificate)),
    )
    .unwrap();
    let text = run(
        directory.path(),
        &["pkcs7", "-inform", "DER", "-in", "b.der", "-print_certs"],
    );
    assert_eq!(
        Certificate::from_pem(&String::from_utf8(text).unwrap()).unwrap(),
        [certificate]
    );
}
