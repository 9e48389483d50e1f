//! Certificates, keys and signed messages: X.509, CMS, SCEP, CRL, OCSP and the
//! sealing of secrets at rest.
//!
//! Nothing here performs I/O or reads a clock. Randomness is drawn only where
//! cryptography needs it: keys, serial numbers, nonces, initialization vectors and
//! signatures. aws-lc-rs does every cryptographic operation; the formats are read and
//! written by one small DER module that borrows, does not recurse and keeps received bytes.

mod asn1;
mod base64;
pub mod ca;
pub mod certificate;
pub mod cms;
pub mod crl;
pub mod csr;
pub mod keys;
pub mod name;
pub mod ocsp;
mod oid;
pub mod pem;
mod revocation;
pub mod scep;
pub mod seal;
pub mod token;

pub use asn1::Asn1Error;
pub use certificate::{AlternativeName, Certificate, CertificateError, ChainPolicy, verify_chain};
pub use const_oid::ObjectIdentifier;
pub use csr::CertificateRequest;
pub use keys::{Decrypter, KeyAlgorithm, KeyError, KeyPair, Legacy, Signer};
pub use name::Name;
pub use oid::{attribute, purpose};
pub use revocation::{RevocationReason, Revoked};

/// Secret octets, wiped when dropped and never printed.
pub type SecretBytes = domain::Secret<Vec<u8>>;
