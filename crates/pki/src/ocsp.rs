//! OCSP (RFC 6960): the responder's side.

use std::{fmt, sync::Arc};

use domain::Timestamp;

use crate::{
    Certificate, KeyError, RevocationReason, Signer,
    asn1::{Asn1Error, Reader, Writer, tag},
    base64::decode_lenient,
    keys::{self, Digest},
    oid,
};

/// Content type of requests.
pub const REQUEST_TYPE: &str = "application/ocsp-request";
/// Content type of responses.
pub const RESPONSE_TYPE: &str = "application/ocsp-response";
/// Largest request in bytes.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Most certificates that one request may ask about.
const MAX_ITEMS: usize = 32;
/// Longest nonce that is echoed (RFC 9654, section 2.1), with its OCTET STRING header.
const MAX_NONCE_BYTES: usize = 128 + 3;

/// Why a request is refused; each has its own answer, see [`OcspError::response`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OcspError {
    /// Not an OCSP request, too large, or about too many certificates.
    #[error("malformed OCSP request: {0}")]
    Malformed(#[from] Asn1Error),
    /// The responder cannot sign now.
    #[error("the OCSP responder cannot sign")]
    Internal,
    /// The responder does not know the issuer.
    #[error("not a certificate of this responder")]
    Unauthorized,
}

impl OcspError {
    /// The unsigned response with this status (RFC 6960, section 4.2.1).
    pub fn response(self) -> Vec<u8> {
        let status = match self {
            Self::Malformed(_) => 1,
            Self::Internal => 2,
            Self::Unauthorized => 6,
        };
        Writer::build(|w| w.sequence(|w| w.element(tag::ENUMERATED, &[status])))
    }
}

/// A received request. Signatures on requests are ignored.
#[derive(Debug, Clone)]
pub struct OcspRequest {
    items: Vec<CertId>,
    nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// Reads a DER request of at most [`MAX_REQUEST_BYTES`].
    ///
    /// # Errors
    /// [`OcspError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, OcspError> {
        if der.len() > MAX_REQUEST_BYTES {
            return Err(Asn1Error::Value("OCSP request: too large").into());
        }
        let mut request = Reader::only(der, tag::SEQUENCE)?.sequence()?;
        request.optional(tag::context_constructed(0))?;
        request.optional(tag::context_constructed(1))?;
        let mut list = request.sequence()?;
        let mut items = Vec::new();
        while !list.is_empty() {
            if items.len() == MAX_ITEMS {
                return Err(Asn1Error::Value("OCSP request: too many certificates").into());
            }
            items.push(CertId::read(list.sequence()?.expect(tag::SEQUENCE)?.raw)?);
        }
        let mut nonce = None;
        if let Some(wrapper) = request.optional(tag::context_constructed(2))? {
            let mut extensions = wrapper.reader().sequence()?;
            while !extensions.is_empty() {
                let mut extension = extensions.sequence()?;
                let kind = extension.oid()?;
                extension.optional(tag::BOOLEAN)?;
                let value = extension.octet_string()?;
                if kind == oid::OCSP_NONCE && value.len() <= MAX_NONCE_BYTES {
                    nonce = Some(value.to_vec());
                }
            }
        }
        Ok(Self { items, nonce })
    }

    /// Reads the path segment of a GET request (RFC 6960, appendix A.1), after
    /// percent-decoding.
    ///
    /// # Errors
    /// [`OcspError::Malformed`].
    pub fn from_path(segment: &str) -> Result<Self, OcspError> {
        let der = decode_lenient(segment).ok_or(Asn1Error::Value("OCSP request: base64"))?;
        Self::from_der(&der)
    }

    /// The certificates in question.
    pub fn items(&self) -> &[CertId] {
        &self.items
    }

    /// Whether a nonce was sent: the response must then be fresh, not cached.
    pub fn has_nonce(&self) -> bool {
        self.nonce.is_some()
    }
}

/// Names a certificate by hashes of its issuer, and its serial number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertId {
    raw: Vec<u8>,
    digest: Option<Digest>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Vec<u8>,
}

impl CertId {
    fn read(raw: &[u8]) -> Result<Self, Asn1Error> {
        let mut id = Reader::only(raw, tag::SEQUENCE)?;
        let (digest, _) = keys::read_algorithm(&mut id)?;
        Ok(Self {
            raw: raw.to_vec(),
            digest: Digest::from_oid(digest),
            issuer_name_hash: id.octet_string()?.to_vec(),
            issuer_key_hash: id.octet_string()?.to_vec(),
            serial: id.integer()?.to_vec(),
        })
    }

