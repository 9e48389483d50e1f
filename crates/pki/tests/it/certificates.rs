use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use domain::Timestamp;
use pki::{
    AlternativeName, Certificate, CertificateError, ChainPolicy, KeyAlgorithm, KeyPair, Legacy,
    Name, Signer, attribute,
    ca::{Authority, CaError, LeafProfile, LeafRequest, Urls, create_root, device_subject},
    purpose, verify_chain,
};
use x509_cert::der::{Decode as _, Encode as _};

use crate::support::{Bench, DAY, NOW, WORLD, issuing_under, leaf, named};

#[test]
fn openssl_accepts_every_profile_under_each_kind_of_issuing_ca() {
    let rsa_issuing = issuing_under(&WORLD.root, KeyAlgorithm::Rsa3072);
    for issuing in [&WORLD.issuing, &rsa_issuing] {
        let bench = Bench::with_world();
        bench.write("issuing.pem", issuing.certificate().to_pem());
        for (profile, openssl_purpose) in [
            (LeafProfile::DeviceIdentity, "sslclient"),
            (LeafProfile::ScepRa, "any"),
            (LeafProfile::ProfileSigner, "smimesign"),
            (LeafProfile::OcspResponder, "ocsphelper"),
            (LeafProfile::TlsServer, "sslserver"),
            (LeafProfile::PushClient, "sslclient"),
        ] {
            bench.write(
                "leaf.pem",
                leaf(issuing, profile, &WORLD.rsa, "leaf").to_pem(),
            );
            bench.openssl(&format!(
                "verify -x509_strict -attime {} -purpose {openssl_purpose} -CAfile root.pem \
                 -untrusted issuing.pem leaf.pem",
                NOW.seconds()
            ));
        }
    }
}

