use aws_lc_rs::{
    cipher::{
        self, AES_128, AES_256, Algorithm, DecryptingKey, DecryptionContext,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
    rand::{SecureRandom, SystemRandom},
    rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey},
};
use const_oid::ObjectIdentifier;
use zeroize::Zeroizing;

use super::{CmsError, ber, sign::write_issuer_serial};
use crate::{
    Certificate, Decrypter, KeyError, Legacy, SecretBytes,
    asn1::{Asn1Error, Reader, Writer, tag},
    keys::{self, PublicKey},
    oid,
};

/// Largest enveloped message that is read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// Most recipients that are looked at.
const MAX_RECIPIENTS: usize = 16;

/// How the content of an envelope is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentCipher {
    /// DES-CBC, for old SCEP clients.
    Des,
    /// Triple DES with three keys, CBC; for old SCEP clients.
    TripleDes,
    /// AES-128-CBC.
    Aes128,
    /// AES-256-CBC.
    Aes256,
}

impl ContentCipher {
    /// Whether only [`Legacy::Accept`] lets it pass.
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::Des | Self::TripleDes)
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Des => oid::DES_CBC,
            Self::TripleDes => oid::DES_EDE3_CBC,
            Self::Aes128 => oid::AES128_CBC,
            Self::Aes256 => oid::AES256_CBC,
        }
    }

    fn from_oid(kind: ObjectIdentifier) -> Option<Self> {
        [Self::Des, Self::TripleDes, Self::Aes128, Self::Aes256]
            .into_iter()
            .find(|cipher| cipher.oid() == kind)
    }

    fn key_bytes(self) -> usize {
        match self {
            Self::Des => 8,
            Self::TripleDes => 24,
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    fn block_bytes(self) -> usize {
        if self.is_legacy() { 8 } else { 16 }
    }

    #[allow(
        deprecated,
        reason = "aws-lc-rs marks DES as deprecated; the legacy switch guards it"
    )]
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Des => &cipher::DES_FOR_LEGACY_USE_ONLY,
            Self::TripleDes => &cipher::DES_EDE3_FOR_LEGACY_USE_ONLY,
            Self::Aes128 => &AES_128,
            Self::Aes256 => &AES_256,
        }
    }
}

/// An opened envelope.
#[derive(Debug)]
pub struct Decrypted {
    /// The content.
    pub content: SecretBytes,
    /// How it was encrypted; answer in kind.
    pub cipher: ContentCipher,
}

/// Opens EnvelopedData that is encrypted to `recipient` with RSA PKCS#1 v1.5 key transport.
///
/// Bad RSA padding continues with a random key, so that a sender learns nothing from the
/// answer (RFC 3218, section 2.3.2).
///
/// # Errors
/// [`CmsError::Malformed`], [`CmsError::Algorithm`] and [`CmsError::Recipient`] depend on
/// the message alone; [`CmsError::Decryption`] covers every failure that depends on the key.
pub fn decrypt(
    message: &[u8],
    recipient: &Certificate,
    key: &dyn Decrypter,
    legacy: Legacy,
) -> Result<Decrypted, CmsError> {
    if message.len() > MAX_BYTES {
        return Err(CmsError::TooLarge);
    }
    let der = ber::normalize(message)?;
    let envelope = Envelope::read(&der)?;
    let cipher = envelope
        .cipher
        .filter(|cipher| !cipher.is_legacy() || legacy == Legacy::Accept)
        .ok_or(CmsError::Algorithm)?;
    let initial = Reader::new(envelope.parameters).octet_string()?;
    let block = cipher.block_bytes();
    if initial.len() != block || envelope.content.is_empty() || envelope.content.len() % block != 0
    {
        return Err(Asn1Error::Value("encrypted content").into());
    }
    let encrypted_key = envelope
        .recipients
        .iter()
        .find(|candidate| candidate.names(recipient))
        .ok_or(CmsError::Recipient)?;
    if encrypted_key.algorithm != oid::RSA_ENCRYPTION {
        return Err(CmsError::Algorithm);
    }

    let mut content_key = Zeroizing::new(vec![0; cipher.key_bytes()]);
    SystemRandom::new()
        .fill(&mut content_key)
        .map_err(|_| CmsError::Key(KeyError::Operation))?;
    if let Ok(opened) = key.decrypt(encrypted_key.encrypted_key)
        && opened.expose().len() == content_key.len()
    {
        content_key.copy_from_slice(opened.expose());
    }
    let mut buffer = Zeroizing::new(envelope.content);
    let content = decrypt_content(cipher, &content_key, initial, &mut buffer)?;
    Ok(Decrypted {
        content: SecretBytes::new(content.to_vec()),
        cipher,
    })
}

