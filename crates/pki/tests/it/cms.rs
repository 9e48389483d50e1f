use ::cms::{content_info::ContentInfo, signed_data::SignedData};
use pki::{
    Certificate, ChainPolicy, Decrypter, KeyError, Legacy, SecretBytes, Signer,
    ca::LeafProfile,
    cms::{
        CmsError, ContentCipher, Limits, certificates, certs_only, decrypt, encrypt, sign,
        verify_mdm_signature, verify_signed_data,
    },
    purpose, verify_chain,
};
use x509_cert::der::{Decode as _, Encode as _};

use crate::support::{Bench, NOW, WORLD, leaf};

const BODY: &[u8] = b"<?xml version=\"1.0\"?><plist><dict/></plist>";

fn base64(bytes: &[u8]) -> String {
    use ::base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// A message that `openssl cms` made over [`BODY`].
fn signed_by_openssl(bench: &Bench, key: &str, options: &str) -> Vec<u8> {
    bench.write("body", BODY);
    bench.openssl(&format!(
        "cms -sign -binary -in body -signer {key}.pem -inkey {key}.key -certfile issuing.pem \
         -outform DER -out message {options}"
    ));
    bench.read("message")
}

#[test]
fn device_signatures_verify_in_every_form() {
    let bench = Bench::with_world();
    for key in ["rsa", "p256"] {
        let expected = if key == "rsa" {
            &WORLD.rsa_identity
        } else {
            &WORLD.p256_identity
        };
        for (form, attached) in [
            ("", false),
            (" -nodetach", true),
            (" -stream", true),
            (" -keyid", false),
        ] {
            for digest in ["sha1", "sha256", "sha384", "sha512"] {
                let message = signed_by_openssl(&bench, key, &format!("-md {digest}{form}"));
                let what = format!("{key} {digest}{form}");
                let limits = Limits::default();
                let signer = verify_mdm_signature(&base64(&message), BODY, &limits)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(&signer.certificate, expected, "{what}");
                assert_eq!(
                    signer.other_certificates,
                    [WORLD.issuing.certificate().clone()]
                );
                assert!(signer.signing_time.is_some());

                let strict = Limits {
                    legacy: Legacy::Refuse,
                    ..limits
                };
                let result = verify_mdm_signature(&base64(&message), BODY, &strict);
                assert_eq!(result.is_ok(), digest != "sha1", "{what}");

                let other = verify_mdm_signature(&base64(&message), b"other body", &limits);
                let refusal = if attached {
                    CmsError::Content
                } else {
                    CmsError::Digest
                };
                assert_eq!(other.unwrap_err(), refusal, "{what}");
            }
        }
    }
}

#[test]
fn streaming_messages_really_use_indefinite_lengths_and_chunks() {
    let bench = Bench::with_world();
    let body = vec![b'x'; 100_000];
    bench.write("body", &body);
    bench.openssl(
        "cms -sign -binary -in body -signer rsa.pem -inkey rsa.key -outform DER -out message \
         -nodetach -stream",
    );
    let message = bench.read("message");
    assert_eq!(message[1], 0x80, "indefinite");
    assert!(
        message.windows(2).any(|w| w == [0x24, 0x80]),
        "octet string in pieces"
    );
    let signer = verify_signed_data(&message, None, &Limits::default()).unwrap();
    assert_eq!(signer.content.unwrap(), body);
    assert!(verify_mdm_signature(&base64(&message), &body, &Limits::default()).is_ok());
}

#[test]
fn the_header_may_be_unpadded_url_safe_or_folded() {
    let bench = Bench::with_world();
    let message = signed_by_openssl(&bench, "rsa", "-md sha256");
    let standard = base64(&message);
    let folded: Vec<String> = standard
        .as_bytes()
        .chunks(60)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    for header in [
        standard.trim_end_matches('=').to_owned(),
        standard.replace('+', "-").replace('/', "_"),
        folded.join("\r\n"),
    ] {
        assert!(verify_mdm_signature(&header, BODY, &Limits::default()).is_ok());
    }
    let refused = verify_mdm_signature("%%%", BODY, &Limits::default());
    assert_eq!(refused.unwrap_err(), CmsError::Base64);
    let small = Limits {
        max_bytes: 100,
        ..Limits::default()
    };
    assert_eq!(
        verify_mdm_signature(&standard, BODY, &small).unwrap_err(),
        CmsError::TooLarge
    );
    let one = Limits {
        max_certificates: 1,
        ..Limits::default()
    };
    assert_eq!(
        verify_mdm_signature(&standard, BODY, &one).unwrap_err(),
        CmsError::TooLarge
    );
}

#[test]
fn messages_that_prove_nothing_are_refused() {
    let bench = Bench::with_world();
    let limits = Limits::default();
    let verify = |message: &[u8]| verify_signed_data(message, Some(BODY), &limits).unwrap_err();

    let without_attributes = signed_by_openssl(&bench, "rsa", "-noattr");
    assert_eq!(verify(&without_attributes), CmsError::Attributes);
    let without_certificate = {
        bench.openssl("cms -sign -binary -in body -signer rsa.pem -inkey rsa.key -nocerts -outform DER -out message");
        bench.read("message")
    };
    assert_eq!(verify(&without_certificate), CmsError::SignerCertificate);
    let two_signers = {
        bench.openssl("cms -sign -binary -in body -signer rsa.pem -inkey rsa.key -signer p256.pem -inkey p256.key -outform DER -out message");
        bench.read("message")
    };
    assert_eq!(verify(&two_signers), CmsError::SignerCount);
    assert_eq!(
        verify(&certs_only(std::slice::from_ref(&WORLD.rsa_identity))),
        CmsError::SignerCount
    );
    let detached = signed_by_openssl(&bench, "rsa", "-md sha256");
    assert_eq!(
        verify_signed_data(&detached, None, &limits).unwrap_err(),
        CmsError::Content
    );
    bench.openssl("cms -encrypt -binary -in body -outform DER -out message rsa.pem");
    assert_eq!(verify(&bench.read("message")), CmsError::ContentType);
    let md5 = signed_by_openssl(&bench, "rsa", "-md md5");
    assert_eq!(verify(&md5), CmsError::Algorithm);
}

#[test]
fn changed_signatures_attributes_and_digests_are_told_apart() {
    let bench = Bench::with_world();
    let limits = Limits::default();
    let message = signed_by_openssl(&bench, "rsa", "-md sha256");
    let verify = |message: &[u8]| verify_signed_data(message, Some(BODY), &limits).unwrap_err();

    let mut signature = message.clone();
    *signature.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&signature), CmsError::Signature(KeyError::Signature));

    let digest = pki::token::sha256(BODY);
    let at = message.windows(32).position(|w| w == digest).unwrap();
    let mut attribute = message.clone();
    attribute[at] ^= 1;
    assert_eq!(verify(&attribute), CmsError::Digest);

    // A right digest of another body, put into attributes that were signed over this one.
    let mut swapped = message.clone();
    swapped[at..at + 32].copy_from_slice(&pki::token::sha256(b"other"));
    let refused = verify_signed_data(&swapped, Some(b"other"), &limits).unwrap_err();
    assert_eq!(refused, CmsError::Signature(KeyError::Signature));

    // contentType in the attributes: id-data becomes another number.
    let data = [
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01,
    ];
    let at = message.windows(11).rposition(|w| w == data).unwrap();
    let mut kind = message;
    kind[at + 10] = 5;
    assert_eq!(verify(&kind), CmsError::Attributes);
}

