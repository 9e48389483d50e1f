use const_oid::ObjectIdentifier;
use domain::Timestamp;

use super::CmsError;
use crate::{
    Certificate, Signer,
    asn1::{Writer, tag},
    keys::{self, SignatureAlgorithm},
    oid,
};

/// Signs content and carries it inside (attached), such as a configuration profile. The
/// signer's certificate comes first, then `chain`.
///
/// # Errors
/// [`CmsError::Key`] when the key cannot sign.
pub fn sign(
    content: &[u8],
    certificate: &Certificate,
    signer: &dyn Signer,
    chain: &[Certificate],
    now: Timestamp,
) -> Result<Vec<u8>, CmsError> {
    let signing_time = attribute(oid::SIGNING_TIME, |w| w.time(now));
    SignedMessage {
        content: Some(content),
        certificate,
        signer,
        chain,
        attributes: vec![signing_time],
    }
    .build()
}

/// Certificates without content and signature (RFC 5652, section 5, "certs-only"), in the
/// order given: clients take the first certificate for the one that matters, so the set is
/// not sorted.
pub fn certs_only(certificates: &[Certificate]) -> Vec<u8> {
    signed_data(|w| {
        w.unsigned(1);
        w.constructed(tag::SET, |_| {});
        w.sequence(|w| w.oid(oid::DATA));
        w.constructed(tag::context_constructed(0), |w| {
            certificates
                .iter()
                .for_each(|certificate| w.raw(certificate.der()));
        });
        w.constructed(tag::SET, |_| {});
    })
}

/// SignedData with one signer, and signed attributes beside the mandatory ones.
pub(crate) struct SignedMessage<'a> {
    pub(crate) content: Option<&'a [u8]>,
    pub(crate) certificate: &'a Certificate,
    pub(crate) signer: &'a dyn Signer,
    pub(crate) chain: &'a [Certificate],
    /// Encoded attributes; see [`attribute`].
    pub(crate) attributes: Vec<Vec<u8>>,
}

impl SignedMessage<'_> {
    pub(crate) fn build(mut self) -> Result<Vec<u8>, CmsError> {
        let algorithm = self.signer.signature_algorithm();
        let digest = keys::digest(algorithm.digest(), self.content.unwrap_or_default());
        self.attributes
            .push(attribute(oid::CONTENT_TYPE, |w| w.oid(oid::DATA)));
        self.attributes
            .push(attribute(oid::MESSAGE_DIGEST, |w| w.octet_string(&digest)));
        let attributes = Writer::build(|w| w.set_of(tag::SET, self.attributes));
        let signature = self.signer.sign(&attributes).map_err(CmsError::Key)?;

        Ok(signed_data(|w| {
            w.unsigned(1);
            w.constructed(tag::SET, |w| {
                keys::write_algorithm(w, algorithm.digest().oid(), true);
            });
            w.sequence(|w| {
                w.oid(oid::DATA);
                if let Some(content) = self.content {
                    w.constructed(tag::context_constructed(0), |w| w.octet_string(content));
                }
            });
            w.constructed(tag::context_constructed(0), |w| {
                w.raw(self.certificate.der());
                self.chain
                    .iter()
                    .for_each(|certificate| w.raw(certificate.der()));
            });
            w.constructed(tag::SET, |w| {
                w.sequence(|w| {
                    w.unsigned(1);
                    write_issuer_serial(w, self.certificate);
                    keys::write_algorithm(w, algorithm.digest().oid(), true);
                    w.raw(&[&[tag::context_constructed(0)], &attributes[1..]].concat());
                    match algorithm {
                        // RFC 3370, section 3.2: the plain key type is what all readers know.
                        SignatureAlgorithm::RsaPkcs1(_) => {
                            keys::write_algorithm(w, oid::RSA_ENCRYPTION, true);
                        }
                        SignatureAlgorithm::Ecdsa(_) => algorithm.write(w),
                    }
                    w.octet_string(&signature);
                });
            });
        }))
    }
}

/// An encoded attribute with one value.
pub(crate) fn attribute(kind: ObjectIdentifier, value: impl FnOnce(&mut Writer)) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.oid(kind);
            w.constructed(tag::SET, value);
        });
    })
}

/// IssuerAndSerialNumber (RFC 5652, section 10.2.4).
pub(super) fn write_issuer_serial(w: &mut Writer, certificate: &Certificate) {
    w.sequence(|w| {
        w.raw(certificate.issuer().der());
        w.element(tag::INTEGER, certificate.serial());
    });
}

fn signed_data(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.oid(oid::SIGNED_DATA);
            w.constructed(tag::context_constructed(0), |w| w.sequence(write));
        });
    })
}
