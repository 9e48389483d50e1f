//! Secrets at rest: AES-256-GCM, one envelope for each value.
//!
//! An envelope is `version(1) | key id(8) | salt(16) | nonce(12) | ciphertext | tag(16)`. The key is
//! derived for each envelope from a key-encryption key and the salt, so that the number of
//! values under one key-encryption key is not bounded by the birthday limit of GCM nonces
//! (NIST SP 800-38D, section 8.3). The place where a value lives is authenticated: a sealed
//! value copied to another row or column does not open.

use aws_lc_rs::{
    aead::{self, LessSafeKey, Nonce, UnboundKey},
    hkdf,
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use crate::SecretBytes;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = aead::NONCE_LEN;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + SALT_BYTES + NONCE_BYTES;
/// Largest value that is sealed.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why a value was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not an envelope of a known version.
    #[error("not a sealed value")]
    Malformed,
    /// Sealed under a key that is not configured.
    #[error("sealed under a key that is not available: {0}")]
    UnknownKey(KeyId),
    /// Changed, moved to another place, or sealed under another key with the same id.
    #[error("the sealed value was changed or does not belong here")]
    Refused,
    /// Larger than 16 MiB.
    #[error("the value is too large to seal")]
    TooLarge,
    /// The random generator or the library failed.
    #[error("sealing failed")]
    Operation,
}

/// Names a key-encryption key: the first 8 octets of a hash of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; KEY_ID_BYTES]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A key-encryption key of 256 bits.
pub struct KeyEncryptionKey {
    id: KeyId,
    derive: hkdf::Prk,
}

impl KeyEncryptionKey {
    /// From 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let hash = crate::token::sha256(&[b"muster key id\0".as_slice(), bytes].concat());
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&hash[..KEY_ID_BYTES]);
        Self {
            id: KeyId(id),
            derive: hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, bytes),
        }
    }

    /// Its id, as it stands in envelopes.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn envelope_key(&self, salt: &[u8]) -> Result<LessSafeKey, SealError> {
        let info = [b"muster seal v1".as_slice(), salt];
        let okm = self
            .derive
            .expand(&info, &aead::AES_256_GCM)
            .map_err(|_| SealError::Operation)?;
        Ok(LessSafeKey::new(UnboundKey::from(okm)))
    }
}

impl std::fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyEncryptionKey").field(&self.id).finish()
    }
}

/// The place where a sealed value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// Identifier of the row.
    pub row: &'a str,
    /// What kind of secret it is; usually the column.
    pub kind: &'a str,
}

impl Place<'_> {
    /// The three parts with their lengths, so that no two places look alike, bound to
    /// the header.
    fn associated_data(&self, header: &[u8]) -> Vec<u8> {
        let mut out = header.to_vec();
        for part in [self.table, self.row, self.kind] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}

/// Seals under the current key; opens what the current or an older key sealed.
#[derive(Debug)]
pub struct Sealer {
    current: KeyEncryptionKey,
    old: Vec<KeyEncryptionKey>,
}

impl Sealer {
    /// With the current key and those that were current before.
    pub fn new(current: KeyEncryptionKey, old: Vec<KeyEncryptionKey>) -> Self {
        Self { current, old }
    }

    /// The id of the current key.
    pub fn current_key(&self) -> KeyId {
        self.current.id
    }

