//! Signing and decryption keys: RSA and P-256, by aws-lc-rs.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey},
    signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair, UnparsedPublicKey},
};

use crate::{
    Error, Result,
    der::{self, Element, bits, null, oid, sequence},
    pem,
};

/// The kinds of key a device may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA with 2,048 bits.
    Rsa2048,
    /// ECDSA on P-256.
    P256,
}

/// A private key. Clones share it.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    pair: Pair,
    decrypting: OnceLock<Option<Pkcs1PrivateDecryptingKey>>,
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.algorithm())
    }
}

impl Key {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        match algorithm {
            Algorithm::Rsa2048 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048)
                    .map_err(|_| Error::Key("RSA generation"))?;
                let pkcs8 = pair.as_der().map_err(|_| Error::Key("RSA export"))?;
                Self::from_pkcs8(pkcs8.as_ref())
            }
            Algorithm::P256 => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(
                    &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
                    &SystemRandom::new(),
                )
                .map_err(|_| Error::Key("P-256 generation"))?;
                Self::from_pkcs8(pkcs8.as_ref())
            }
        }
    }

    /// Reads a PKCS#8 private key, RSA or P-256.
    ///
    /// # Errors
    /// When the bytes hold neither.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self> {
        let (pair, spki) = if let Ok(pair) =
            EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8)
        {
            let spki = sequence(&[
                sequence(&[oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")]),
                bits(pair.public_key().as_ref()),
            ]);
            (Pair::P256(pair), spki)
        } else {
            let pair =
                RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| Error::Key("neither P-256 nor RSA"))?;
            let spki = sequence(&[
                sequence(&[oid("1.2.840.113549.1.1.1"), null()]),
                bits(pair.public_key().as_ref()),
            ]);
            (Pair::Rsa(pair), spki)
        };
        Ok(Self(Arc::new(Inner {
            pair,
            decrypting: OnceLock::new(),
            pkcs8: pkcs8.to_vec(),
            spki,
        })))
    }

    /// RSA or P-256.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.0.pair {
            Pair::Rsa(_) => Algorithm::Rsa2048,
            Pair::P256(_) => Algorithm::P256,
        }
    }

    /// The whole SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// PKCS#8, DER.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.0.pkcs8
    }

    /// PKCS#8, PEM.
    #[must_use]
    pub fn pkcs8_pem(&self) -> String {
        pem::encode("PRIVATE KEY", self.pkcs8())
    }

    /// Signs with SHA-256: PKCS#1 v1.5 or ECDSA in ASN.1 form.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.0.pair {
            Pair::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut out,
                )
                .map_err(|_| Error::Key("RSA signature"))?;
                Ok(out)
            }
            Pair::P256(pair) => Ok(pair
                .sign(&SystemRandom::new(), message)
                .map_err(|_| Error::Key("ECDSA signature"))?
                .as_ref()
                .to_vec()),
        }
    }

    /// AlgorithmIdentifier of [`Key::sign`] in certificates and requests.
    #[must_use]
    pub fn signature_algorithm(&self) -> Vec<u8> {
        match self.algorithm() {
            Algorithm::Rsa2048 => sequence(&[oid("1.2.840.113549.1.1.11"), null()]),
            Algorithm::P256 => sequence(&[oid("1.2.840.10045.4.3.2")]),
        }
    }

    /// Decrypts RSA PKCS#1 v1.5, as CMS key transport uses it.
    ///
    /// # Errors
    /// When the key is no RSA key or the ciphertext is not for it.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>> {
        if self.algorithm() != Algorithm::Rsa2048 {
            return Err(Error::Key("only RSA keys decrypt"));
        }
        // Importing an RSA key checks it, which costs more than using it.
        let key = self.0.decrypting.get_or_init(|| {
            let key = PrivateDecryptingKey::from_pkcs8(self.pkcs8()).ok()?;
            Pkcs1PrivateDecryptingKey::new(key).ok()
        });
        let key = key.as_ref().ok_or(Error::Key("RSA import"))?;
        let mut out = vec![0; key.min_output_size()];
        let plain = key
            .decrypt(ciphertext, &mut out)
            .map_err(|_| Error::Key("RSA decryption"))?;
        Ok(plain.to_vec())
    }
}

/// Digests by which signatures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1, read only.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384, read only.
    Sha384,
    /// SHA-512, read only.
    Sha512,
}

impl Digest {
    /// The digest of a message.
    #[must_use]
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        use aws_lc_rs::digest;
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }

    /// From a digest or signature algorithm identifier that names a digest.
    #[must_use]
    pub fn from_oid(dotted: &str) -> Option<Self> {
        Some(match dotted {
            "1.3.14.3.2.26" | "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => Self::Sha1,
            "2.16.840.1.101.3.4.2.1" | "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => {
                Self::Sha256
            }
            "2.16.840.1.101.3.4.2.2" | "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => {
                Self::Sha384
            }
            "2.16.840.1.101.3.4.2.3" | "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => {
                Self::Sha512
            }
            _ => return None,
        })
    }
}