/// Encrypts content to the RSA key of `recipient`.
///
/// # Errors
/// [`CmsError::Recipient`] when its key is not RSA of at least 2048 bits.
pub fn encrypt(
    content: &[u8],
    recipient: &Certificate,
    cipher: ContentCipher,
) -> Result<Vec<u8>, CmsError> {
    if !matches!(
        PublicKey::from_spki(recipient.spki()),
        Ok(PublicKey::Rsa { .. })
    ) {
        return Err(CmsError::Recipient);
    }
    let failed = |_| CmsError::Key(KeyError::Operation);
    let mut content_key = Zeroizing::new(vec![0; cipher.key_bytes()]);
    SystemRandom::new().fill(&mut content_key).map_err(failed)?;

    let public =
        PublicEncryptingKey::from_der(recipient.spki()).map_err(|_| CmsError::Recipient)?;
    let public = Pkcs1PublicEncryptingKey::new(public).map_err(failed)?;
    let mut encrypted_key = vec![0; public.ciphertext_size()];
    let used = public
        .encrypt(&content_key, &mut encrypted_key)
        .map_err(failed)?
        .len();
    encrypted_key.truncate(used);

    let unbound = UnboundCipherKey::new(cipher.algorithm(), &content_key).map_err(failed)?;
    let mut body = content.to_vec();
    let context = PaddedBlockEncryptingKey::cbc_pkcs7(unbound)
        .and_then(|key| key.encrypt(&mut body))
        .map_err(failed)?;
    let initial: &[u8] = (&context).try_into().map_err(failed)?;

    Ok(Writer::build(|w| {
        w.sequence(|w| {
            w.oid(oid::ENVELOPED_DATA);
            w.constructed(tag::context_constructed(0), |w| {
                w.sequence(|w| {
                    w.unsigned(0);
                    w.constructed(tag::SET, |w| {
                        w.sequence(|w| {
                            w.unsigned(0);
                            write_issuer_serial(w, recipient);
                            keys::write_algorithm(w, oid::RSA_ENCRYPTION, true);
                            w.octet_string(&encrypted_key);
                        });
                    });
                    w.sequence(|w| {
                        w.oid(oid::DATA);
                        w.sequence(|w| {
                            w.oid(cipher.oid());
                            w.octet_string(initial);
                        });
                        w.element(tag::context(0), &body);
                    });
                });
            });
        });
    }))
}

/// EnvelopedData (RFC 5652, section 6.1) in normal form.
struct Envelope<'a> {
    recipients: Vec<Recipient<'a>>,
    cipher: Option<ContentCipher>,
    parameters: &'a [u8],
    content: Vec<u8>,
}

struct Recipient<'a> {
    id: RecipientId<'a>,
    algorithm: ObjectIdentifier,
    encrypted_key: &'a [u8],
}

enum RecipientId<'a> {
    IssuerSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyId(&'a [u8]),
}

impl Recipient<'_> {
    fn names(&self, certificate: &Certificate) -> bool {
        match self.id {
            RecipientId::IssuerSerial { issuer, serial } => {
                certificate.issuer().der() == issuer && certificate.serial() == serial
            }
            RecipientId::KeyId(id) => certificate.subject_key_id() == Some(id),
        }
    }
}

