//! Helpers for tokens: hashes, comparison, text forms. Random bytes are arguments.

use ::base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use aws_lc_rs::{constant_time, digest};

/// Crockford's alphabet: no I, L, O or U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The SHA-256 hash.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

/// Compares two secrets; the time taken tells only whether their lengths agree.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Random bytes as Crockford base32, for codes that people type: 5 bits per character,
/// the last one filled with zero bits.
pub fn base32(random: &[u8]) -> String {
    let mut text = String::with_capacity(random.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for &octet in random {
        buffer = ((buffer << 8) | u32::from(octet)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(crockford(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(crockford(buffer << (5 - bits)));
    }
    text
}

/// Puts a typed code into the form that [`base32`] writes: upper case, without spaces
/// and hyphens, I and L as 1, O as 0.
pub fn normalize_base32(typed: &str) -> String {
    typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        })
        .collect()
}

/// Random bytes as URL-safe base64 without padding, for tokens that machines carry.
pub fn base64url(random: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

fn crockford(bits: u32) -> char {
    char::from(CROCKFORD[(bits & 0x1f) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_crockford_and_survives_typing() {
        assert_eq!(base32(b""), "");
        assert_eq!(base32(&[0xff]), "ZW");
        // 0x48656c6c6f: the bits regrouped by five.
        assert_eq!(base32(b"Hello"), "91JPRV3F");
        assert_eq!(normalize_base32("9ljp-rv3f "), "91JPRV3F");
        assert_eq!(base32(&[0; 25]).len(), 40);
    }

    #[test]
    fn comparison_needs_equal_length_and_content() {
        assert!(equal(b"secret", b"secret"));
        assert!(!equal(b"secret", b"secreT"));
        assert!(!equal(b"secret", b"secret "));
    }

    #[test]
    fn hash_is_sha256() {
        assert_eq!(
            hex::encode(sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }
}
