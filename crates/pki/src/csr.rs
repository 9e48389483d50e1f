//! Certificate signing requests: PKCS#10 (RFC 2986).

use domain::Secret;

use crate::{
    AlternativeName, KeyError, Legacy, Name, Signer,
    asn1::{Asn1Error, Reader, Writer, read, tag},
    certificate::{read_alternative_names, write_alternative_names},
    keys::{self, SignatureAlgorithm},
    oid,
    pem::{self, PemError},
};

/// Largest request that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Most attributes, and most requested extensions, that are read.
const MAX_ITEMS: usize = 64;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Not the DER of a PKCS#10 request.
    #[error("malformed certificate request: {0}")]
    Malformed(#[from] Asn1Error),
    /// Not PEM, or no request in it.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Larger than 64 KiB.
    #[error("the certificate request is too large")]
    TooLarge,
    /// The requester did not prove possession of the key, or the key could not be used.
    #[error("certificate request signature: {0}")]
    Key(#[from] KeyError),
}

/// A received request. Whoever made it may claim anything in it: check possession of the
/// key with [`Self::verify_possession`], and decide about names yourself.
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    der: Vec<u8>,
    info: Vec<u8>,
    subject: Name,
    spki: Vec<u8>,
    challenge_password: Option<Secret<String>>,
    alternative_names: Vec<AlternativeName>,
    algorithm: Option<SignatureAlgorithm>,
    signature: Vec<u8>,
}

impl CertificateRequest {
    /// Reads a DER request of at most 64 KiB.
    ///
    /// # Errors
    /// When it is malformed or too large. The signature is not checked here.
    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > MAX_BYTES {
            return Err(CsrError::TooLarge);
        }
        let mut outer = Reader::only(der, tag::SEQUENCE)?;
        let info = outer.expect(tag::SEQUENCE)?;
        let (algorithm, _) = keys::read_algorithm(&mut outer)?;
        let signature = outer.octet_aligned_bits()?.to_vec();
        outer.finish()?;

        let mut fields = info.reader();
        fields.unsigned()?;
        let subject = Name::from_der(fields.expect(tag::SEQUENCE)?.raw)?;
        let spki = fields.expect(tag::SEQUENCE)?.raw.to_vec();
        let mut request = Self {
            der: der.to_vec(),
            info: info.raw.to_vec(),
            subject,
            spki,
            challenge_password: None,
            alternative_names: Vec::new(),
            algorithm: SignatureAlgorithm::from_oid(algorithm),
            signature,
        };
        if let Some(attributes) = fields.optional(tag::context_constructed(0))? {
            request.read_attributes(attributes.reader())?;
        }
        Ok(request)
    }

    /// Reads the first request of a PEM text.
    ///
    /// # Errors
    /// As [`Self::from_der`], or when there is none.
    pub fn from_pem(text: &str) -> Result<Self, CsrError> {
        let blocks = pem::decode(text)?;
        let wanted = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
        let block = blocks
            .iter()
            .find(|block| wanted.contains(&block.label.as_str()));
        Self::from_der(&block.ok_or(PemError)?.der)
    }

    /// The encoding, as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The name that is asked for.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// DER of the SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The challengePassword attribute (RFC 2985, section 5.4.1).
    pub fn challenge_password(&self) -> Option<&Secret<String>> {
        self.challenge_password.as_ref()
    }

    /// The subject alternative names that are asked for.
    pub fn alternative_names(&self) -> &[AlternativeName] {
        &self.alternative_names
    }

    /// Checks that the requester holds the private key.
    ///
    /// # Errors
    /// [`CsrError::Key`] when the signature is wrong or its algorithm is refused.
    pub fn verify_possession(&self, legacy: Legacy) -> Result<(), CsrError> {
        let algorithm = self.algorithm.ok_or(KeyError::Algorithm)?;
        keys::verify(&self.spki, algorithm, &self.info, &self.signature, legacy)?;
        Ok(())
    }

    fn read_attributes(&mut self, mut attributes: Reader<'_>) -> Result<(), Asn1Error> {
        for _ in 0..MAX_ITEMS {
            if attributes.is_empty() {
                return Ok(());
            }
            let mut attribute = attributes.sequence()?;
            let kind = attribute.oid()?;
            let mut values = attribute.constructed(tag::SET)?;
            if kind == oid::CHALLENGE_PASSWORD {
                self.challenge_password = read::text(values.element()?).map(Secret::new);
            } else if kind == oid::EXTENSION_REQUEST || kind == oid::MS_EXTENSION_REQUEST {
                self.read_extensions(values.sequence()?)?;
            }
        }
        Err(Asn1Error::Value("certificate request: too many attributes"))
    }

    fn read_extensions(&mut self, mut extensions: Reader<'_>) -> Result<(), Asn1Error> {
        for _ in 0..MAX_ITEMS {
            if extensions.is_empty() {
                return Ok(());
            }
            let mut extension = extensions.sequence()?;
            let kind = extension.oid()?;
            extension.optional(tag::BOOLEAN)?;
            let value = extension.octet_string()?;
            if kind == oid::SUBJECT_ALT_NAME {
                self.alternative_names = read_alternative_names(value)?;
            }
        }
        Err(Asn1Error::Value("certificate request: too many extensions"))
    }
}

/// What a created request asks for beside the subject.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestOptions<'a> {
    /// The challengePassword attribute.
    pub challenge_password: Option<&'a str>,
    /// The subject alternative names.
    pub alternative_names: &'a [AlternativeName],
}

/// Makes a request (DER) for the key of `signer`.
///
/// # Errors
/// When the key cannot sign.
pub fn create(
    subject: &Name,
    signer: &dyn Signer,
    options: &RequestOptions<'_>,
) -> Result<Vec<u8>, CsrError> {
    let mut attributes = Vec::new();
    if let Some(password) = options.challenge_password {
        attributes.push(attribute(oid::CHALLENGE_PASSWORD, |w| w.utf8(password)));
    }
    if !options.alternative_names.is_empty() {
        let names = Writer::build(|w| write_alternative_names(w, options.alternative_names));
        attributes.push(attribute(oid::EXTENSION_REQUEST, |w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.oid(oid::SUBJECT_ALT_NAME);
                    w.octet_string(&names);
                });
            });
        }));
    }
    let info = Writer::build(|w| {
        w.sequence(|w| {
            w.unsigned(0);
            w.raw(subject.der());
            w.raw(signer.spki());
            w.set_of(tag::context_constructed(0), attributes);
        });
    });
    let signature = signer.sign(&info)?;
    Ok(Writer::build(|w| {
        w.sequence(|w| {
            w.raw(&info);
            signer.signature_algorithm().write(w);
            w.octet_aligned_bits(&signature);
        });
    }))
}

fn attribute(kind: const_oid::ObjectIdentifier, value: impl FnOnce(&mut Writer)) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.oid(kind);
            w.constructed(tag::SET, value);
        });
    })
}
