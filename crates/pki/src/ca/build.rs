use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;
use domain::Timestamp;

use super::Urls;
use crate::{
    AlternativeName, Certificate, KeyError, Name, Signer,
    asn1::{Reader, Writer, tag},
    certificate::{KeyUsage, write_alternative_names},
    oid,
};

/// A certificate before it is signed: TBSCertificate of RFC 5280, section 4.1.
pub(super) struct Draft {
    serial: [u8; 16],
    issuer: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    subject: Vec<u8>,
    spki: Vec<u8>,
    extensions: Vec<Vec<u8>>,
}

impl Draft {
    pub(super) fn new(
        serial: [u8; 16],
        issuer: &Name,
        (not_before, not_after): (Timestamp, Timestamp),
        subject: &Name,
        spki: &[u8],
    ) -> Self {
        Self {
            serial,
            issuer: issuer.der().to_vec(),
            not_before,
            not_after,
            subject: subject.der().to_vec(),
            spki: spki.to_vec(),
            extensions: Vec::new(),
        }
    }

    pub(super) fn extension(&mut self, kind: ObjectIdentifier, critical: bool, value: &[u8]) {
        self.extensions.push(Writer::build(|w| {
            w.sequence(|w| {
                w.oid(kind);
                if critical {
                    w.boolean(true);
                }
                w.octet_string(value);
            });
        }));
    }

    /// Basic constraints and key usage of a CA.
    pub(super) fn authority(&mut self, path_length: u64) {
        let constraints = Writer::build(|w| {
            w.sequence(|w| {
                w.boolean(true);
                w.unsigned(path_length);
            });
        });
        self.extension(oid::BASIC_CONSTRAINTS, true, &constraints);
        // digitalSignature lets the CA answer OCSP requests itself.
        self.key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN | KeyUsage::DIGITAL_SIGNATURE);
    }

    pub(super) fn key_usage(&mut self, bits: u16) {
        self.extension(oid::KEY_USAGE, true, &Writer::build(|w| w.named_bits(bits)));
    }

    pub(super) fn extended_key_usage(&mut self, uses: &[ObjectIdentifier]) {
        let value = Writer::build(|w| w.sequence(|w| uses.iter().for_each(|u| w.oid(*u))));
        self.extension(oid::EXTENDED_KEY_USAGE, false, &value);
    }

    /// Critical when nothing else names the subject (RFC 5280, section 4.2.1.6).
    pub(super) fn alternative_names(&mut self, names: &[AlternativeName], only_name: bool) {
        if !names.is_empty() {
            let value = Writer::build(|w| write_alternative_names(w, names));
            self.extension(oid::SUBJECT_ALT_NAME, only_name, &value);
        }
    }

    /// Subject and authority key identifiers; `None` for a self-signed certificate.
    pub(super) fn key_ids(&mut self, issuer: Option<&Certificate>) {
        let own = key_id(&self.spki);
        self.extension(
            oid::SUBJECT_KEY_ID,
            false,
            &Writer::build(|w| w.octet_string(&own)),
        );
        if let Some(issuer) = issuer {
            self.extension(oid::AUTHORITY_KEY_ID, false, &authority_key_id(issuer));
        }
    }

    pub(super) fn urls(&mut self, urls: &Urls) {
        if let Some(crl) = &urls.crl {
            // DistributionPoint { [0] { [0] fullName { [6] URI } } }
            let value = Writer::build(|w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.constructed(tag::context_constructed(0), |w| {
                            w.constructed(tag::context_constructed(0), |w| {
                                w.element(tag::context(6), crl.as_bytes());
                            });
                        });
                    });
                });
            });
            self.extension(oid::CRL_DISTRIBUTION_POINTS, false, &value);
        }
        if let Some(ocsp) = &urls.ocsp {
            let value = Writer::build(|w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.oid(oid::ACCESS_OCSP);
                        w.element(tag::context(6), ocsp.as_bytes());
                    });
                });
            });
            self.extension(oid::AUTHORITY_INFO_ACCESS, false, &value);
        }
    }

    pub(super) fn sign(&self, signer: &dyn Signer) -> Result<Vec<u8>, KeyError> {
        let tbs = Writer::build(|w| {
            w.sequence(|w| {
                w.constructed(tag::context_constructed(0), |w| w.unsigned(2));
                w.positive(&self.serial);
                signer.signature_algorithm().write(w);
                w.raw(&self.issuer);
                w.sequence(|w| {
                    w.time(self.not_before);
                    w.time(self.not_after);
                });
                w.raw(&self.subject);
                w.raw(&self.spki);
                w.constructed(tag::context_constructed(3), |w| {
                    w.sequence(|w| {
                        self.extensions
                            .iter()
                            .for_each(|extension| w.raw(extension))
                    });
                });
            });
        });
        let signature = signer.sign(&tbs)?;
        Ok(Writer::build(|w| {
            w.sequence(|w| {
                w.raw(&tbs);
                signer.signature_algorithm().write(w);
                w.octet_aligned_bits(&signature);
            });
        }))
    }
}

/// AuthorityKeyIdentifier with the key identifier of the issuer.
pub(crate) fn authority_key_id(issuer: &Certificate) -> Vec<u8> {
    let computed = key_id(issuer.spki());
    let id = issuer.subject_key_id().unwrap_or(&computed);
    Writer::build(|w| w.sequence(|w| w.element(tag::context(0), id)))
}

/// The leftmost 160 bits of SHA-256 over the key bits (RFC 7093, section 2, method 1).
fn key_id(spki: &[u8]) -> Vec<u8> {
    let bits = Reader::only(spki, tag::SEQUENCE)
        .and_then(|mut info| {
            info.sequence()?;
            info.octet_aligned_bits()
        })
        .unwrap_or(spki);
    digest::digest(&digest::SHA256, bits).as_ref()[..20].to_vec()
}