#[test]
fn issued_certificates_carry_names_and_revocation_urls() {
    let names = [
        AlternativeName::Dns("mdm.example.org".into()),
        AlternativeName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        AlternativeName::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let urls = Urls {
        crl: Some("http://mdm.example.org/pki/crl/1.crl".into()),
        ocsp: Some("http://mdm.example.org/pki/ocsp".into()),
    };
    let request = LeafRequest {
        profile: LeafProfile::TlsServer,
        subject: &Name::builder().build(),
        spki: WORLD.p256.spki(),
        valid_for: DAY,
        alternative_names: &names,
        urls: &urls,
    };
    let certificate = WORLD.issuing.issue(&request, NOW).unwrap();
    assert_eq!(certificate.alternative_names(), names);
    assert_eq!(certificate.not_after(), NOW.plus(DAY));
    assert_eq!(
        certificate.extended_key_usage(),
        Some(&[purpose::SERVER_AUTH][..])
    );
    assert_eq!(
        certificate.authority_key_id(),
        WORLD.issuing.certificate().subject_key_id(),
        "leads to the issuer"
    );

    let bench = Bench::new();
    bench.write("leaf.pem", certificate.to_pem());
    let text = bench.openssl("x509 -in leaf.pem -noout -text");
    for expected in [
        "URI:http://mdm.example.org/pki/crl/1.crl",
        "OCSP - URI:http://mdm.example.org/pki/ocsp",
        "Subject Alternative Name: critical",
        "DNS:mdm.example.org, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
        "Digital Signature",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(
        !text.contains("Key Encipherment"),
        "an EC key receives no keys"
    );
}

#[test]
fn serial_numbers_are_random_positive_and_long() {
    let one = leaf(&WORLD.issuing, LeafProfile::PushClient, &WORLD.p256, "a");
    let two = leaf(&WORLD.issuing, LeafProfile::PushClient, &WORLD.p256, "a");
    assert_ne!(one.serial(), two.serial());
    for certificate in [one, two] {
        assert_eq!(certificate.serial().len(), 16);
        assert!(certificate.serial()[0] < 0x80);
        assert_eq!(certificate.serial_hex(), hex_of(certificate.serial()));
    }
}

#[test]
fn a_leaf_never_outlives_its_issuer() {
    let end = WORLD.issuing.certificate().not_after();
    let request = |valid_for| LeafRequest {
        profile: LeafProfile::DeviceIdentity,
        subject: &WORLD_NAME,
        spki: WORLD.p256.spki(),
        valid_for,
        alternative_names: &[],
        urls: &NO_URLS,
    };
    let certificate = WORLD.issuing.issue(&request(DAY * 36_500), NOW).unwrap();
    assert_eq!(certificate.not_after(), end);
    assert!(certificate.not_before() < NOW, "backdated for slow clocks");
    let late = end.plus(DAY);
    assert_eq!(
        WORLD.issuing.issue(&request(DAY), late).unwrap_err(),
        CaError::Validity
    );
    assert_eq!(
        WORLD
            .issuing
            .issue(&request(Duration::ZERO), NOW)
            .unwrap_err(),
        CaError::Validity
    );
}

static WORLD_NAME: std::sync::LazyLock<Name> = std::sync::LazyLock::new(|| named("device"));
static NO_URLS: Urls = Urls {
    crl: None,
    ocsp: None,
};

#[test]
fn authorities_keep_to_their_limits() {
    let issuing = &WORLD.issuing;
    let key = WORLD.p256.spki();
    assert_eq!(
        issuing
            .create_issuing(&named("Sub"), key, &NO_URLS, NOW)
            .unwrap_err(),
        CaError::NotAnAuthority
    );
    let other_key = Arc::new(WORLD.p256.clone());
    assert_eq!(
        Authority::new(issuing.certificate().clone(), other_key.clone()).unwrap_err(),
        CaError::Mismatch
    );
    assert_eq!(
        Authority::new(WORLD.p256_identity.clone(), other_key).unwrap_err(),
        CaError::NotAnAuthority
    );
    let ra = LeafRequest {
        profile: LeafProfile::ScepRa,
        subject: &WORLD_NAME,
        spki: key,
        valid_for: DAY,
        alternative_names: &[],
        urls: &NO_URLS,
    };
    assert_eq!(
        issuing.issue(&ra, NOW).unwrap_err(),
        CaError::WeakKey,
        "SCEP encrypts to RSA"
    );

    let bench = Bench::new();
    bench.openssl("genrsa -out key.pem 1024");
    bench.openssl("pkey -in key.pem -pubout -outform DER -out public.der");
    let short = bench.read("public.der");
    let weak = LeafRequest {
        profile: LeafProfile::DeviceIdentity,
        spki: &short,
        ..ra
    };
    assert_eq!(issuing.issue(&weak, NOW).unwrap_err(), CaError::WeakKey);
}

#[test]
fn device_subjects_keep_only_permitted_attributes() {
    let requested = Name::builder()
        .country("CH")
        .attribute(attribute::ORGANIZATIONAL_UNIT, "Pupils")
        .attribute(attribute::ORGANIZATION, "x".repeat(65))
        .attribute(attribute::EMAIL, "a@example.org")
        .attribute(attribute::USER_ID, "com.example.topic")
        .common_name("administrator")
        .build();
    let subject = device_subject(&requested, "9f3c");
    assert_eq!(subject.to_string(), "CN=9f3c,OU=Pupils,C=CH");
    assert_eq!(Name::from_der(subject.der()).unwrap(), subject);
}

#[test]
fn a_certificate_by_openssl_is_read_as_x509_cert_reads_it() {
    let bench = Bench::new();
    bench.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj \
         /UID=com.apple.mgmt.External.1/CN=APSP:1/C=US -addext keyUsage=digitalSignature \
         -addext extendedKeyUsage=clientAuth,1.2.3.4 \
         -addext subjectAltName=DNS:a.example,email:b@c.example,URI:urn:x,IP:::1,RID:1.2.3",
    );
    let pem = String::from_utf8(bench.read("cert.pem")).unwrap();
    let ours = Certificate::from_pem(&pem).unwrap();
    let theirs = x509_cert::Certificate::from_der(ours.der()).unwrap();
    let tbs = theirs.tbs_certificate();
    assert_eq!(ours.serial(), tbs.serial_number().as_bytes());
    assert_eq!(ours.subject().der(), tbs.subject().to_der().unwrap());
    assert_eq!(ours.spki(), tbs.subject_public_key_info().to_der().unwrap());
    let seconds = |time: &x509_cert::time::Time| {
        Timestamp::from_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap())
    };
    assert_eq!(ours.not_before(), seconds(&tbs.validity().not_before));
    assert_eq!(ours.not_after(), seconds(&tbs.validity().not_after));

    assert_eq!(ours.subject().user_id(), Some("com.apple.mgmt.External.1"));
    assert_eq!(ours.subject().common_name(), Some("APSP:1"));
    assert!(ours.key_usage().unwrap().digital_signature());
    assert!(!ours.key_usage().unwrap().key_cert_sign());
    assert_eq!(ours.extended_key_usage().unwrap().len(), 2);
    assert_eq!(
        ours.alternative_names().len(),
        4,
        "the registered id is skipped"
    );
    assert!(ours.is_ca(), "openssl's default for req -x509");
    let said = bench.openssl("x509 -in cert.pem -noout -fingerprint -sha256");
    let printed: String = said
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    assert_eq!(hex_of(&ours.fingerprint()), printed);
    assert_eq!(Certificate::from_pem(&ours.to_pem()).unwrap(), ours);
    ours.verify_signature(ours.spki(), Legacy::Refuse).unwrap();
}

