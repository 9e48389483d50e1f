//! Writing SignedData, in DER or as streamed BER.

use super::{CONTENT_TYPE, DATA, MESSAGE_DIGEST, SHA256, SIGNED_DATA, SIGNING_TIME};
use crate::{
    Result,
    der::{self, explicit, integer, null, octets, oid, sequence, set, set_of, time, tlv, unsigned},
    keys::{Algorithm, Digest, Key},
    x509::Certificate,
};

/// A signed attribute: type and one whole DER value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Dotted type.
    pub id: &'static str,
    /// DER value.
    pub value: Vec<u8>,
}

/// How a signature is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form {
    /// The content travels inside.
    pub attached: bool,
    /// Indefinite lengths and a chunked octet string, as streaming writers make them.
    pub ber: bool,
}

/// Who signs, when, and what else the signature covers.
#[derive(Debug, Clone)]
pub struct Signing<'a> {
    /// The signer's key.
    pub key: &'a Key,
    /// The signer's certificate.
    pub certificate: &'a Certificate,
    /// Further certificates to embed.
    pub chain: &'a [Certificate],
    /// signingTime, seconds since 1970.
    pub at: i64,
    /// Further signed attributes.
    pub attributes: Vec<Attribute>,
}

impl<'a> Signing<'a> {
    /// A signature without further attributes.
    #[must_use]
    pub const fn new(key: &'a Key, certificate: &'a Certificate, at: i64) -> Self {
        Self {
            key,
            certificate,
            chain: &[],
            at,
            attributes: Vec::new(),
        }
    }

    /// Signs `content` with SHA-256.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, content: &[u8], form: Form) -> Result<Vec<u8>> {
        let digest_algorithm = sequence(&[oid(SHA256), null()]);
        let mut certificates = self.certificate.der.clone();
        for certificate in self.chain {
            certificates.extend_from_slice(&certificate.der);
        }
        let signer = self.signer_info(content, &digest_algorithm)?;
        if form.ber {
            return Ok(streamed(
                content,
                form.attached,
                &digest_algorithm,
                &certificates,
                &signer,
            ));
        }
        let encapsulated = if form.attached {
            sequence(&[oid(DATA), explicit(0, &octets(content))])
        } else {
            sequence(&[oid(DATA)])
        };
        let signed = sequence(&[
            integer(1),
            set(&[digest_algorithm]),
            encapsulated,
            tlv(0xa0, &certificates),
            set(&[signer]),
        ]);
        Ok(sequence(&[oid(SIGNED_DATA), explicit(0, &signed)]))
    }

    fn signer_info(&self, content: &[u8], digest_algorithm: &[u8]) -> Result<Vec<u8>> {
        let attribute = |id: &str, value: &[u8]| sequence(&[oid(id), set(&[value])]);
        let mut attributes = vec![
            attribute(CONTENT_TYPE, &oid(DATA)),
            attribute(SIGNING_TIME, &time(self.at)),
            attribute(MESSAGE_DIGEST, &octets(&Digest::Sha256.of(content))),
        ];
        attributes.extend(
            self.attributes
                .iter()
                .map(|extra| attribute(extra.id, &extra.value)),
        );
        let signed = set_of(attributes);
        let signature = self.key.sign(&signed)?;
        let algorithm = match self.key.algorithm() {
            Algorithm::Rsa2048 => sequence(&[oid("1.2.840.113549.1.1.1"), null()]),
            Algorithm::P256 => self.key.signature_algorithm(),
        };
        // The attributes are signed as a SET but sent under an implicit tag (RFC 5652 section 5.4).
        let mut sent = signed;
        if let Some(first) = sent.first_mut() {
            *first = 0xa0;
        }
        Ok(sequence(&[
            integer(1),
            sequence(&[
                self.certificate.issuer.clone(),
                unsigned(&self.certificate.serial),
            ]),
            digest_algorithm.to_vec(),
            sent,
            algorithm,
            octets(&signature),
        ]))
    }
}

/// SignedData that only carries certificates (RFC 8894 section 3.4).
#[must_use]
pub fn certificates_only(certificates: &[Certificate]) -> Vec<u8> {
    let all: Vec<u8> = certificates
        .iter()
        .flat_map(|certificate| certificate.der.clone())
        .collect();
    let empty: [Vec<u8>; 0] = [];
    let signed = sequence(&[
        integer(1),
        set(&empty),
        sequence(&[oid(DATA)]),
        tlv(0xa0, &all),
        set(&empty),
    ]);
    sequence(&[oid(SIGNED_DATA), explicit(0, &signed)])
}

fn streamed(
    content: &[u8],
    attached: bool,
    digest_algorithm: &[u8],
    certificates: &[u8],
    signer: &[u8],
) -> Vec<u8> {
    let encapsulated = if attached {
        let chunks: Vec<u8> = content.chunks(200).flat_map(octets).collect();
        indefinite(
            0x30,
            &[
                &oid(DATA),
                &indefinite(0xa0, &[&indefinite(0x24, &[&chunks])]),
            ],
        )
    } else {
        indefinite(0x30, &[&oid(DATA)])
    };
    let signed = indefinite(
        0x30,
        &[
            &der::integer(1),
            &set(&[digest_algorithm]),
            &encapsulated,
            &indefinite(0xa0, &[certificates]),
            &set(&[signer]),
        ],
    );
    indefinite(0x30, &[&oid(SIGNED_DATA), &indefinite(0xa0, &[&signed])])
}

/// Indefinite length, closed by an end-of-contents element (X.690 section 8.1.3.6).
fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![tag, 0x80];
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&[0, 0]);
    out
}
