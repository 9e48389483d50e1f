//! The SCEP client (RFC 8894): pure message work, and the HTTP exchange around it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;

use super::profile::ScepSettings;
use crate::{
    Error, Result,
    cms::{Attribute, Cipher, Form, SignedData, Signing, decrypt, encrypt},
    csr,
    der::{Element, octets, printable},
    http::{Client, Request},
    keys::{Algorithm, Digest, Key},
    random::secret,
    x509::{self, Certificate, Template, usage},
};

const MESSAGE_TYPE: &str = "2.16.840.1.113733.1.9.2";
const PKI_STATUS: &str = "2.16.840.1.113733.1.9.3";
const FAIL_INFO: &str = "2.16.840.1.113733.1.9.4";
const SENDER_NONCE: &str = "2.16.840.1.113733.1.9.5";
const RECIPIENT_NONCE: &str = "2.16.840.1.113733.1.9.6";
const TRANSACTION_ID: &str = "2.16.840.1.113733.1.9.7";

/// What the service says of itself: capabilities and certificates.
#[derive(Debug, Clone)]
pub struct ScepAuthority {
    capabilities: Vec<String>,
    certificates: Vec<Certificate>,
}

impl ScepAuthority {
    /// Reads the replies to GetCACaps and GetCACert (media type and body).
    ///
    /// # Errors
    /// When the media type does not fit the body, or there is no certificate to encrypt to.
    pub fn read(capabilities: &str, media_type: &str, body: &[u8]) -> Result<Self> {
        let certificates = match media_type {
            "application/x-x509-ca-cert" => vec![Certificate::parse(body)?],
            "application/x-x509-ca-ra-cert" => SignedData::parse(body)?.certificates,
            other => return Err(Error::Scep(format!("GetCACert answered {other:?}"))),
        };
        let capabilities = capabilities
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect();
        let authority = Self {
            capabilities,
            certificates,
        };
        authority.recipient()?;
        Ok(authority)
    }

    /// True when the service lists a capability, in any case.
    #[must_use]
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|own| {
            own.eq_ignore_ascii_case(capability) || own.eq_ignore_ascii_case("SCEPStandard")
        })
    }

    /// The certificates offered.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The certificate requests are encrypted to: one that may encipher keys, registration
    /// authorities before the CA.
    ///
    /// # Errors
    /// When none has an RSA key that may.
    pub fn recipient(&self) -> Result<&Certificate> {
        let fits = |c: &&Certificate| {
            c.key_usage
                .is_none_or(|flags| flags & usage::KEY_ENCIPHERMENT != 0)
                && is_rsa(c)
        };
        self.certificates
            .iter()
            .filter(|c| !c.is_ca)
            .find(fits)
            .or_else(|| self.certificates.iter().find(fits))
            .ok_or_else(|| Error::Scep("no certificate to encrypt to".into()))
    }

    fn check_fingerprint(&self, wanted: &[u8]) -> Result<()> {
        let digest = if wanted.len() == 20 {
            Digest::Sha1
        } else {
            Digest::Sha256
        };
        if self
            .certificates
            .iter()
            .any(|certificate| digest.of(&certificate.der) == wanted)
        {
            Ok(())
        } else {
            Err(Error::Scep(
                "no certificate has the profile's CAFingerprint".into(),
            ))
        }
    }
}

fn is_rsa(certificate: &Certificate) -> bool {
    let algorithm = || {
        Element::only(&certificate.spki)?
            .inside()
            .next()?
            .inside()
            .next()?
            .oid()
    };
    algorithm().is_ok_and(|id| id == "1.2.840.113549.1.1.1")
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ScepRequest<'a> {
    /// From the profile.
    pub settings: &'a ScepSettings,
    /// The key to certify.
    pub key: &'a Key,
    /// The identity to renew: signs the request in place of a challenge.
    pub renews: Option<(&'a Key, &'a Certificate)>,
    /// Signs the request and receives the reply when `key` cannot decrypt, which takes RSA.
    pub transport: Option<&'a Key>,
    /// Seconds since 1970.
    pub now: i64,
}