#[test]
fn years_from_2050_are_written_and_read_as_generalized_time() {
    let key = &WORLD.p256;
    let late: Timestamp = "2045-06-01T00:00:00Z".parse().unwrap();
    let root = create_root(&named("Late Root"), key, late).unwrap();
    assert!(
        root.not_after().to_string().starts_with("2065-"),
        "{}",
        root.not_after()
    );
    let bench = Bench::new();
    bench.write("root.pem", root.to_pem());
    assert!(
        bench
            .openssl("x509 -in root.pem -noout -enddate")
            .contains("2065")
    );
}

#[test]
fn chains_lead_to_the_anchor_or_say_why_not() {
    let device = &WORLD.rsa_identity;
    let issuing = WORLD.issuing.certificate().clone();
    let root = WORLD.root.certificate().clone();
    let policy = ChainPolicy {
        purpose: Some(purpose::CLIENT_AUTH),
        ..ChainPolicy::default()
    };
    let check = |middle: &[Certificate], anchors: &[Certificate], now, policy: &ChainPolicy| {
        verify_chain(device, middle, anchors, now, policy)
    };

    let path = check(
        std::slice::from_ref(&issuing),
        std::slice::from_ref(&root),
        NOW,
        &policy,
    );
    assert_eq!(
        path.unwrap(),
        [device.clone(), issuing.clone(), root.clone()]
    );
    // An intermediate can be the anchor, and so can the certificate itself (pinning).
    let path = check(&[], std::slice::from_ref(&issuing), NOW, &policy);
    assert_eq!(path.unwrap().len(), 2);
    assert!(check(&[], std::slice::from_ref(device), NOW, &policy).is_ok());

    assert!(matches!(
        check(&[], std::slice::from_ref(&root), NOW, &policy),
        Err(CertificateError::Untrusted(_))
    ));
    let stranger_key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let stranger = create_root(issuing.subject(), &stranger_key, NOW).unwrap();
    assert!(matches!(
        check(&[], &[stranger], NOW, &policy),
        Err(CertificateError::Signature(_))
    ));
    let server = ChainPolicy {
        purpose: Some(purpose::SERVER_AUTH),
        ..policy.clone()
    };
    assert!(matches!(
        check(&[], std::slice::from_ref(&issuing), NOW, &server),
        Err(CertificateError::Purpose)
    ));
}

#[test]
fn validity_honours_the_clock_skew() {
    let device = &WORLD.rsa_identity;
    let anchors = [WORLD.issuing.certificate().clone()];
    let check = |now, policy: &ChainPolicy| verify_chain(device, &[], &anchors, now, policy);
    let policy = ChainPolicy {
        clock_skew: Duration::from_secs(60),
        ..ChainPolicy::default()
    };
    let (start, end) = (device.not_before(), device.not_after());
    let second = Duration::from_secs(1);
    // The issuer starts at the same moment as the device, so both ends are tested on both.
    assert!(check(start.minus(second * 60), &policy).is_ok());
    assert!(matches!(
        check(start.minus(second * 61), &policy),
        Err(CertificateError::NotYetValid { .. })
    ));
    assert!(check(end.plus(second * 60), &policy).is_ok());
    let late = end.plus(second * 61);
    assert!(matches!(
        check(late, &policy),
        Err(CertificateError::Expired { .. })
    ));
    let renewal = ChainPolicy {
        accept_expired_leaf: true,
        ..policy
    };
    assert!(
        check(late, &renewal).is_ok(),
        "an expired identity may still renew"
    );
    let too_late = WORLD.issuing.certificate().not_after().plus(DAY);
    assert!(
        check(too_late, &renewal).is_err(),
        "but not under an expired issuer"
    );
}

