//! Signed and encrypted messages: CMS (RFC 5652).
//!
//! Devices write DER, BER with indefinite lengths, attached and detached content. What is
//! read keeps its received bytes; what is written is DER.

pub mod ber;
mod envelope;
mod sign;
mod signed_data;
mod verify;

pub use envelope::{ContentCipher, Decrypted, decrypt, encrypt};
pub(crate) use sign::{SignedMessage, attribute};
pub use sign::{certs_only, sign};
pub use signed_data::certificates;
pub(crate) use verify::{VerifiedMessage, verify_message};
pub use verify::{VerifiedSigner, verify_mdm_signature, verify_signed_data};

use crate::{
    CertificateError,
    asn1::Asn1Error,
    keys::{KeyError, Legacy},
};

/// Bounds on messages that are read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest message in bytes.
    pub max_bytes: usize,
    /// Most certificates that a message may carry.
    pub max_certificates: usize,
    /// Whether SHA-1 and RSA-1024 are tolerated.
    pub legacy: Legacy,
}

/// 1 MiB, 16 certificates, old algorithms tolerated: what devices in the field need.
impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            max_certificates: 16,
            legacy: Legacy::Accept,
        }
    }
}

/// Why a message is refused or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// Not base64.
    #[error("the signature header is not base64")]
    Base64,
    /// Not CMS.
    #[error("malformed CMS message: {0}")]
    Malformed(#[from] Asn1Error),
    /// Larger than the limit, or more certificates than permitted.
    #[error("the CMS message is too large")]
    TooLarge,
    /// Another CMS content type than expected.
    #[error("unexpected CMS content type")]
    ContentType,
    /// Not exactly one signer.
    #[error("a message must have exactly one signer")]
    SignerCount,
    /// The certificate of the signer is not in the message.
    #[error("the certificate of the signer is missing")]
    SignerCertificate,
    /// The signed attributes are missing, doubled, or name another content type.
    #[error("the signed attributes are missing or contradictory")]
    Attributes,
    /// The digest in the signed attributes is not that of the content.
    #[error("the message digest does not match the content")]
    Digest,
    /// Attached content differs from the body, or there is no content at all.
    #[error("attached content differs from the body, or content is missing")]
    Content,
    /// The signature is wrong.
    #[error("CMS signature: {0}")]
    Signature(KeyError),
    /// The algorithm is unknown, or is a legacy one that is refused.
    #[error("an algorithm of the message is not accepted")]
    Algorithm,
    /// Not encrypted to this certificate.
    #[error("the message is not encrypted to this certificate")]
    Recipient,
    /// It does not decrypt. One error for every cause, so that nobody learns which.
    #[error("the message does not decrypt")]
    Decryption,
    /// The key could not sign or encrypt.
    #[error("key: {0}")]
    Key(KeyError),
    /// A certificate of the message is malformed.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}