#[test]
fn the_certificate_of_a_verified_signer_still_needs_a_chain() {
    let bench = Bench::with_world();
    bench.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 2 -subj /CN=self",
    );
    let message = signed_by_openssl(&bench, "rsa", "-md sha256");
    let signer = verify_signed_data(&message, Some(BODY), &Limits::default()).unwrap();
    let anchors = [WORLD.root.certificate().clone()];
    let policy = ChainPolicy {
        purpose: Some(purpose::CLIENT_AUTH),
        ..ChainPolicy::default()
    };
    let now = signer.certificate.not_before();
    assert!(
        verify_chain(
            &signer.certificate,
            &signer.other_certificates,
            &anchors,
            now,
            &policy
        )
        .is_err()
    );
}

#[test]
fn openssl_accepts_our_signed_profiles() {
    let bench = Bench::with_world();
    for key in [&WORLD.rsa, &WORLD.p256] {
        let certificate = leaf(&WORLD.issuing, LeafProfile::ProfileSigner, key, "profiles");
        let chain = [WORLD.issuing.certificate().clone()];
        let profile = sign(BODY, &certificate, key, &chain, NOW).unwrap();
        bench.write("signed.mobileconfig", &profile);
        bench.openssl(&format!(
            "smime -verify -inform DER -in signed.mobileconfig -CAfile root.pem -attime {} \
             -binary -out content",
            NOW.seconds()
        ));
        assert_eq!(bench.read("content"), BODY);

        let signer = verify_signed_data(&profile, None, &Limits::default()).unwrap();
        assert_eq!(signer.certificate, certificate);
        assert_eq!(signer.signing_time, Some(NOW));
        assert_eq!(signer.content.as_deref(), Some(BODY));

        // A strict reader takes it for DER, bit for bit.
        let info = ContentInfo::from_der(&profile).unwrap();
        assert_eq!(info.to_der().unwrap(), profile);
        let data = info.content.decode_as::<SignedData>().unwrap();
        assert_eq!(data.signer_infos.0.len(), 1);
    }
}

