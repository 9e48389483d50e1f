//! Cryptographic Message Syntax (RFC 5652): SignedData and EnvelopedData.

mod enveloped;
mod sign;
mod signed;

pub use enveloped::{Cipher, decrypt, encrypt};
pub use sign::{Attribute, Form, Signing, certificates_only};
pub use signed::{SignedData, Verified};

/// id-data.
pub const DATA: &str = "1.2.840.113549.1.7.1";
/// id-signedData.
pub const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
/// id-envelopedData.
pub const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";
/// Signed attribute contentType.
pub const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
/// Signed attribute messageDigest.
pub const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
/// Signed attribute signingTime.
pub const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
/// SHA-256.
pub const SHA256: &str = "2.16.840.1.101.3.4.2.1";