impl<'a> Envelope<'a> {
    fn read(der: &'a [u8]) -> Result<Self, CmsError> {
        let mut info = Reader::only(der, tag::SEQUENCE)?;
        if info.oid()? != oid::ENVELOPED_DATA {
            return Err(CmsError::ContentType);
        }
        let mut data = info.constructed(tag::context_constructed(0))?.sequence()?;
        data.unsigned()?;
        data.optional(tag::context_constructed(0))?;

        let mut recipients = Vec::new();
        let mut set = data.constructed(tag::SET)?;
        while !set.is_empty() && recipients.len() < MAX_RECIPIENTS {
            let element = set.element()?;
            // Other kinds of recipient (key agreement, passwords) have context tags.
            if element.tag == tag::SEQUENCE {
                recipients.push(Recipient::read(element.reader())?);
            }
        }

        let mut encrypted = data.sequence()?;
        encrypted.oid()?;
        let mut algorithm = encrypted.sequence()?;
        let cipher = ContentCipher::from_oid(algorithm.oid()?);
        let parameters = if algorithm.is_empty() {
            &[][..]
        } else {
            algorithm.element()?.raw
        };
        let mut content = Vec::new();
        match encrypted.element()? {
            whole if whole.tag == tag::context(0) => content.extend_from_slice(whole.value),
            // An octet string in pieces, under its implicit tag.
            pieces if pieces.tag == tag::context_constructed(0) => {
                let mut pieces = pieces.reader();
                while !pieces.is_empty() {
                    content.extend_from_slice(pieces.octet_string()?);
                }
            }
            other => {
                return Err(Asn1Error::Tag {
                    expected: tag::context(0),
                    found: other.tag,
                }
                .into());
            }
        }
        Ok(Self {
            recipients,
            cipher,
            parameters,
            content,
        })
    }
}

impl<'a> Recipient<'a> {
    fn read(mut info: Reader<'a>) -> Result<Self, Asn1Error> {
        info.unsigned()?;
        let id = match info.element()? {
            element if element.tag == tag::context(0) => RecipientId::KeyId(element.value),
            element => {
                let mut pair = element.reader();
                let issuer = pair.expect(tag::SEQUENCE)?.raw;
                RecipientId::IssuerSerial {
                    issuer,
                    serial: pair.integer()?,
                }
            }
        };
        let (algorithm, _) = keys::read_algorithm(&mut info)?;
        Ok(Self {
            id,
            algorithm,
            encrypted_key: info.octet_string()?,
        })
    }
}

fn decrypt_content<'b>(
    cipher: ContentCipher,
    key: &[u8],
    initial: &[u8],
    buffer: &'b mut [u8],
) -> Result<&'b [u8], CmsError> {
    let failed = |_| CmsError::Decryption;
    let context = if cipher.is_legacy() {
        let octets = <&[u8; 8]>::try_from(initial).map_err(|_| CmsError::Decryption)?;
        DecryptionContext::Iv64(FixedLength::from(octets))
    } else {
        let octets = <&[u8; 16]>::try_from(initial).map_err(|_| CmsError::Decryption)?;
        DecryptionContext::Iv128(FixedLength::from(octets))
    };
    let plain = UnboundCipherKey::new(cipher.algorithm(), key)
        .and_then(DecryptingKey::cbc)
        .and_then(|key| key.decrypt(buffer, context))
        .map_err(failed)?;
    let length = unpadded_length(plain, cipher.block_bytes()).ok_or(CmsError::Decryption)?;
    Ok(&plain[..length])
}

/// Length without PKCS#7 padding. Looks at the whole last block whatever it holds, so
/// that the time taken does not tell where the padding went wrong.
fn unpadded_length(plain: &[u8], block: usize) -> Option<usize> {
    let start = plain.len().checked_sub(block)?;
    let padding = usize::from(*plain.last()?);
    let mut wrong = usize::from(padding == 0) | usize::from(padding > block);
    for (index, &octet) in plain[start..].iter().enumerate() {
        let within = usize::from(index + padding >= block);
        wrong |= within & usize::from(usize::from(octet) != padding);
    }
    (wrong == 0).then(|| plain.len() - padding)
}