    /// Contents octets of the serial number.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Whether the certificate claims to be issued by this one. False for unknown digests.
    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        let key = Reader::only(issuer.spki(), tag::SEQUENCE).and_then(|mut info| {
            info.sequence()?;
            info.octet_aligned_bits()
        });
        let (Some(digest), Ok(key)) = (self.digest, key) else {
            return false;
        };
        keys::digest(digest, issuer.subject().der()) == self.issuer_name_hash
            && keys::digest(digest, key) == self.issuer_key_hash
    }
}

/// What is known about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertStatus {
    /// Issued and not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why, when it is known.
        reason: Option<RevocationReason>,
    },
    /// Not issued here.
    Unknown,
}

/// Signs responses with a certificate of the profile
/// [`crate::ca::LeafProfile::OcspResponder`], issued by the CA it answers for.
#[derive(Clone)]
pub struct Responder {
    certificate: Certificate,
    signer: Arc<dyn Signer>,
}

impl Responder {
    /// With the responder certificate, which travels in every response, and its key.
    pub fn new(certificate: Certificate, signer: Arc<dyn Signer>) -> Self {
        Self {
            certificate,
            signer,
        }
    }

    /// A signed response with one status for each item of the request, in order; missing
    /// ones are unknown. The nonce is echoed. Valid from `now` to `next_update`.
    ///
    /// # Errors
    /// [`OcspError::Internal`] when the key cannot sign.
    pub fn respond(
        &self,
        request: &OcspRequest,
        statuses: &[CertStatus],
        now: Timestamp,
        next_update: Timestamp,
    ) -> Result<Vec<u8>, OcspError> {
        let data = Writer::build(|w| {
            w.sequence(|w| {
                w.constructed(tag::context_constructed(1), |w| {
                    w.raw(self.certificate.subject().der());
                });
                w.generalized_time(now);
                w.sequence(|w| {
                    for (index, item) in request.items.iter().enumerate() {
                        let status = statuses.get(index).copied().unwrap_or(CertStatus::Unknown);
                        write_single(w, item, status, now, next_update);
                    }
                });
                if let Some(nonce) = &request.nonce {
                    w.constructed(tag::context_constructed(1), |w| {
                        w.sequence(|w| {
                            w.sequence(|w| {
                                w.oid(oid::OCSP_NONCE);
                                w.octet_string(nonce);
                            });
                        });
                    });
                }
            });
        });
        let signature = self
            .signer
            .sign(&data)
            .map_err(|_: KeyError| OcspError::Internal)?;
        let basic = Writer::build(|w| {
            w.sequence(|w| {
                w.raw(&data);
                self.signer.signature_algorithm().write(w);
                w.octet_aligned_bits(&signature);
                w.constructed(tag::context_constructed(0), |w| {
                    w.sequence(|w| w.raw(self.certificate.der()));
                });
            });
        });
        Ok(Writer::build(|w| {
            w.sequence(|w| {
                w.element(tag::ENUMERATED, &[0]);
                w.constructed(tag::context_constructed(0), |w| {
                    w.sequence(|w| {
                        w.oid(oid::OCSP_BASIC);
                        w.octet_string(&basic);
                    });
                });
            });
        }))
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responder").field(&self.certificate).finish()
    }
}

fn write_single(
    w: &mut Writer,
    item: &CertId,
    status: CertStatus,
    now: Timestamp,
    next_update: Timestamp,
) {
    w.sequence(|w| {
        w.raw(&item.raw);
        match status {
            CertStatus::Good => w.element(tag::context(0), &[]),
            CertStatus::Revoked { at, reason } => {
                w.constructed(tag::context_constructed(1), |w| {
                    w.generalized_time(at);
                    if let Some(reason) = reason {
                        w.constructed(tag::context_constructed(0), |w| {
                            w.element(tag::ENUMERATED, &[reason.code()]);
                        });
                    }
                });
            }
            CertStatus::Unknown => w.element(tag::context(2), &[]),
        }
        w.generalized_time(now);
        w.constructed(tag::context_constructed(0), |w| {
            w.generalized_time(next_update)
        });
    });
}
