use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey},
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair},
};
use zeroize::Zeroize;

use super::{Decrypter, Digest, KeyAlgorithm, KeyError, SignatureAlgorithm, Signer};
use crate::{
    SecretBytes,
    asn1::{Reader, Writer, tag},
    oid,
    pem::{self, Block},
};

/// A private key held in memory. Clones share the key.
#[derive(Clone)]
pub struct KeyPair {
    inner: Arc<Inner>,
}

struct Inner {
    algorithm: KeyAlgorithm,
    private: Private,
    spki: Vec<u8>,
    pkcs8: SecretBytes,
}

enum Private {
    Rsa {
        signing: Box<RsaKeyPair>,
        decrypting: Pkcs1PrivateDecryptingKey,
    },
    Ec(EcdsaKeyPair),
}

impl KeyPair {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`KeyError::Operation`] when the random generator or the library fails.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let rsa = |size| {
            let key = PrivateDecryptingKey::generate(size).map_err(|_| KeyError::Operation)?;
            let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key)
                .map_err(|_| KeyError::Operation)?;
            Self::from_pkcs8(der.as_ref())
        };
        match algorithm {
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => {
                let key = EcdsaKeyPair::generate(ec_algorithm(algorithm))
                    .map_err(|_| KeyError::Operation)?;
                let der = key.to_pkcs8v1().map_err(|_| KeyError::Operation)?;
                Self::from_pkcs8(der.as_ref())
            }
        }
    }

    /// Reads an unencrypted PKCS#8 PrivateKeyInfo (RFC 5958).
    ///
    /// # Errors
    /// When it is malformed or not RSA 2048, 3072 or 4096, P-256 or P-384.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let mut info = Reader::only(der, tag::SEQUENCE)?;
        info.unsigned()?;
        let mut identifier = info.sequence()?;
        let kind = identifier.oid()?;
        let pkcs8 = SecretBytes::new(der.to_vec());
        let (algorithm, private, spki) = if kind == oid::RSA_ENCRYPTION {
            rsa_from_pkcs8(der)?
        } else if kind == oid::EC_PUBLIC_KEY {
            let (algorithm, curve) = match identifier.oid()? {
                curve if curve == oid::CURVE_P256 => (KeyAlgorithm::P256, curve),
                curve if curve == oid::CURVE_P384 => (KeyAlgorithm::P384, curve),
                _ => return Err(KeyError::Unsupported("elliptic curve")),
            };
            let key = EcdsaKeyPair::from_pkcs8(ec_algorithm(algorithm), der)
                .map_err(|_| KeyError::Unsupported("private key"))?;
            let spki = Writer::build(|w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.oid(oid::EC_PUBLIC_KEY);
                        w.oid(curve);
                    });
                    w.octet_aligned_bits(key.public_key().as_ref());
                });
            });
            (algorithm, Private::Ec(key), spki)
        } else {
            return Err(KeyError::Unsupported("key type"));
        };
        Ok(Self {
            inner: Arc::new(Inner {
                algorithm,
                private,
                spki,
                pkcs8,
            }),
        })
    }

    /// Reads the first private key of a PEM text: `PRIVATE KEY`, `RSA PRIVATE KEY` or
    /// `EC PRIVATE KEY`, not encrypted.
    ///
    /// # Errors
    /// When there is no such key or it is not supported.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut blocks = pem::decode(text).map_err(|_| KeyError::Unsupported("PEM text"))?;
        let result = blocks
            .iter()
            .find_map(|block| match block.label.as_str() {
                "PRIVATE KEY" => Some(Self::from_pkcs8(&block.der)),
                "RSA PRIVATE KEY" => Some(Self::from_pkcs1(block)),
                "EC PRIVATE KEY" => Some(Self::from_sec1(block)),
                _ => None,
            })
            .unwrap_or(Err(KeyError::Unsupported(
                "PEM text without a plain private key",
            )));
        blocks.iter_mut().for_each(|block| block.der.zeroize());
        result
    }

    /// The unencrypted PKCS#8 form. Seal it before it is stored.
    pub fn to_pkcs8(&self) -> &SecretBytes {
        &self.inner.pkcs8
    }

    /// The type of this key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.inner.algorithm
    }

    fn from_pkcs1(block: &Block) -> Result<Self, KeyError> {
        let mut pkcs8 = Writer::build(|w| {
            w.sequence(|w| {
                w.unsigned(0);
                super::write_algorithm(w, oid::RSA_ENCRYPTION, true);
                w.octet_string(&block.der);
            });
        });
        let key = Self::from_pkcs8(&pkcs8);
        pkcs8.zeroize();
        key
    }

    fn from_sec1(block: &Block) -> Result<Self, KeyError> {
        let mut key = Reader::only(&block.der, tag::SEQUENCE)?;
        key.unsigned()?;
        key.octet_string()?;
        let curve = key.constructed(tag::context_constructed(0))?.oid()?;
        let mut pkcs8 = Writer::build(|w| {
            w.sequence(|w| {
                w.unsigned(0);
                w.sequence(|w| {
                    w.oid(oid::EC_PUBLIC_KEY);
                    w.oid(curve);
                });
                w.octet_string(&block.der);
            });
        });
        let key = Self::from_pkcs8(&pkcs8);
        pkcs8.zeroize();
        key
    }
}