/// Verifies a signature (PKCS#1 v1.5, or ECDSA on P-256 or P-384) against a SubjectPublicKeyInfo.
///
/// # Errors
/// When the key is of another kind or the signature is not by it.
pub fn verify(spki: &[u8], digest: Digest, message: &[u8], signature_bytes: &[u8]) -> Result<()> {
    use signature as s;
    let mut parts = Element::only(spki)?.inside();
    let mut algorithm = parts.expect(der::tag::SEQUENCE)?.inside();
    let key = parts.next()?.bits()?;
    let kind = algorithm.next()?.oid()?;
    let scheme: &'static dyn s::VerificationAlgorithm = if kind == "1.2.840.113549.1.1.1" {
        match digest {
            Digest::Sha1 => &s::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Digest::Sha256 => &s::RSA_PKCS1_2048_8192_SHA256,
            Digest::Sha384 => &s::RSA_PKCS1_2048_8192_SHA384,
            Digest::Sha512 => &s::RSA_PKCS1_2048_8192_SHA512,
        }
    } else {
        let curve = algorithm.next()?.oid()?;
        match (curve.as_str(), digest) {
            ("1.2.840.10045.3.1.7", Digest::Sha1) => &s::ECDSA_P256_SHA1_ASN1,
            ("1.2.840.10045.3.1.7", Digest::Sha256) => &s::ECDSA_P256_SHA256_ASN1,
            ("1.2.840.10045.3.1.7", Digest::Sha384) => &s::ECDSA_P256_SHA384_ASN1,
            ("1.2.840.10045.3.1.7", Digest::Sha512) => &s::ECDSA_P256_SHA512_ASN1,
            ("1.3.132.0.34", Digest::Sha256) => &s::ECDSA_P384_SHA256_ASN1,
            ("1.3.132.0.34", Digest::Sha384) => &s::ECDSA_P384_SHA384_ASN1,
            ("1.3.132.0.34", Digest::Sha512) => &s::ECDSA_P384_SHA512_ASN1,
            _ => return Err(Error::Key("unknown kind of public key")),
        }
    };
    UnparsedPublicKey::new(scheme, key)
        .verify(message, signature_bytes)
        .map_err(|_| Error::Key("wrong signature"))
}

/// Keys made beforehand, handed out one by one; then the first ones again, when `reuse` is set.
#[derive(Debug, Clone)]
pub struct Pool {
    keys: Arc<Vec<Key>>,
    next: Arc<Mutex<usize>>,
    algorithm: Algorithm,
    reuse: bool,
}

impl Pool {
    /// An empty pool: every key is made when asked for.
    #[must_use]
    pub fn fresh(algorithm: Algorithm) -> Self {
        Self {
            keys: Arc::new(Vec::new()),
            next: Arc::default(),
            algorithm,
            reuse: false,
        }
    }

    /// Makes `count` keys now, on all cores.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn generate(algorithm: Algorithm, count: usize) -> Result<Self> {
        let workers = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(count.max(1));
        let keys = std::thread::scope(|scope| {
            let shares: Vec<_> = (0..workers)
                .map(|worker| {
                    let share = count / workers + usize::from(worker < count % workers);
                    scope.spawn(move || {
                        (0..share)
                            .map(|_| Key::generate(algorithm))
                            .collect::<Result<Vec<_>>>()
                    })
                })
                .collect();
            shares
                .into_iter()
                .map(|share| {
                    share
                        .join()
                        .unwrap_or(Err(Error::Key("generation stopped")))
                })
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(Self::of(keys.concat(), algorithm))
    }

    /// A pool of keys made elsewhere.
    #[must_use]
    pub fn of(keys: Vec<Key>, algorithm: Algorithm) -> Self {
        Self {
            keys: Arc::new(keys),
            next: Arc::default(),
            algorithm,
            reuse: false,
        }
    }

    /// Hands keys out again when all are used, instead of making new ones. Only for load: a server
    /// may notice that two devices share a key.
    #[must_use]
    pub fn reusing(mut self) -> Self {
        self.reuse = true;
        self
    }

    /// The next key.
    ///
    /// # Errors
    /// When a key has to be made and the cryptographic library fails.
    pub fn take(&self) -> Result<Key> {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next - 1
        };
        let index = if self.reuse && !self.keys.is_empty() {
            at % self.keys.len()
        } else {
            at
        };
        self.keys
            .get(index)
            .cloned()
            .map_or_else(|| Key::generate(self.algorithm), Ok)
    }

    /// The kind of key this pool gives.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
