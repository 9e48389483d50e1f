//! The certificates of the scripted server, its SCEP service and the profiles it hands out.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use simulator::{
    cms::{Attribute, Form, SignedData, Signing, certificates_only, decrypt, encrypt},
    csr, der, dict,
    keys::{Algorithm, Key},
    plist::{Dictionary, Value},
    x509::{self, Certificate, Template, attribute, usage},
};

use crate::server::Script;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555";

pub(crate) struct Authority {
    pub(crate) ca_key: Key,
    pub(crate) ca: Certificate,
    pub(crate) ra_key: Key,
    pub(crate) ra: Certificate,
}

pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

fn template(key: &Key, cn: &str, serial: u8, extensions: Vec<Vec<u8>>) -> Template {
    let subject = x509::name(&[(attribute::CN, cn)]);
    let spki = key.spki().to_vec();
    Template {
        serial: vec![serial],
        subject,
        not_before: now() - 60,
        not_after: now() + 86_400,
        spki,
        extensions,
    }
}

impl Authority {
    pub(crate) fn make() -> Self {
        let ca_key = Key::generate(Algorithm::P256).unwrap();
        let extensions = vec![
            x509::certificate_authority(),
            x509::key_usage(usage::KEY_CERT_SIGN),
        ];
        let ca = template(&ca_key, "Test CA", 1, extensions);
        let ca = ca.sign(&ca.subject, &ca_key).unwrap();
        let ra_key = Key::generate(Algorithm::Rsa2048).unwrap();
        let extensions = vec![x509::key_usage(
            usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT,
        )];
        let ra = template(&ra_key, "Test RA", 2, extensions)
            .sign(&ca.subject, &ca_key)
            .unwrap();
        Self {
            ca_key,
            ca,
            ra_key,
            ra,
        }
    }

    pub(crate) fn operate(&self, message: &[u8], script: &mut Script) -> Vec<u8> {
        let signed = SignedData::parse(message).unwrap();
        let request = signed.verify(None).unwrap();
        let text = |id: &str| String::from_utf8(request.attribute(id).unwrap().to_vec()).unwrap();
        let message_type = text("2.16.840.1.113733.1.9.2");
        script.scep_types.push(message_type.clone());
        let transaction = text("2.16.840.1.113733.1.9.7");
        let mut nonce = request
            .attribute("2.16.840.1.113733.1.9.5")
            .unwrap()
            .to_vec();
        if script.wrong_nonce {
            nonce[0] ^= 1;
        }
        let (inner, cipher) =
            decrypt(signed.content.as_deref().unwrap(), &self.ra_key, &self.ra).unwrap();
        let wanted = csr::read(&inner).unwrap();
        match message_type.as_str() {
            "19" => assert_eq!(wanted.challenge.as_deref(), Some("s3cret")),
            "17" => assert!(
                request.signer.issued_by(&self.ca).is_ok(),
                "renewals are signed by an identity of ours"
            ),
            other => panic!("message type {other}"),
        }
        let attribute = |id, value| Attribute { id, value };
        let mut attributes = vec![
            attribute("2.16.840.1.113733.1.9.2", der::printable("3")),
            attribute("2.16.840.1.113733.1.9.7", der::printable(&transaction)),
            attribute("2.16.840.1.113733.1.9.6", der::octets(&nonce)),
        ];
        let content = if script.scep_failure {
            attributes.push(attribute("2.16.840.1.113733.1.9.3", der::printable("2")));
            attributes.push(attribute("2.16.840.1.113733.1.9.4", der::printable("2")));
            Vec::new()
        } else {
            attributes.push(attribute("2.16.840.1.113733.1.9.3", der::printable("0")));
            let serial = 10 + script.scep_types.len() as u8;
            let leaf = Template {
                serial: vec![serial],
                subject: wanted.subject,
                not_before: now() - 60,
                not_after: now() + 86_400,
                spki: wanted.spki,
                extensions: vec![x509::key_usage(
                    usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT,
                )],
            };
            let leaf = leaf.sign(&self.ca.subject, &self.ca_key).unwrap();
            encrypt(
                &certificates_only(&[leaf, self.ca.clone()]),
                &request.signer,
                cipher,
            )
            .unwrap()
        };
        let signing = Signing {
            attributes,
            ..Signing::new(&self.ra_key, &self.ra, now())
        };
        signing
            .sign(
                &content,
                Form {
                    attached: !content.is_empty(),
                    ber: false,
                },
            )
            .unwrap()
    }
}

pub(crate) fn profile(url: &str, sign_message: bool) -> Dictionary {
    let scep = dict! {
        "PayloadType" => "com.apple.security.scep", "PayloadVersion" => 1_i64,
        "PayloadIdentifier" => "test.scep", "PayloadUUID" => "SCEP-UUID",
        "PayloadContent" => dict! {
            "URL" => format!("{url}/scep"), "Challenge" => "s3cret", "Keysize" => 2048_i64, "Key Type" => "RSA",
            "Key Usage" => 5_i64, "Name" => "Test CA",
            "Subject" => vec![
                Value::from(vec![Value::from(vec![Value::from("O"), Value::from("Test")])]),
                Value::from(vec![Value::from(vec![Value::from("CN"), Value::from("device identity")])]),
            ],
        },
    };
    let capabilities = [
        "com.apple.mdm.per-user-connections",
        "com.apple.mdm.bootstraptoken",
        "com.apple.mdm.token",
    ]
    .map(Value::from)
    .to_vec();
    let mdm = dict! {
        "PayloadType" => "com.apple.mdm", "PayloadVersion" => 1_i64,
        "PayloadIdentifier" => "test.mdm", "PayloadUUID" => "MDM-UUID",
        "IdentityCertificateUUID" => "SCEP-UUID", "Topic" => TOPIC,
        "ServerURL" => format!("{url}/mdm"), "CheckInURL" => format!("{url}/checkin"),
        "SignMessage" => sign_message, "CheckOutWhenRemoved" => true, "AccessRights" => 8191_i64,
        "ServerCapabilities" => capabilities,
    };
    dict! {
        "PayloadType" => "Configuration", "PayloadVersion" => 1_i64, "PayloadIdentifier" => "test.enrollment",
        "PayloadUUID" => "PROFILE-UUID", "PayloadContent" => vec![Value::from(scep), Value::from(mdm)],
    }
}

/// A profile with one payload of any type.
pub(crate) fn simple_profile(identifier: &str, payload: Dictionary) -> Dictionary {
    let mut inner = dict! { "PayloadVersion" => 1_i64, "PayloadIdentifier" => format!("{identifier}.1"), "PayloadUUID" => format!("{identifier}-A") };
    inner.extend(payload);
    dict! {
        "PayloadType" => "Configuration", "PayloadVersion" => 1_i64, "PayloadIdentifier" => identifier,
        "PayloadUUID" => format!("{identifier}-UUID"), "PayloadContent" => vec![Value::from(inner)],
    }
}

pub(crate) fn acceptor(authority: &Authority) -> tokio_rustls::TlsAcceptor {
    let key = Key::generate(Algorithm::P256).unwrap();
    let names = x509::alternative_names(&[der::implicit(7, &[127, 0, 0, 1])]);
    let extensions = vec![x509::key_usage(usage::DIGITAL_SIGNATURE), names];
    let certificate = template(&key, "localhost", 3, extensions)
        .sign(&authority.ca.subject, &authority.ca_key)
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.ca.der.clone()))
        .unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        provider.clone(),
    )
    .allow_unauthenticated()
    .build()
    .unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from(certificate.der)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec())),
        )
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}
