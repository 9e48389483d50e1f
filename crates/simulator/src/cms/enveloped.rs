//! EnvelopedData for RSA recipients (key transport, PKCS#1 v1.5).

use aws_lc_rs::{
    cipher::{
        AES_128, AES_192, AES_256, Algorithm, DecryptionContext, EncryptionContext,
        PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
    rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey},
};

use super::{DATA, ENVELOPED_DATA};
use crate::{
    Error, Result,
    der::{Element, explicit, implicit, integer, null, octets, oid, sequence, set, tag, unsigned},
    keys::Key,
    random::secret,
    x509::Certificate,
};

/// Content encryption algorithms, all in CBC mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// Triple DES, for servers that know nothing else.
    TripleDes,
    /// AES with a 128-bit key.
    Aes128,
    /// AES with a 192-bit key, read only.
    Aes192,
    /// AES with a 256-bit key.
    Aes256,
}

impl Cipher {
    const ALL: [Self; 4] = [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256];

    const fn oid(self) -> &'static str {
        match self {
            Self::TripleDes => "1.2.840.113549.3.7",
            Self::Aes128 => "2.16.840.1.101.3.4.1.2",
            Self::Aes192 => "2.16.840.1.101.3.4.1.22",
            Self::Aes256 => "2.16.840.1.101.3.4.1.42",
        }
    }

    #[expect(deprecated, reason = "old SCEP servers offer triple DES only")]
    const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::TripleDes => &aws_lc_rs::cipher::DES_EDE3_FOR_LEGACY_USE_ONLY,
            Self::Aes128 => &AES_128,
            Self::Aes192 => &AES_192,
            Self::Aes256 => &AES_256,
        }
    }

    const fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }
}

/// Encrypts `content` for one RSA recipient, as a whole ContentInfo.
///
/// # Errors
/// When the recipient has no RSA key.
pub fn encrypt(content: &[u8], recipient: &Certificate, cipher: Cipher) -> Result<Vec<u8>> {
    let failed = |_| Error::Key("encryption");
    let key: [u8; 32] = secret();
    let key = &key[..cipher.key_length()];
    let iv: [u8; 16] = secret();
    let iv = if cipher == Cipher::TripleDes {
        &iv[..8]
    } else {
        &iv[..]
    };
    let context = match <[u8; 16]>::try_from(iv) {
        Ok(iv) => EncryptionContext::Iv128(FixedLength::from(iv)),
        Err(_) => EncryptionContext::Iv64(FixedLength::try_from(iv).map_err(failed)?),
    };
    let unbound = UnboundCipherKey::new(cipher.algorithm(), key).map_err(failed)?;
    let mut ciphertext = content.to_vec();
    PaddedBlockEncryptingKey::cbc_pkcs7(unbound)
        .and_then(|key| key.less_safe_encrypt(&mut ciphertext, context))
        .map_err(failed)?;

    let public = PublicEncryptingKey::from_der(&recipient.spki)
        .map_err(|_| Error::Key("the recipient has no RSA key"))?;
    let public = Pkcs1PublicEncryptingKey::new(public).map_err(failed)?;
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(key, &mut wrapped).map_err(failed)?.to_vec();

    let info = sequence(&[
        integer(0),
        sequence(&[recipient.issuer.clone(), unsigned(&recipient.serial)]),
        sequence(&[oid("1.2.840.113549.1.1.1"), null()]),
        octets(&wrapped),
    ]);
    let encrypted = sequence(&[
        oid(DATA),
        sequence(&[oid(cipher.oid()), octets(iv)]),
        implicit(0, &ciphertext),
    ]);
    let enveloped = sequence(&[integer(0), set(&[info]), encrypted]);
    Ok(sequence(&[oid(ENVELOPED_DATA), explicit(0, &enveloped)]))
}

/// Decrypts a ContentInfo for the holder of `key` and names the cipher it used.
///
/// # Errors
/// When the bytes are not EnvelopedData for this key.
pub fn decrypt(bytes: &[u8], key: &Key, own: &Certificate) -> Result<(Vec<u8>, Cipher)> {
    let mut outer = Element::only(bytes)?.inside();
    if outer.next()?.oid()? != ENVELOPED_DATA {
        return Err(Error::Cms("not EnvelopedData".into()));
    }
    let mut parts = outer.expect(0xa0)?.inside().expect(tag::SEQUENCE)?.inside();
    parts.expect(tag::INTEGER)?;
    parts.optional(0xa0)?;
    let mut recipients = parts.expect(tag::SET)?.inside();
    let mut wrapped = None;
    while !recipients.is_empty() {
        let recipient = recipients.next()?;
        if recipient.tag != tag::SEQUENCE {
            continue;
        }
        let mut info = recipient.inside();
        info.expect(tag::INTEGER)?;
        let id = info.next()?;
        let algorithm = info.expect(tag::SEQUENCE)?.inside().next()?.oid()?;
        if algorithm != "1.2.840.113549.1.1.1" {
            return Err(Error::Cms(format!("key encryption {algorithm}")));
        }
        let mut pair = id.inside();
        let ours = id.tag != tag::SEQUENCE
            || (pair.next()?.raw == own.issuer && pair.next()?.unsigned()? == own.serial);
        if ours {
            wrapped = Some(info.expect(tag::OCTETS)?.content);
        }
    }
    let wrapped = wrapped.ok_or_else(|| Error::Cms("encrypted for somebody else".into()))?;
    let mut encrypted = parts.expect(tag::SEQUENCE)?.inside();
    encrypted.next()?;
    let mut algorithm = encrypted.expect(tag::SEQUENCE)?.inside();
    let id = algorithm.next()?.oid()?;
    let cipher = Cipher::ALL
        .into_iter()
        .find(|cipher| cipher.oid() == id)
        .ok_or_else(|| Error::Cms(format!("unknown cipher {id}")))?;
    let iv = algorithm.expect(tag::OCTETS)?.content;
    let ciphertext = encrypted.next()?;
    let mut in_out = match ciphertext.tag {
        0x80 => ciphertext.content.to_vec(),
        0xa0 => {
            let mut joined = Vec::new();
            let mut chunks = ciphertext.inside();
            while !chunks.is_empty() {
                joined.extend_from_slice(chunks.expect(tag::OCTETS)?.content);
            }
            joined
        }
        _ => return Err(Error::Cms("no encrypted content".into())),
    };
    let failed = |_| Error::Cms("the content does not decrypt".into());
    let content_key = key.decrypt(wrapped)?;
    let unbound = UnboundCipherKey::new(cipher.algorithm(), &content_key).map_err(failed)?;
    let context = match <[u8; 16]>::try_from(iv) {
        Ok(iv) => DecryptionContext::Iv128(FixedLength::from(iv)),
        Err(_) => DecryptionContext::Iv64(FixedLength::try_from(iv).map_err(failed)?),
    };
    let plain = PaddedBlockDecryptingKey::cbc_pkcs7(unbound)
        .and_then(|key| {
            key.decrypt(&mut in_out, context)
                .map(|plain| plain.to_vec())
        })
        .map_err(failed)?;
    Ok((plain, cipher))
}