impl Signer for KeyPair {
    fn spki(&self) -> &[u8] {
        &self.inner.spki
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        match self.inner.algorithm {
            KeyAlgorithm::P256 => SignatureAlgorithm::Ecdsa(Digest::Sha256),
            KeyAlgorithm::P384 => SignatureAlgorithm::Ecdsa(Digest::Sha384),
            _ => SignatureAlgorithm::RsaPkcs1(Digest::Sha256),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.inner.private {
            Private::Rsa { signing, .. } => {
                let mut out = vec![0; signing.public_modulus_len()];
                signing
                    .sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut out)
                    .map_err(|_| KeyError::Operation)?;
                Ok(out)
            }
            Private::Ec(key) => key
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Operation),
        }
    }
}

impl Decrypter for KeyPair {
    fn decrypt(&self, ciphertext: &[u8]) -> Result<SecretBytes, KeyError> {
        let Private::Rsa { decrypting, .. } = &self.inner.private else {
            return Err(KeyError::Unsupported("elliptic-curve key for decryption"));
        };
        let mut buffer = vec![0; decrypting.min_output_size()];
        let length = decrypting
            .decrypt(ciphertext, &mut buffer)
            .map(|plain| plain.len());
        let result = match length {
            Ok(length) => Ok(SecretBytes::new(buffer[..length].to_vec())),
            Err(_) => Err(KeyError::Decryption),
        };
        buffer.zeroize();
        result
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("algorithm", &self.inner.algorithm)
            .finish_non_exhaustive()
    }
}

fn rsa_from_pkcs8(der: &[u8]) -> Result<(KeyAlgorithm, Private, Vec<u8>), KeyError> {
    let rejected = |_| KeyError::Unsupported("private key");
    let signing = RsaKeyPair::from_pkcs8(der).map_err(rejected)?;
    let algorithm = match signing.public_modulus_len() {
        256 => KeyAlgorithm::Rsa2048,
        384 => KeyAlgorithm::Rsa3072,
        512 => KeyAlgorithm::Rsa4096,
        _ => return Err(KeyError::Unsupported("RSA key size")),
    };
    let decrypting = PrivateDecryptingKey::from_pkcs8(der).map_err(rejected)?;
    let decrypting = Pkcs1PrivateDecryptingKey::new(decrypting).map_err(|_| KeyError::Operation)?;
    let spki = Writer::build(|w| {
        w.sequence(|w| {
            super::write_algorithm(w, oid::RSA_ENCRYPTION, true);
            w.octet_aligned_bits(signing.public_key().as_ref());
        });
    });
    Ok((
        algorithm,
        Private::Rsa {
            signing: Box::new(signing),
            decrypting,
        },
        spki,
    ))
}

fn ec_algorithm(algorithm: KeyAlgorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        KeyAlgorithm::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        _ => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
    }
}
