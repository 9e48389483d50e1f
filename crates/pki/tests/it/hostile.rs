//! Truncation at every byte and thousands of changes: an error or a value, never a panic,
//! and nothing wrongly verified.

use pki::{
    Certificate, Legacy, Name,
    cms::{ContentCipher, Limits, ber, certs_only, decrypt, encrypt, sign, verify_signed_data},
    crl::{self, Crl},
    csr::{self, CertificateRequest},
    keys,
    ocsp::OcspRequest,
    pem, scep,
};

use crate::support::{Bench, DAY, NOW, WORLD, named};

/// A small generator with a fixed start, so that a failure can be repeated.
struct Changes(u64);

impl Changes {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0)
    }

    fn apply(&mut self, original: &[u8]) -> Vec<u8> {
        let mut out = original.to_vec();
        for _ in 0..=self.next() % 4 {
            let at = self.next() % out.len();
            match self.next() % 4 {
                0 => out[at] ^= 1 << (self.next() % 8),
                1 => out[at] = [0x00, 0x7f, 0x80, 0x84, 0xff, 0x30, 0x24, 0xa0][self.next() % 8],
                2 => {
                    out.remove(at);
                }
                _ => out.insert(at, u8::try_from(self.next() % 256).unwrap()),
            }
        }
        out
    }
}

/// Feeds every prefix and `rounds` changed copies to `read`, which says whether it accepted.
fn attack(original: &[u8], rounds: usize, mut read: impl FnMut(&[u8]) -> bool) {
    assert!(read(original), "the original must be accepted");
    for end in 0..original.len() {
        assert!(!read(&original[..end]), "cut at {end}");
    }
    let mut changes = Changes(0x9e37_79b9_7f4a_7c15);
    for _ in 0..rounds {
        read(&changes.apply(original));
    }
}

#[test]
fn certificates_requests_and_lists() {
    attack(WORLD.rsa_identity.der(), 5000, |der| {
        Certificate::from_der(der).is_ok()
    });
    let options = csr::RequestOptions {
        challenge_password: Some("secret"),
        alternative_names: &[],
    };
    let request = csr::create(&named("device"), &WORLD.p256, &options).unwrap();
    attack(&request, 5000, |der| {
        CertificateRequest::from_der(der)
            .is_ok_and(|request| request.verify_possession(Legacy::Accept).is_ok())
    });
    let issue = crl::Issue {
        number: 1,
        this_update: NOW,
        next_update: NOW.plus(DAY),
    };
    let revoked = pki::Revoked {
        serial: vec![5],
        at: NOW,
        reason: None,
    };
    let list = crl::build(&WORLD.issuing, &issue, &[revoked]).unwrap();
    attack(&list, 5000, |der| Crl::from_der(der).is_ok());
    attack(named("x").der(), 2000, |der| Name::from_der(der).is_ok());
    let pem_text = WORLD.rsa_identity.to_pem();
    for end in 0..pem_text.len() {
        let _ = pem::decode(&pem_text[..end]);
    }
}

#[test]
fn signed_messages() {
    let limits = Limits::default();
    let body = b"body of the request";
    let der = sign(body, &WORLD.p256_identity, &WORLD.p256, &[], NOW).unwrap();
    let bench = Bench::with_world();
    bench.write("body", body);
    bench.openssl("cms -sign -binary -in body -signer p256.pem -inkey p256.key -outform DER -out message -nodetach -stream");
    let ber = bench.read("message");
    for message in [der, ber] {
        attack(&message, 5000, |message| {
            match verify_signed_data(message, None, &limits) {
                Ok(signer) => {
                    // Its signature is for the chain check; the key must be the right one.
                    assert_eq!(signer.certificate.spki(), WORLD.p256_identity.spki());
                    assert_eq!(signer.content.as_deref(), Some(&body[..]));
                    true
                }
                Err(_) => false,
            }
        });
        let mut changes = Changes(7);
        for _ in 0..5000 {
            let _ = ber::normalize(&changes.apply(&message));
        }
    }
    let bundle = certs_only(std::slice::from_ref(&WORLD.rsa_identity));
    attack(&bundle, 2000, |message| {
        pki::cms::certificates(message, &limits).is_ok()
    });
}

#[test]
fn envelopes() {
    let message = encrypt(b"content", &WORLD.rsa_identity, ContentCipher::Aes128).unwrap();
    attack(&message, 1000, |message| {
        decrypt(message, &WORLD.rsa_identity, &WORLD.rsa, Legacy::Accept).is_ok()
    });
}

#[test]
fn keys_and_ocsp_requests() {
    let pkcs8 = WORLD.p256.to_pkcs8().expose();
    attack(pkcs8, 1000, |der| pki::KeyPair::from_pkcs8(der).is_ok());
    let bench = Bench::with_world();
    bench.openssl("ocsp -issuer issuing.pem -cert rsa.pem -nonce -reqout request");
    attack(&bench.read("request"), 5000, |der| {
        OcspRequest::from_der(der).is_ok()
    });
    let mut changes = Changes(3);
    for _ in 0..1000 {
        let spki = changes.apply(WORLD.rsa_identity.spki());
        let algorithm = keys::SignatureAlgorithm::RsaPkcs1(keys::Digest::Sha256);
        assert!(keys::verify(&spki, algorithm, b"m", &[0; 256], Legacy::Accept).is_err());
    }
}

#[test]
fn noise_and_texts() {
    let mut changes = Changes(11);
    for length in 0..600 {
        let noise: Vec<u8> = (0..length)
            .map(|_| u8::try_from(changes.next() % 256).unwrap())
            .collect();
        assert!(scep::parse(&noise, &WORLD.rsa_identity, &WORLD.rsa, Legacy::Accept).is_err());
        assert!(verify_signed_data(&noise, None, &Limits::default()).is_err());
        let _ = scep::decode_get_message(&String::from_utf8_lossy(&noise));
    }
    let big = vec![0x30; scep::MAX_MESSAGE_BYTES + 1];
    assert!(matches!(
        scep::parse(&big, &WORLD.rsa_identity, &WORLD.rsa, Legacy::Accept),
        Err(scep::ScepError::TooLarge)
    ));
}
