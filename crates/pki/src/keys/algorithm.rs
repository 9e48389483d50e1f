use std::{fmt, str::FromStr};

use aws_lc_rs::digest as lc;
use const_oid::ObjectIdentifier;

use super::{KeyError, Legacy};
use crate::{
    asn1::{Asn1Error, Reader, Writer, tag},
    oid,
};

/// Types of key that can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

/// The text is not one of the names of [`KeyAlgorithm`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown key type (rsa-2048, rsa-3072, rsa-4096, p-256 or p-384)")]
pub struct UnknownKeyAlgorithm;

impl KeyAlgorithm {
    const ALL: [Self; 5] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
    ];

    /// The name used in configuration and storage, such as `rsa-2048` or `p-256`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::P256 => "p-256",
            Self::P384 => "p-384",
        }
    }

    /// Whether this is an RSA key.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownKeyAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|key| key.as_str() == text)
            .ok_or(UnknownKeyAlgorithm)
    }
}

/// Hash functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1, for old devices only.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    pub(crate) const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|digest| digest.oid() == oid)
    }
}

/// The hash of `data`.
pub fn digest(algorithm: Digest, data: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        Digest::Sha1 => &lc::SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &lc::SHA256,
        Digest::Sha384 => &lc::SHA384,
        Digest::Sha512 => &lc::SHA512,
    };
    lc::digest(algorithm, data).as_ref().to_vec()
}

/// Signature algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1(Digest),
    /// ECDSA with a DER signature (RFC 5758, section 3.2).
    Ecdsa(Digest),
}

impl SignatureAlgorithm {
    /// The hash inside.
    pub const fn digest(self) -> Digest {
        match self {
            Self::RsaPkcs1(digest) | Self::Ecdsa(digest) => digest,
        }
    }

    /// The object identifier of the AlgorithmIdentifier.
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::RsaPkcs1(Digest::Sha1) => oid::SHA1_WITH_RSA,
            Self::RsaPkcs1(Digest::Sha256) => oid::SHA256_WITH_RSA,
            Self::RsaPkcs1(Digest::Sha384) => oid::SHA384_WITH_RSA,
            Self::RsaPkcs1(Digest::Sha512) => oid::SHA512_WITH_RSA,
            Self::Ecdsa(Digest::Sha1) => oid::ECDSA_SHA1,
            Self::Ecdsa(Digest::Sha256) => oid::ECDSA_SHA256,
            Self::Ecdsa(Digest::Sha384) => oid::ECDSA_SHA384,
            Self::Ecdsa(Digest::Sha512) => oid::ECDSA_SHA512,
        }
    }

    /// The algorithm with this object identifier, when it is supported.
    pub fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        if oid == oid::SHA1_WITH_RSA_OIW {
            return Some(Self::RsaPkcs1(Digest::Sha1));
        }
        [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512]
            .into_iter()
            .flat_map(|digest| [Self::RsaPkcs1(digest), Self::Ecdsa(digest)])
            .find(|algorithm| algorithm.oid() == oid)
    }

    /// AlgorithmIdentifier: RSA carries NULL parameters, ECDSA none.
    pub(crate) fn write(self, w: &mut Writer) {
        write_algorithm(w, self.oid(), matches!(self, Self::RsaPkcs1(_)));
    }
}

