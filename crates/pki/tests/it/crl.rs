use pki::{
    Certificate, CertificateError, Legacy, RevocationReason, Revoked,
    crl::{Crl, Issue, build},
};

use crate::support::{Bench, DAY, NOW, WORLD};

const REASONS: [Option<RevocationReason>; 3] = [
    None,
    Some(RevocationReason::KeyCompromise),
    Some(RevocationReason::CessationOfOperation),
];

fn issue(number: u64) -> Issue {
    Issue {
        number,
        this_update: NOW,
        next_update: NOW.plus(DAY * 7),
    }
}

#[test]
fn openssl_refuses_a_revoked_certificate_by_our_list() {
    let bench = Bench::with_world();
    let revoked = Revoked {
        serial: WORLD.rsa_identity.serial().to_vec(),
        at: NOW,
        reason: Some(RevocationReason::KeyCompromise),
    };
    let list = build(&WORLD.issuing, &issue(258), &[revoked]).unwrap();
    bench.write("list.crl", &list);
    bench.openssl("crl -inform DER -in list.crl -out list.pem");
    let text = bench.openssl("crl -in list.pem -noout -text -CAfile issuing.pem");
    for expected in [
        "verify OK",
        "Version 2",
        "258",
        "Key Compromise",
        "Authority Key Identifier",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    bench.write(
        "chain.pem",
        [bench.read("root.pem"), bench.read("issuing.pem")].concat(),
    );
    let verify = |name: &str| {
        bench.try_openssl(&format!(
            "verify -attime {} -crl_check -CAfile chain.pem -CRLfile list.pem {name}.pem",
            NOW.seconds()
        ))
    };
    assert!(verify("rsa").unwrap_err().contains("certificate revoked"));
    assert!(verify("p256").is_ok());
}

#[test]
fn lists_come_back_as_they_were_made() {
    for entries in [0, 1, 300] {
        let revoked: Vec<Revoked> = (0..entries)
            .map(|n: u16| Revoked {
                serial: [&[0x41], &n.to_be_bytes()[..]].concat(),
                at: NOW.minus(DAY * u32::from(n)),
                reason: REASONS[usize::from(n) % 3],
            })
            .collect();
        let der = build(&WORLD.issuing, &issue(7), &revoked).unwrap();
        let list = Crl::from_der(&der).unwrap();
        assert_eq!(list.revoked(), revoked);
        assert_eq!(list.number(), Some(&[7][..]));
        assert_eq!(
            (list.this_update(), list.next_update()),
            (NOW, Some(NOW.plus(DAY * 7)))
        );
        list.verify(WORLD.issuing.certificate(), Legacy::Refuse)
            .unwrap();
        assert!(matches!(
            list.verify(WORLD.root.certificate(), Legacy::Refuse),
            Err(CertificateError::NotAnIssuer(_))
        ));
        let theirs: x509_cert::crl::CertificateList =
            x509_cert::der::Decode::from_der(&der).unwrap();
        let count = theirs
            .tbs_cert_list
            .revoked_certificates
            .map(|list| list.len());
        assert_eq!(count, (entries > 0).then_some(usize::from(entries)));
    }
}

#[test]
fn a_hundred_thousand_entries_fit() {
    let revoked: Vec<Revoked> = (0..100_000_u32)
        .map(|n| Revoked {
            serial: [&[0x40], &n.to_be_bytes()[..]].concat(),
            at: NOW,
            reason: Some(RevocationReason::Superseded),
        })
        .collect();
    let der = build(&WORLD.issuing, &issue(1), &revoked).unwrap();
    assert_eq!(Crl::from_der(&der).unwrap().revoked().len(), 100_000);
}

#[test]
fn a_list_by_openssl_is_read_and_a_changed_one_refused() {
    let bench = Bench::new();
    bench.openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca");
    bench.write(
        "index.txt",
        "R\t300101000000Z\t260101000000Z,superseded\t0A\tunknown\t/CN=a\n",
    );
    bench.write("number", "1F\n");
    bench.write(
        "ca.cnf",
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n\
         default_crl_days=5\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n",
    );
    bench.openssl("ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out list.pem");
    bench.openssl("crl -in list.pem -outform DER -out list.der");
    let mut der = bench.read("list.der");
    let list = Crl::from_der(&der).unwrap();
    assert_eq!(list.number(), Some(&[0x1f][..]));
    let entry = Revoked {
        serial: vec![0x0a],
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        reason: Some(RevocationReason::Superseded),
    };
    assert_eq!(list.revoked(), [entry]);
    let ca = Certificate::from_pem(&String::from_utf8(bench.read("ca.pem")).unwrap()).unwrap();
    list.verify(&ca, Legacy::Refuse).unwrap();

    let at = der
        .windows(4)
        .position(|w| w == [0x02, 0x01, 0x0a, 0x17])
        .unwrap();
    der[at + 2] = 0x0b;
    assert!(
        Crl::from_der(&der)
            .unwrap()
            .verify(&ca, Legacy::Refuse)
            .is_err()
    );
}