#[test]
fn only_authorities_within_their_path_length_issue() {
    // A device that signs a certificate for someone else.
    let device_key: Arc<dyn Signer> = Arc::new(WORLD.p256.clone());
    let bench = Bench::with_world();
    bench.openssl("req -new -newkey rsa:2048 -nodes -keyout k.pem -out r.pem -subj /CN=forged");
    bench.openssl("x509 -req -in r.pem -CA p256.pem -CAkey p256.key -set_serial 5 -out forged.pem");
    let forged =
        Certificate::from_pem(&String::from_utf8(bench.read("forged.pem")).unwrap()).unwrap();
    forged
        .verify_signature(device_key.spki(), Legacy::Refuse)
        .expect("a right signature");
    let middle = [
        WORLD.p256_identity.clone(),
        WORLD.issuing.certificate().clone(),
    ];
    let anchors = [WORLD.root.certificate().clone()];
    let policy = ChainPolicy {
        clock_skew: DAY * 4000,
        ..ChainPolicy::default()
    };
    assert!(matches!(
        verify_chain(&forged, &middle, &anchors, NOW, &policy),
        Err(CertificateError::NotAnIssuer(_))
    ));

    // A second CA below one whose path length is 0.
    bench.write("issuing.key", "");
    let top_key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    bench.write("top.key", crate::support::key_pem(&top_key));
    let ext = "basicConstraints=critical,CA:TRUE,pathlen:0";
    bench.openssl(&format!(
        "req -x509 -key top.key -out top.pem -subj /CN=top -addext {ext}"
    ));
    bench.openssl("req -new -newkey rsa:2048 -nodes -keyout sub.key -out sub.csr -subj /CN=sub");
    bench.write("ca.ext", "basicConstraints=critical,CA:TRUE\n");
    bench.openssl("x509 -req -in sub.csr -CA top.pem -CAkey top.key -set_serial 1 -extfile ca.ext -out sub.pem");
    bench.openssl("x509 -req -in r.pem -CA sub.pem -CAkey sub.key -set_serial 2 -out leaf.pem");
    let read =
        |name: &str| Certificate::from_pem(&String::from_utf8(bench.read(name)).unwrap()).unwrap();
    let (top, sub, leaf) = (read("top.pem"), read("sub.pem"), read("leaf.pem"));
    assert!(verify_chain(&sub, &[], std::slice::from_ref(&top), NOW, &policy).is_ok());
    assert!(matches!(
        verify_chain(&leaf, &[sub], &[top], NOW, &policy),
        Err(CertificateError::NotAnIssuer(_))
    ));
}

#[test]
fn unknown_critical_extensions_are_refused() {
    let bench = Bench::new();
    bench.openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=x \
         -addext 1.2.3.4=critical,DER:0500",
    );
    let certificate =
        Certificate::from_pem(&String::from_utf8(bench.read("cert.pem")).unwrap()).unwrap();
    let policy = ChainPolicy {
        clock_skew: DAY * 4000,
        ..ChainPolicy::default()
    };
    assert!(matches!(
        verify_chain(
            &certificate,
            &[],
            std::slice::from_ref(&certificate),
            NOW,
            &policy
        ),
        Err(CertificateError::CriticalExtension(_))
    ));
}

#[test]
fn a_changed_certificate_no_longer_verifies() {
    let issuing = WORLD.issuing.certificate();
    let original = WORLD.rsa_identity.der();
    let mut refused = 0;
    for index in 0..original.len() {
        let mut der = original.to_vec();
        der[index] ^= 1;
        if let Ok(changed) = Certificate::from_der(&der) {
            assert!(
                changed.verify_issued_by(issuing, Legacy::Refuse).is_err(),
                "byte {index}"
            );
            refused += 1;
        }
    }
    assert!(refused > 100, "most changes still parse: {refused}");
}

#[test]
fn names_are_shown_escaped_and_empty_values_left_out() {
    let name = Name::builder()
        .organization("")
        .common_name("#a, \"b\" +c\\ ")
        .build();
    assert_eq!(name.to_string(), "CN=\\#a\\, \\\"b\\\" \\+c\\\\\\ ");
    assert_eq!(name.attributes().len(), 1);
    assert_eq!(Name::from_der(name.der()).unwrap(), name);
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