#[test]
fn certs_only_messages_keep_their_order() {
    let bench = Bench::new();
    let list = [
        WORLD.rsa_identity.clone(),
        WORLD.issuing.certificate().clone(),
        WORLD.root.certificate().clone(),
    ];
    let message = certs_only(&list);
    bench.write("certs.p7b", &message);
    let printed = bench.openssl("pkcs7 -inform DER -in certs.p7b -print_certs");
    assert_eq!(Certificate::all_from_pem(&printed).unwrap(), list);
    assert_eq!(certificates(&message, &Limits::default()).unwrap(), list);

    bench.write("all.pem", printed);
    bench.openssl("crl2pkcs7 -nocrl -certfile all.pem -outform DER -out theirs.p7b");
    let theirs = certificates(&bench.read("theirs.p7b"), &Limits::default()).unwrap();
    assert_eq!(theirs.len(), 3);
}

const CIPHERS: [(ContentCipher, &str); 4] = [
    (ContentCipher::Des, "des-cbc"),
    (ContentCipher::TripleDes, "des-ede3-cbc"),
    (ContentCipher::Aes128, "aes-128-cbc"),
    (ContentCipher::Aes256, "aes-256-cbc"),
];

#[test]
fn envelopes_by_openssl_open_in_every_form_and_cipher() {
    let bench = Bench::with_world();
    bench.write("body", BODY);
    let recipient = &WORLD.rsa_identity;
    for (cipher, name) in CIPHERS {
        for form in ["", " -stream", " -keyid"] {
            bench.openssl(&format!(
                "cms -encrypt -provider legacy -provider default -binary -in body -{name} \
                 -outform DER -out message{form} rsa.pem"
            ));
            let message = bench.read("message");
            let opened = decrypt(&message, recipient, &WORLD.rsa, Legacy::Accept).unwrap();
            assert_eq!(opened.content.expose(), BODY, "{name}{form}");
            assert_eq!(opened.cipher, cipher);
            let strict = decrypt(&message, recipient, &WORLD.rsa, Legacy::Refuse);
            assert_eq!(strict.is_ok(), !cipher.is_legacy(), "{name}");
        }
    }
}

