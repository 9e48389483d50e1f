use super::build::Draft;
use crate::{certificate::KeyUsage, keys::PublicKey, oid, purpose};

/// What a leaf certificate is for; fixes its key usages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeafProfile {
    /// The identity of a device: client authentication and signing.
    DeviceIdentity,
    /// SCEP registration authority: decrypts requests and signs replies. RSA only.
    ScepRa,
    /// Signs configuration profiles.
    ProfileSigner,
    /// Signs OCSP responses; its own status is not looked up (RFC 6960, section 4.2.2.2.1).
    OcspResponder,
    /// TLS server.
    TlsServer,
    /// TLS client: the stand-in of a vendor's push certificate.
    PushClient,
}

impl LeafProfile {
    pub(super) fn extend(self, draft: &mut Draft, key: &PublicKey<'_>) {
        // Only RSA keys can have keys encrypted to them.
        let transport = match key {
            PublicKey::Rsa { .. } => KeyUsage::KEY_ENCIPHERMENT,
            _ => 0,
        };
        let signature = KeyUsage::DIGITAL_SIGNATURE;
        match self {
            Self::DeviceIdentity => {
                draft.key_usage(signature | transport);
                draft.extended_key_usage(&[purpose::CLIENT_AUTH]);
            }
            Self::ScepRa => draft.key_usage(signature | transport),
            Self::ProfileSigner => {
                draft.key_usage(signature);
                // openssl smime and Apple's tools look for one of these two.
                draft.extended_key_usage(&[purpose::EMAIL_PROTECTION, purpose::CODE_SIGNING]);
            }
            Self::OcspResponder => {
                draft.key_usage(signature);
                draft.extended_key_usage(&[purpose::OCSP_SIGNING]);
                draft.extension(oid::OCSP_NO_CHECK, false, &[crate::asn1::tag::NULL, 0]);
            }
            Self::TlsServer => {
                draft.key_usage(signature | transport);
                draft.extended_key_usage(&[purpose::SERVER_AUTH]);
            }
            Self::PushClient => {
                draft.key_usage(signature);
                draft.extended_key_usage(&[purpose::CLIENT_AUTH]);
            }
        }
    }
}