/// Verifies `signature` over `message` with the key in `spki` (SubjectPublicKeyInfo DER).
///
/// # Errors
/// [`KeyError::Signature`] when it does not match; [`KeyError::Algorithm`] when the
/// algorithm does not fit the key or is a refused legacy one.
pub fn verify(
    spki: &[u8],
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
    legacy: Legacy,
) -> Result<(), KeyError> {
    use aws_lc_rs::signature as s;
    use {Digest::*, PublicKey::*, SignatureAlgorithm::*};

    let key = PublicKey::from_spki(spki)?;
    let short_rsa = matches!(key, Rsa { bits, .. } if bits < 2048);
    if legacy == Legacy::Refuse && (algorithm.digest() == Sha1 || short_rsa) {
        return Err(KeyError::Algorithm);
    }
    let (verifier, key): (&'static dyn s::VerificationAlgorithm, &[u8]) = match (key, algorithm) {
        (Rsa { pkcs1, bits }, RsaPkcs1(digest)) => {
            let verifier = match (digest, bits < 2048) {
                (Sha1, false) => &s::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                (Sha256, false) => &s::RSA_PKCS1_2048_8192_SHA256,
                (Sha384, false) => &s::RSA_PKCS1_2048_8192_SHA384,
                (Sha512, false) => &s::RSA_PKCS1_2048_8192_SHA512,
                (Sha1, true) => &s::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                (Sha256, true) => &s::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                (Sha512, true) => &s::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                (Sha384, true) => return Err(KeyError::Algorithm),
            };
            (verifier, pkcs1)
        }
        (P256 { point }, Ecdsa(digest)) => {
            let verifier = match digest {
                Sha1 => &s::ECDSA_P256_SHA1_ASN1,
                Sha256 => &s::ECDSA_P256_SHA256_ASN1,
                Sha384 => &s::ECDSA_P256_SHA384_ASN1,
                Sha512 => &s::ECDSA_P256_SHA512_ASN1,
            };
            (verifier, point)
        }
        (P384 { point }, Ecdsa(digest)) => {
            let verifier = match digest {
                Sha1 => return Err(KeyError::Algorithm),
                Sha256 => &s::ECDSA_P384_SHA256_ASN1,
                Sha384 => &s::ECDSA_P384_SHA384_ASN1,
                Sha512 => &s::ECDSA_P384_SHA512_ASN1,
            };
            (verifier, point)
        }
        _ => return Err(KeyError::Algorithm),
    };
    s::UnparsedPublicKey::new(verifier, key)
        .verify(message, signature)
        .map_err(|_| KeyError::Signature)
}

/// A SubjectPublicKeyInfo, taken apart (RFC 3279, section 2.3; RFC 5480).
#[derive(Debug, Clone, Copy)]
pub(crate) enum PublicKey<'a> {
    Rsa { pkcs1: &'a [u8], bits: usize },
    P256 { point: &'a [u8] },
    P384 { point: &'a [u8] },
}

impl<'a> PublicKey<'a> {
    pub(crate) fn from_spki(spki: &'a [u8]) -> Result<Self, KeyError> {
        let mut info = Reader::only(spki, tag::SEQUENCE)?;
        let mut algorithm = info.sequence()?;
        let kind = algorithm.oid()?;
        let key = info.octet_aligned_bits()?;
        info.finish()?;
        if kind == oid::RSA_ENCRYPTION {
            let modulus = Reader::only(key, tag::SEQUENCE)?.integer()?;
            let zeros = modulus.iter().take_while(|&&b| b == 0).count();
            let bits = modulus.get(zeros).map_or(0, |&first| {
                (modulus.len() - zeros) * 8 - first.leading_zeros() as usize
            });
            if !(1024..=8192).contains(&bits) {
                return Err(KeyError::Unsupported("RSA key size"));
            }
            Ok(Self::Rsa { pkcs1: key, bits })
        } else if kind == oid::EC_PUBLIC_KEY {
            let curve = algorithm.oid()?;
            algorithm.finish()?;
            // Only the uncompressed form: each key has one encoding (RFC 5480, section 2.2).
            match (curve, key) {
                (oid::CURVE_P256, [4, point @ ..]) if point.len() == 64 => {
                    Ok(Self::P256 { point: key })
                }
                (oid::CURVE_P384, [4, point @ ..]) if point.len() == 96 => {
                    Ok(Self::P384 { point: key })
                }
                (oid::CURVE_P256 | oid::CURVE_P384, _) => Err(KeyError::Unsupported("point form")),
                _ => Err(KeyError::Unsupported("elliptic curve")),
            }
        } else {
            Err(KeyError::Unsupported("key type"))
        }
    }
}

/// AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters NULL or absent }
pub(crate) fn write_algorithm(w: &mut Writer, algorithm: ObjectIdentifier, null: bool) {
    w.sequence(|w| {
        w.oid(algorithm);
        if null {
            w.null();
        }
    });
}

/// Reads an AlgorithmIdentifier and gives its identifier and the rest (the parameters).
pub(crate) fn read_algorithm<'a>(
    reader: &mut Reader<'a>,
) -> Result<(ObjectIdentifier, Reader<'a>), Asn1Error> {
    let mut algorithm = reader.sequence()?;
    let identifier = algorithm.oid()?;
    Ok((identifier, algorithm))
}