#[test]
fn openssl_opens_our_envelopes() {
    let bench = Bench::with_world();
    for (cipher, name) in CIPHERS {
        for length in [0, 1, 15, 16, 17, 1000] {
            let content = vec![b'c'; length];
            let message = encrypt(&content, &WORLD.rsa_identity, cipher).unwrap();
            let opened =
                decrypt(&message, &WORLD.rsa_identity, &WORLD.rsa, Legacy::Accept).unwrap();
            assert_eq!(opened.content.expose(), &content);
            bench.write("message", &message);
            if length == 17 {
                bench.openssl(
                    "cms -decrypt -provider legacy -provider default -inform DER -in message \
                     -recip rsa.pem -inkey rsa.key -binary -out plain",
                );
                assert_eq!(bench.read("plain"), content, "{name}");
            }
        }
    }
    let refused = encrypt(BODY, &WORLD.p256_identity, ContentCipher::Aes128);
    assert_eq!(refused.unwrap_err(), CmsError::Recipient);
}

#[test]
fn an_envelope_for_someone_else_is_told_from_one_that_does_not_open() {
    let message = encrypt(BODY, &WORLD.rsa_identity, ContentCipher::Aes128).unwrap();
    let other = leaf(&WORLD.issuing, LeafProfile::ScepRa, &WORLD.rsa, "other");
    assert_eq!(
        decrypt(&message, &other, &WORLD.rsa, Legacy::Accept).unwrap_err(),
        CmsError::Recipient
    );
}

/// Answers as a key would whose padding check fails, or that finds a key of wrong length.
struct Oracle(Result<Vec<u8>, KeyError>);

impl Decrypter for Oracle {
    fn decrypt(&self, _: &[u8]) -> Result<SecretBytes, KeyError> {
        self.0.clone().map(SecretBytes::new)
    }
}

#[test]
fn wrong_padding_wrong_length_and_wrong_key_look_the_same() {
    let message = encrypt(BODY, &WORLD.rsa_identity, ContentCipher::Aes128).unwrap();
    let mut opened = 0;
    let answers = [
        Err(KeyError::Decryption),
        Ok(vec![0; 15]),
        Ok(vec![]),
        Ok(vec![0; 17]),
    ];
    for answer in answers.iter().cycle().take(32).chain([&Ok(vec![7; 16])]) {
        match decrypt(
            &message,
            &WORLD.rsa_identity,
            &Oracle(answer.clone()),
            Legacy::Accept,
        ) {
            // Garbage has right padding about once in 256 times, like any wrong key.
            Ok(decrypted) => {
                assert_ne!(decrypted.content.expose(), BODY);
                opened += 1;
            }
            Err(error) => assert_eq!(error, CmsError::Decryption),
        }
    }
    assert!(
        opened < 6,
        "random keys almost never give right padding: {opened}"
    );

    // Changing the ciphertext of the content gives the same error again, whichever byte.
    for back in 1..=32 {
        let mut changed = message.clone();
        let at = changed.len() - back;
        changed[at] ^= 0x40;
        match decrypt(&changed, &WORLD.rsa_identity, &WORLD.rsa, Legacy::Accept) {
            Ok(decrypted) => assert_ne!(decrypted.content.expose(), BODY),
            Err(error) => assert_eq!(error, CmsError::Decryption),
        }
    }
}

#[test]
fn signers_may_live_elsewhere() {
    /// Stands for a key behind PKCS#11.
    struct Remote;
    impl Signer for Remote {
        fn spki(&self) -> &[u8] {
            WORLD.rsa.spki()
        }
        fn signature_algorithm(&self) -> pki::keys::SignatureAlgorithm {
            WORLD.rsa.signature_algorithm()
        }
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
            if message.is_empty() {
                Err(KeyError::Operation)
            } else {
                WORLD.rsa.sign(message)
            }
        }
    }
    let message = sign(BODY, &WORLD.rsa_identity, &Remote, &[], NOW).unwrap();
    assert!(verify_signed_data(&message, None, &Limits::default()).is_ok());
}