    /// Seals a value for a place.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], or [`SealError::Operation`] when there is no randomness.
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > MAX_BYTES {
            return Err(SealError::TooLarge);
        }
        let mut random = [0; SALT_BYTES + NONCE_BYTES];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| SealError::Operation)?;
        let (salt, nonce) = random.split_at(SALT_BYTES);
        let key = self.current.envelope_key(salt)?;
        let mut out = Vec::with_capacity(HEADER_BYTES + plaintext.len() + aead::MAX_TAG_LEN);
        out.push(VERSION);
        out.extend_from_slice(&self.current.id.0);
        out.extend_from_slice(&random);
        let aad = aead::Aad::from(place.associated_data(&out));
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Operation)?;
        let mut body = Zeroizing::new(plaintext.to_vec());
        let tag = key
            .seal_in_place_separate_tag(nonce, aad, body.as_mut_slice())
            .map_err(|_| SealError::Operation)?;
        out.extend_from_slice(&body);
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Opens a value that was sealed for the same place.
    ///
    /// # Errors
    /// [`SealError::Malformed`], [`SealError::UnknownKey`] or [`SealError::Refused`].
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let id = key_id(sealed)?;
        let key = std::iter::once(&self.current)
            .chain(&self.old)
            .find(|key| key.id == id)
            .ok_or(SealError::UnknownKey(id))?;
        let (header, body) = sealed
            .split_at_checked(HEADER_BYTES)
            .ok_or(SealError::Malformed)?;
        let random = &header[1 + KEY_ID_BYTES..];
        let (salt, nonce) = random.split_at(SALT_BYTES);
        let aad = aead::Aad::from(place.associated_data(header));
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = key
            .envelope_key(salt)?
            .open_in_place(nonce, aad, body.as_mut_slice())
            .map_err(|_| SealError::Refused)?;
        Ok(SecretBytes::new(plain.to_vec()))
    }

    /// Whether a value should be sealed anew because an older key sealed it.
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn is_outdated(&self, sealed: &[u8]) -> Result<bool, SealError> {
        Ok(key_id(sealed)? != self.current.id)
    }
}

/// The id of the key that sealed a value.
///
/// # Errors
/// [`SealError::Malformed`].
pub fn key_id(sealed: &[u8]) -> Result<KeyId, SealError> {
    match sealed.split_first() {
        Some((&VERSION, rest)) => rest
            .first_chunk::<KEY_ID_BYTES>()
            .map(|id| KeyId(*id))
            .ok_or(SealError::Malformed),
        _ => Err(SealError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const PLACE: Place<'_> = Place {
        table: "escrow",
        row: "42",
        kind: "filevault_key",
    };

    fn sealer() -> Sealer {
        Sealer::new(KeyEncryptionKey::new(&[7; 32]), Vec::new())
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let sealer = sealer();
        let sealed = sealer.seal(&PLACE, b"ABCD-EFGH").unwrap();
        assert_eq!(sealer.open(&PLACE, &sealed).unwrap().expose(), b"ABCD-EFGH");
        for other in [
            Place {
                table: "escrow2",
                ..PLACE
            },
            Place { row: "4", ..PLACE },
            Place {
                kind: "pin",
                ..PLACE
            },
            // The same characters, divided differently.
            Place {
                table: "escrow4",
                row: "2",
                ..PLACE
            },
        ] {
            assert_eq!(
                sealer.open(&other, &sealed).unwrap_err(),
                SealError::Refused
            );
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let sealer = sealer();
        let sealed = sealer.seal(&PLACE, b"secret").unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(sealer.open(&PLACE, &changed).is_err(), "byte {index}");
            assert!(
                sealer.open(&PLACE, &sealed[..index]).is_err(),
                "length {index}"
            );
        }
    }

    #[test]
    fn two_seals_of_one_value_differ_and_hide_it() {
        let sealer = sealer();
        let first = sealer.seal(&PLACE, b"the same secret").unwrap();
        let second = sealer.seal(&PLACE, b"the same secret").unwrap();
        assert_ne!(first, second);
        assert!(!first.windows(8).any(|window| window == b"the same"));
    }

    #[test]
    fn rotation_opens_old_values_and_marks_them() {
        let old = sealer();
        let sealed = old.seal(&PLACE, b"x").unwrap();
        let rotated = Sealer::new(
            KeyEncryptionKey::new(&[8; 32]),
            vec![KeyEncryptionKey::new(&[7; 32])],
        );
        assert_eq!(rotated.open(&PLACE, &sealed).unwrap().expose(), b"x");
        assert!(rotated.is_outdated(&sealed).unwrap());
        let again = rotated.seal(&PLACE, b"x").unwrap();
        assert!(!rotated.is_outdated(&again).unwrap());
        assert_eq!(
            old.open(&PLACE, &again).unwrap_err(),
            SealError::UnknownKey(rotated.current_key())
        );
    }
}