/// One request under way.
#[derive(Debug)]
pub struct ScepExchange {
    /// The PKIOperation message.
    pub message: Vec<u8>,
    transaction: String,
    nonce: [u8; 16],
    signer_key: Key,
    signer: Certificate,
    wanted_spki: Vec<u8>,
    cipher: Cipher,
}

impl ScepExchange {
    /// Builds the message.
    ///
    /// # Errors
    /// When the service lacks SHA-256, or a key cannot sign.
    pub fn begin(request: &ScepRequest<'_>, authority: &ScepAuthority) -> Result<Self> {
        if !authority.can("SHA-256") {
            return Err(Error::Scep("the service does not offer SHA-256".into()));
        }
        let cipher = if authority.can("AES") {
            Cipher::Aes128
        } else if authority.can("DES3") {
            Cipher::TripleDes
        } else {
            return Err(Error::Scep(
                "the service offers neither AES nor DES3".into(),
            ));
        };
        let pairs: Vec<(&str, &str)> = request
            .settings
            .subject
            .iter()
            .map(|(id, value)| (id.as_str(), value.as_str()))
            .collect();
        let subject = x509::name(&pairs);
        // A renewal is signed by the old identity, if that can decrypt the reply.
        let renews = request
            .renews
            .filter(|(key, _)| key.algorithm() == Algorithm::Rsa2048 && authority.can("Renewal"));
        let usage_flags = [(1, usage::DIGITAL_SIGNATURE), (4, usage::KEY_ENCIPHERMENT)]
            .iter()
            .filter(|(bit, _)| request.settings.key_usage & bit != 0)
            .fold(0, |flags, (_, flag)| flags | flag);
        let extensions = if usage_flags == 0 {
            vec![]
        } else {
            vec![x509::key_usage(usage_flags)]
        };
        let challenge = if renews.is_some() {
            None
        } else {
            request.settings.challenge.as_deref()
        };
        let csr = csr::write(request.key, &subject, challenge, &extensions)?;
        let (signer_key, signer, message_type) = match renews {
            Some((key, certificate)) => (key.clone(), certificate.clone(), "17"),
            None => {
                let key = match (request.key.algorithm(), request.transport) {
                    (Algorithm::Rsa2048, _) => request.key.clone(),
                    (Algorithm::P256, Some(transport)) => transport.clone(),
                    (Algorithm::P256, None) => Key::generate(Algorithm::Rsa2048)?,
                };
                let certificate = self_signed(&key, &subject, request.now)?;
                (key, certificate, "19")
            }
        };
        let nonce: [u8; 16] = secret();
        let transaction =
            hex::encode_upper(Digest::Sha1.of(&[request.key.spki(), &nonce].concat()));
        let attributes = vec![
            Attribute {
                id: MESSAGE_TYPE,
                value: printable(message_type),
            },
            Attribute {
                id: TRANSACTION_ID,
                value: printable(&transaction),
            },
            Attribute {
                id: SENDER_NONCE,
                value: octets(&nonce),
            },
        ];
        let enveloped = encrypt(&csr, authority.recipient()?, cipher)?;
        let signing = Signing {
            attributes,
            ..Signing::new(&signer_key, &signer, request.now)
        };
        let message = signing.sign(
            &enveloped,
            Form {
                attached: true,
                ber: false,
            },
        )?;
        Ok(Self {
            message,
            transaction,
            nonce,
            signer,
            wanted_spki: request.key.spki().to_vec(),
            cipher,
            signer_key,
        })
    }

