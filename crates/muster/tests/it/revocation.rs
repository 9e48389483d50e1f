//! Revocation lists, OCSP and signed profiles, judged by OpenSSL.

use std::path::Path;

use domain::Ownership;
use simulator::{apple::Kind, http::Request};
use store::Certificates as _;

use crate::{
    apple_support::settle,
    installation::Installation,
    scep::{run, with_plain_listener},
};

fn openssl(arguments: &[&str], folder: &Path) -> (bool, String) {
    let (fine, out, text) = run("openssl", "openssl", arguments, folder);
    (fine, format!("{}{text}", String::from_utf8_lossy(&out)))
}

async fn get(there: &Installation, url: &str) -> Vec<u8> {
    let reply = there.client().send(&Request::get(url)).await.unwrap();
    assert_eq!(reply.status, 200, "{url}");
    reply.body.to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssl_believes_list_responder_and_signature() {
    let (there, url) = with_plain_listener().await;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (mut phone, id) = there
        .enrolled(Kind::IPhone, 140, Ownership::Corporate)
        .await;
    let certificate = phone.identity().unwrap().certificate.clone();
    std::fs::write(here.join("leaf.pem"), certificate.to_pem()).unwrap();
    std::fs::write(here.join("root.pem"), &there.ca_pem).unwrap();
    let chain = String::from_utf8(get(&there, &format!("{url}/pki/ca.pem")).await).unwrap();
    let issuing = simulator::x509::Certificate::from_pem(&chain).unwrap()[0].to_pem();
    std::fs::write(here.join("issuing.pem"), issuing).unwrap();

    let verify = [
        "verify",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "issuing.pem",
        "leaf.pem",
    ];
    let (fine, text) = openssl(&verify, here);
    assert!(fine, "{text}");

    let check = async |revoked: bool| {
        let list = get(&there, &format!("{url}/pki/crl/issuing.crl")).await;
        std::fs::write(here.join("list.crl"), list).unwrap();
        let (fine, text) = openssl(
            &[
                "crl",
                "-inform",
                "DER",
                "-in",
                "list.crl",
                "-CAfile",
                "issuing.pem",
                "-noout",
                "-text",
            ],
            here,
        );
        assert!(fine && text.contains("verify OK"), "{text}");
        openssl(
            &[
                "crl", "-inform", "DER", "-in", "list.crl", "-out", "list.pem",
            ],
            here,
        );
        let (fine, text) = openssl(
            &[
                "verify",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "issuing.pem",
                "-crl_check",
                "-CRLfile",
                "list.pem",
                "leaf.pem",
            ],
            here,
        );
        assert_eq!(fine, !revoked, "{text}");
        assert_eq!(text.contains("certificate revoked"), revoked, "{text}");

        let responder = format!("{url}/pki/ocsp");
        let ocsp = [
            "ocsp",
            "-issuer",
            "issuing.pem",
            "-cert",
            "leaf.pem",
            "-url",
            &responder,
            "-CAfile",
            "root.pem",
            "-verify_other",
            "issuing.pem",
        ];
        let owned: Vec<String> = ocsp.iter().map(|&word| word.to_owned()).collect();
        let place = here.to_owned();
        let (fine, text) = tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = owned.iter().map(String::as_str).collect();
            openssl(&words, &place)
        })
        .await
        .unwrap();
        assert!(fine && text.contains("Response verify OK"), "{text}");
        let word = if revoked {
            "leaf.pem: revoked"
        } else {
            "leaf.pem: good"
        };
        assert!(text.contains(word), "{text}");
    };
    check(false).await;

    let profile_url = there.enrollment_url(Ownership::Corporate).await;
    std::fs::write(
        here.join("profile.der"),
        phone.download_profile(&profile_url).await.unwrap(),
    )
    .unwrap();
    for program in ["smime", "cms"] {
        let (fine, text) = openssl(
            &[
                program,
                "-verify",
                "-inform",
                "DER",
                "-in",
                "profile.der",
                "-CAfile",
                "root.pem",
                "-purpose",
                "any",
            ],
            here,
        );
        assert!(fine, "{program}: {text}");
        assert!(text.contains("com.apple.mdm"), "{program}");
    }

    let enrollment = there.living(id).await;
    let rows = there
        .engine()
        .db
        .read(move |tx| Box::pin(async move { tx.certificates_of(enrollment).await }))
        .await
        .unwrap();
    there
        .engine()
        .revoke_certificate(&there.operator(), rows[0].sha256, "stolen")
        .await
        .unwrap();
    check(true).await;
    assert!(phone.connect().await.is_err());
    there.node.stop().await;
}

#[tokio::test]
async fn certificates_of_an_ended_enrollment_are_on_the_list() {
    let there = Installation::start().await;
    let (mut phone, _) = there
        .enrolled(Kind::IPhone, 141, Ownership::Corporate)
        .await;
    settle(&mut phone).await;
    let serial = phone.identity().unwrap().certificate.serial.clone();
    let address = format!("{}/pki/crl/issuing.crl", there.url);
    let listed = |list: &[u8]| list.windows(serial.len()).any(|window| window == serial);
    assert!(!listed(&get(&there, &address).await));
    phone.check_out().await.unwrap();
    assert!(listed(&get(&there, &address).await), "at once");
    assert_eq!(
        there
            .client()
            .send(&Request::get(&format!("{}/pki/crl/other.crl", there.url)))
            .await
            .unwrap()
            .status,
        404
    );
    there.node.stop().await;
}

#[tokio::test]
async fn the_responder_survives_rubbish() {
    let there = Installation::start().await;
    for body in [&b""[..], b"rubbish", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
        let mut request = Request::get(&format!("{}/pki/ocsp", there.url));
        request.method = "POST".parse().unwrap();
        request.body = body.to_vec().into();
        let reply = there.client().send(&request).await.unwrap();
        assert_eq!(reply.status, 200);
        // OCSPResponse with responseStatus malformedRequest (RFC 6960 section 4.2.1).
        assert_eq!(reply.body.as_ref(), [0x30, 0x03, 0x0a, 0x01, 0x01]);
    }
    there.node.stop().await;
}
