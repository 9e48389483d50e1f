//! Keys and signatures. aws-lc-rs does every operation.

mod algorithm;
mod pair;

pub use algorithm::{
    Digest, KeyAlgorithm, SignatureAlgorithm, UnknownKeyAlgorithm, digest, verify,
};
pub(crate) use algorithm::{PublicKey, read_algorithm, write_algorithm};
pub use pair::KeyPair;

use crate::{SecretBytes, asn1::Asn1Error};

/// Whether algorithms that are broken or too short are tolerated: SHA-1 in
/// signatures, DES and 3DES in envelopes, RSA keys of 1024 bits. MD5 never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Legacy {
    /// Only current algorithms.
    #[default]
    Refuse,
    /// Old devices and SCEP clients may use old algorithms.
    Accept,
}

/// Why a key operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are not a key of a supported type.
    #[error("not a supported key: {0}")]
    Unsupported(&'static str),
    /// The encoding is broken.
    #[error("malformed key: {0}")]
    Malformed(#[from] Asn1Error),
    /// The algorithm is not supported, does not fit the key, or is a legacy one that is refused.
    #[error("signature algorithm not accepted")]
    Algorithm,
    /// The signature does not belong to this message and key.
    #[error("the signature is wrong")]
    Signature,
    /// The ciphertext does not decrypt.
    #[error("decryption failed")]
    Decryption,
    /// The key store or the crypto library refused to work.
    #[error("the key operation failed")]
    Operation,
}

/// A private key that signs, wherever it lives: in memory, or behind PKCS#11.
pub trait Signer: Send + Sync {
    /// DER of the SubjectPublicKeyInfo.
    fn spki(&self) -> &[u8];

    /// The algorithm that [`Self::sign`] uses.
    fn signature_algorithm(&self) -> SignatureAlgorithm;

    /// Signs a message (not a digest). ECDSA signatures are DER (RFC 3279, section 2.2.3).
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// A private RSA key that decrypts key-transport ciphertexts.
pub trait Decrypter: Send + Sync {
    /// RSAES-PKCS1-v1_5 decryption (RFC 8017, section 7.2.2).
    ///
    /// # Errors
    /// [`KeyError::Decryption`] on bad padding. Never let a peer see the difference
    /// between this and a wrong content key: [`crate::cms::decrypt`] takes care of it.
    fn decrypt(&self, ciphertext: &[u8]) -> Result<SecretBytes, KeyError>;
}