    /// Reads the CertRep and takes the certificate out of it.
    ///
    /// # Errors
    /// When the signer is not one of the service's certificates, the transaction or nonce is not
    /// this one's, the status is not success, or the certificate is not for the key.
    pub fn finish(&self, reply: &[u8], authority: &ScepAuthority) -> Result<Certificate> {
        let bad = |why: &str| Error::Scep(why.to_owned());
        let signed = SignedData::parse(reply)?;
        // A refusal carries no content; its digest is then over nothing.
        let nothing = signed.content.is_none().then_some(&[][..]);
        let verified = signed.verify(nothing)?;
        if !authority.certificates.contains(&verified.signer) {
            return Err(bad(
                "CertRep is signed by a certificate that GetCACert does not offer",
            ));
        }
        let text = |id: &str| {
            verified
                .attribute(id)
                .and_then(|value| std::str::from_utf8(value).ok())
        };
        if text(MESSAGE_TYPE) != Some("3") {
            return Err(bad("the reply is no CertRep"));
        }
        if text(TRANSACTION_ID) != Some(self.transaction.as_str()) {
            return Err(bad("CertRep of another transaction"));
        }
        if verified.attribute(RECIPIENT_NONCE) != Some(&self.nonce[..]) {
            return Err(bad("CertRep without our nonce"));
        }
        match text(PKI_STATUS) {
            Some("0") => {}
            Some("2") => {
                return Err(bad(&format!(
                    "refused with failInfo {}",
                    text(FAIL_INFO).unwrap_or("missing")
                )));
            }
            Some("3") => return Err(bad("pending, and this client does not poll")),
            other => return Err(bad(&format!("pkiStatus {other:?}"))),
        }
        let content = signed
            .content
            .as_deref()
            .ok_or_else(|| bad("CertRep without content"))?;
        let (inner, cipher) = decrypt(content, &self.signer_key, &self.signer)?;
        if cipher != self.cipher {
            return Err(bad("the reply uses another cipher than the request"));
        }
        SignedData::parse(&inner)?
            .certificates
            .into_iter()
            .find(|certificate| certificate.spki == self.wanted_spki)
            .ok_or_else(|| bad("no certificate for our key"))
    }
}

fn self_signed(key: &Key, subject: &[u8], now: i64) -> Result<Certificate> {
    let serial: [u8; 8] = secret();
    let template = Template {
        serial: serial.to_vec(),
        subject: subject.to_vec(),
        not_before: now - 3600,
        not_after: now + 86_400,
        spki: key.spki().to_vec(),
        extensions: vec![x509::key_usage(
            usage::DIGITAL_SIGNATURE | usage::KEY_ENCIPHERMENT,
        )],
    };
    template.sign(subject, key)
}

/// Asks the service for its capabilities and certificates.
pub(super) async fn discover(
    client: &mut Client,
    settings: &ScepSettings,
) -> Result<ScepAuthority> {
    let url = |operation: &str| {
        format!(
            "{}?operation={operation}&message={}",
            settings.url,
            percent(&settings.name)
        )
    };
    let capabilities = client
        .send(&Request::get(&url("GetCACaps")))
        .await?
        .ok("GetCACaps")?;
    let certificates = client
        .send(&Request::get(&url("GetCACert")))
        .await?
        .ok("GetCACert")?;
    let authority = ScepAuthority::read(
        &String::from_utf8_lossy(&capabilities.body),
        &certificates.media_type(),
        &certificates.body,
    )?;
    if let Some(wanted) = &settings.ca_fingerprint {
        authority.check_fingerprint(wanted)?;
    }
    Ok(authority)
}

/// Obtains a certificate, by POST when the service allows it.
pub(super) async fn obtain(
    client: &mut Client,
    authority: &ScepAuthority,
    request: &ScepRequest<'_>,
) -> Result<Certificate> {
    let exchange = ScepExchange::begin(request, authority)?;
    let url = format!("{}?operation=PKIOperation", request.settings.url);
    let message = if authority.can("POSTPKIOperation") {
        Request {
            method: Method::POST,
            url,
            headers: vec![("content-type", "application/x-pki-message".into())],
            body: Bytes::from(exchange.message.clone()),
        }
    } else {
        Request::get(&format!(
            "{url}&message={}",
            percent(&STANDARD.encode(&exchange.message))
        ))
    };
    let reply = client.send(&message).await?.ok("PKIOperation")?;
    if reply.media_type() != "application/x-pki-message" {
        return Err(Error::Scep(format!(
            "PKIOperation answered {:?}",
            reply.media_type()
        )));
    }
    exchange.finish(&reply.body, authority)
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
