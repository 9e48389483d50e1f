use pki::{
    AlternativeName, KeyError, Legacy,
    csr::{CertificateRequest, CsrError, RequestOptions, create},
};

use crate::support::{Bench, WORLD, named};

#[test]
fn openssl_reads_and_verifies_our_requests() {
    let names = [AlternativeName::Dns("push.example.org".into())];
    let options = RequestOptions {
        challenge_password: Some("s3cret"),
        alternative_names: &names,
    };
    for key in [&WORLD.rsa, &WORLD.p256] {
        let der = create(&named("push"), key, &options).unwrap();
        let bench = Bench::new();
        bench.write("request.der", &der);
        let text = bench.openssl("req -inform DER -in request.der -verify -noout -text");
        assert!(text.contains("verify OK"), "{text}");
        assert!(
            text.contains("DNS:push.example.org") && text.contains("s3cret"),
            "{text}"
        );

        let again = CertificateRequest::from_der(&der).unwrap();
        again.verify_possession(Legacy::Refuse).unwrap();
        assert_eq!(again.alternative_names(), names);
        assert_eq!(again.challenge_password().unwrap().expose(), "s3cret");
        assert_eq!(again.subject(), &named("push"));
    }
    let plain = create(&named("push"), &WORLD.p256, &RequestOptions::default()).unwrap();
    assert!(
        CertificateRequest::from_der(&plain)
            .unwrap()
            .challenge_password()
            .is_none()
    );
}

#[test]
fn requests_signed_with_sha1_need_the_legacy_switch() {
    let bench = Bench::new();
    bench.write(
        "req.cnf",
        "[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\nreq_extensions=ext\n\
         [dn]\nCN=device\nO=Example\n[at]\nchallengePassword=one-time\n\
         [ext]\nsubjectAltName=email:a@example.org,DNS:b.example.org\n",
    );
    bench.openssl(
        "req -new -newkey rsa:2048 -nodes -keyout key.pem -sha1 -config req.cnf -out r.pem",
    );
    let text = String::from_utf8(bench.read("r.pem")).unwrap();
    let request = CertificateRequest::from_pem(&text).unwrap();
    assert_eq!(request.challenge_password().unwrap().expose(), "one-time");
    assert_eq!(request.alternative_names().len(), 2);
    assert_eq!(request.subject().common_name(), Some("device"));
    request.verify_possession(Legacy::Accept).unwrap();
    assert_eq!(
        request.verify_possession(Legacy::Refuse),
        Err(CsrError::Key(KeyError::Algorithm))
    );
}

#[test]
fn requests_without_proof_of_possession_are_refused() {
    let der = create(&named("device"), &WORLD.p256, &RequestOptions::default()).unwrap();
    let position = der.windows(6).position(|w| w == b"device").unwrap();
    let mut changed = der.clone();
    changed[position] = b'D';
    let request = CertificateRequest::from_der(&changed).unwrap();
    assert_eq!(
        request.verify_possession(Legacy::Accept),
        Err(CsrError::Key(KeyError::Signature))
    );
    let bench = Bench::new();
    bench.openssl("req -new -newkey rsa:2048 -nodes -keyout key.pem -md5 -subj /CN=x -out r.pem");
    let text = String::from_utf8(bench.read("r.pem")).unwrap();
    let md5 = CertificateRequest::from_pem(&text).unwrap();
    assert_eq!(
        md5.verify_possession(Legacy::Accept),
        Err(CsrError::Key(KeyError::Algorithm)),
        "MD5 is refused whatever the switch says"
    );
}
