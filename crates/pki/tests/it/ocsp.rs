use std::sync::Arc;

use pki::{
    KeyAlgorithm, KeyPair, RevocationReason,
    ca::LeafProfile,
    ocsp::{CertStatus, OcspError, OcspRequest, Responder},
};

use crate::support::{Bench, DAY, NOW, WORLD, leaf};

fn responder() -> Responder {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let certificate = leaf(&WORLD.issuing, LeafProfile::OcspResponder, &key, "ocsp");
    Responder::new(certificate, Arc::new(key))
}

/// `openssl ocsp` compares the times in a response with its own clock; this lets any pass.
const ANY_TIME: &str = "-validity_period 1000000000";

#[test]
fn openssl_accepts_each_status() {
    let bench = Bench::with_world();
    let responder = responder();
    let revoked = CertStatus::Revoked {
        at: NOW,
        reason: Some(RevocationReason::CessationOfOperation),
    };
    for (status, word) in [
        (CertStatus::Good, "rsa.pem: good"),
        (revoked, "rsa.pem: revoked"),
        (
            CertStatus::Revoked {
                at: NOW,
                reason: None,
            },
            "rsa.pem: revoked",
        ),
        (CertStatus::Unknown, "rsa.pem: unknown"),
    ] {
        for digest in ["", "-sha256 "] {
            bench.openssl(&format!(
                "ocsp -issuer issuing.pem {digest}-cert rsa.pem -reqout request -nonce"
            ));
            let request = OcspRequest::from_der(&bench.read("request")).unwrap();
            assert!(request.has_nonce());
            let [item] = request.items() else {
                panic!("one item")
            };
            assert_eq!(item.serial(), WORLD.rsa_identity.serial());
            assert!(item.is_issued_by(WORLD.issuing.certificate()));
            assert!(!item.is_issued_by(WORLD.root.certificate()));

            let response = responder
                .respond(&request, &[status], NOW, NOW.plus(DAY))
                .unwrap();
            bench.write("response", response);
            let said = bench.openssl(&format!(
                "ocsp -reqin request -respin response -CAfile root.pem \
                 -verify_other issuing.pem {ANY_TIME} -attime {}",
                NOW.seconds()
            ));
            assert!(said.contains("Response verify OK"), "{said}");
            assert!(!said.contains("WARNING"), "the nonce came back: {said}");
            let said = bench.openssl(&format!(
                "ocsp -issuer issuing.pem {digest}-cert rsa.pem -no_nonce -respin response -noverify {ANY_TIME}"
            ));
            assert!(said.contains(word), "{said}");
            if status == revoked {
                assert!(said.contains("cessationOfOperation"), "{said}");
            }
        }
    }
}

#[test]
fn several_certificates_in_one_request_and_get_requests() {
    let bench = Bench::with_world();
    bench
        .openssl("ocsp -issuer issuing.pem -cert rsa.pem -cert p256.pem -no_nonce -reqout request");
    let der = bench.read("request");
    let request = OcspRequest::from_der(&der).unwrap();
    assert!(!request.has_nonce());
    assert_eq!(request.items().len(), 2);
    let response = responder()
        .respond(&request, &[CertStatus::Good], NOW, NOW.plus(DAY))
        .unwrap();
    bench.write("response", response);
    let said = bench.openssl(&format!("ocsp -issuer issuing.pem -cert rsa.pem -cert p256.pem -no_nonce -respin response -noverify {ANY_TIME}"));
    assert!(
        said.contains("rsa.pem: good") && said.contains("p256.pem: unknown"),
        "{said}"
    );

    let path = {
        use ::base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(&der)
    };
    for segment in [
        path.clone(),
        path.trim_end_matches('=').to_owned(),
        path.replace('+', " "),
    ] {
        assert_eq!(
            OcspRequest::from_path(&segment).unwrap().items(),
            request.items()
        );
    }
}

#[test]
fn failures_have_their_own_unsigned_answers() {
    let bench = Bench::with_world();
    let malformed = OcspRequest::from_der(b"nonsense").unwrap_err();
    assert!(OcspRequest::from_path("%%").is_err());
    for (error, word) in [
        (malformed, "malformedrequest"),
        (OcspError::Internal, "internalerror"),
        (OcspError::Unauthorized, "unauthorized"),
    ] {
        bench.write("response", error.response());
        let said = bench.try_openssl("ocsp -respin response -resp_text -noverify");
        let said = said.unwrap_or_else(|said| said);
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn requests_about_too_many_certificates_are_refused() {
    let bench = Bench::with_world();
    let many = " -cert rsa.pem".repeat(33);
    bench.openssl(&format!(
        "ocsp -issuer issuing.pem{many} -no_nonce -reqout request"
    ));
    assert!(matches!(
        OcspRequest::from_der(&bench.read("request")),
        Err(OcspError::Malformed(_))
    ));
}
