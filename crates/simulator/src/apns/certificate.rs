//! Throw-away certificates: a CA, a server and push certificates below it.

use crate::{
    Error, Result,
    der::implicit,
    keys::{Algorithm, Key},
    random::secret,
    x509::{
        Certificate, Template, alternative_names, attribute, certificate_authority,
        extended_key_usage, key_usage, name, usage,
    },
};

const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// A push certificate as Apple's portal would give it: topic in the subject's UID.
#[derive(Debug, Clone)]
pub struct PushCertificate {
    /// The push topic.
    pub topic: String,
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub key: Key,
}

impl PushCertificate {
    /// Certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.certificate.to_pem()
    }

    /// Key as PKCS#8 PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.pkcs8_pem()
    }
}

/// A CA that lives as long as the stand-in.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) certificate: Certificate,
    key: Key,
}

impl Authority {
    pub(super) fn make(now: i64) -> Result<Self> {
        let key = Key::generate(Algorithm::P256)?;
        let subject = name(&[
            (attribute::O, "Stand-in"),
            (attribute::CN, "Push Stand-in CA"),
        ]);
        let template = Template {
            serial: serial(),
            subject: subject.clone(),
            not_before: now - 3600,
            not_after: now + 30 * 86_400,
            spki: key.spki().to_vec(),
            extensions: vec![
                certificate_authority(),
                key_usage(usage::KEY_CERT_SIGN | usage::CRL_SIGN),
            ],
        };
        Ok(Self {
            certificate: template.sign(&subject, &key)?,
            key,
        })
    }

    /// A server certificate for `localhost` and `127.0.0.1`.
    pub(super) fn server(&self, now: i64) -> Result<(Certificate, Key)> {
        let key = Key::generate(Algorithm::P256)?;
        let template = Template {
            serial: serial(),
            subject: name(&[(attribute::CN, "localhost")]),
            not_before: now - 3600,
            not_after: now + 30 * 86_400,
            spki: key.spki().to_vec(),
            extensions: vec![
                key_usage(usage::DIGITAL_SIGNATURE),
                extended_key_usage(&[SERVER_AUTH]),
                alternative_names(&[implicit(2, b"localhost"), implicit(7, &[127, 0, 0, 1])]),
            ],
        };
        Ok((template.sign(&self.certificate.subject, &self.key)?, key))
    }

    pub(super) fn push(
        &self,
        topic: &str,
        not_before: i64,
        not_after: i64,
    ) -> Result<PushCertificate> {
        if !topic.starts_with("com.apple.mgmt.") {
            return Err(Error::Certificate(format!("{topic} is no push topic")));
        }
        let key = Key::generate(Algorithm::Rsa2048)?;
        let template = Template {
            serial: serial(),
            subject: name(&[
                (attribute::UID, topic),
                (
                    attribute::CN,
                    &format!("APSP:{}", topic.rsplit('.').next().unwrap_or(topic)),
                ),
                (attribute::C, "GB"),
            ]),
            not_before,
            not_after,
            spki: key.spki().to_vec(),
            extensions: vec![
                key_usage(usage::DIGITAL_SIGNATURE),
                extended_key_usage(&[CLIENT_AUTH]),
            ],
        };
        let certificate = template.sign(&self.certificate.subject, &self.key)?;
        Ok(PushCertificate {
            topic: topic.to_owned(),
            certificate,
            key,
        })
    }
}

fn serial() -> Vec<u8> {
    let mut serial: [u8; 16] = secret();
    serial[0] = (serial[0] & 0x7f) | 0x40;
    serial.to_vec()
}
