//! Object identifiers that appear in the formats of this crate.

use const_oid::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

// Keys and signatures: RFC 3279, RFC 5480, RFC 5758.
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
pub(crate) const SHA1_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.5");
pub(crate) const SHA256_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
pub(crate) const SHA384_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
pub(crate) const SHA512_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
/// sha1WithRSASignature of OIW, written by very old tools.
pub(crate) const SHA1_WITH_RSA_OIW: ObjectIdentifier = oid("1.3.14.3.2.29");
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub(crate) const CURVE_P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub(crate) const CURVE_P384: ObjectIdentifier = oid("1.3.132.0.34");
pub(crate) const ECDSA_SHA1: ObjectIdentifier = oid("1.2.840.10045.4.1");
pub(crate) const ECDSA_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
pub(crate) const ECDSA_SHA384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
pub(crate) const ECDSA_SHA512: ObjectIdentifier = oid("1.2.840.10045.4.3.4");

// Digests.
pub(crate) const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
pub(crate) const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
pub(crate) const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
pub(crate) const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");

// Content encryption.
pub(crate) const DES_CBC: ObjectIdentifier = oid("1.3.14.3.2.7");
pub(crate) const DES_EDE3_CBC: ObjectIdentifier = oid("1.2.840.113549.3.7");
pub(crate) const AES128_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.2");
pub(crate) const AES256_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");

// CMS (RFC 5652) and PKCS#9 attributes.
pub(crate) const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
pub(crate) const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
pub(crate) const ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.3");
pub(crate) const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
pub(crate) const SIGNING_TIME: ObjectIdentifier = oid("1.2.840.113549.1.9.5");
pub(crate) const CHALLENGE_PASSWORD: ObjectIdentifier = oid("1.2.840.113549.1.9.7");
pub(crate) const EXTENSION_REQUEST: ObjectIdentifier = oid("1.2.840.113549.1.9.14");
/// Microsoft's own number for the extension request.
pub(crate) const MS_EXTENSION_REQUEST: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.14");

// SCEP attributes: RFC 8894, section 3.2.
pub(crate) const SCEP_MESSAGE_TYPE: ObjectIdentifier = oid("2.16.840.1.113733.1.9.2");
pub(crate) const SCEP_PKI_STATUS: ObjectIdentifier = oid("2.16.840.1.113733.1.9.3");
pub(crate) const SCEP_FAIL_INFO: ObjectIdentifier = oid("2.16.840.1.113733.1.9.4");
pub(crate) const SCEP_SENDER_NONCE: ObjectIdentifier = oid("2.16.840.1.113733.1.9.5");
pub(crate) const SCEP_RECIPIENT_NONCE: ObjectIdentifier = oid("2.16.840.1.113733.1.9.6");
pub(crate) const SCEP_TRANSACTION_ID: ObjectIdentifier = oid("2.16.840.1.113733.1.9.7");

// Extensions: RFC 5280, section 4.2.
pub(crate) const SUBJECT_KEY_ID: ObjectIdentifier = oid("2.5.29.14");
pub(crate) const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
pub(crate) const SUBJECT_ALT_NAME: ObjectIdentifier = oid("2.5.29.17");
pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
pub(crate) const CRL_NUMBER: ObjectIdentifier = oid("2.5.29.20");
pub(crate) const CRL_REASON: ObjectIdentifier = oid("2.5.29.21");
pub(crate) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = oid("2.5.29.31");
pub(crate) const AUTHORITY_KEY_ID: ObjectIdentifier = oid("2.5.29.35");
pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
pub(crate) const CERTIFICATE_POLICIES: ObjectIdentifier = oid("2.5.29.32");
pub(crate) const AUTHORITY_INFO_ACCESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.1.1");
pub(crate) const ACCESS_OCSP: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1");

// OCSP: RFC 6960.
pub(crate) const OCSP_BASIC: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.1");
pub(crate) const OCSP_NONCE: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.2");
pub(crate) const OCSP_NO_CHECK: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.5");

/// Name attribute types: RFC 4519.
pub mod attribute {
    use super::{ObjectIdentifier, oid};

    /// commonName.
    pub const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
    /// serialNumber.
    pub const SERIAL_NUMBER: ObjectIdentifier = oid("2.5.4.5");
    /// countryName.
    pub const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
    /// localityName.
    pub const LOCALITY: ObjectIdentifier = oid("2.5.4.7");
    /// stateOrProvinceName.
    pub const STATE: ObjectIdentifier = oid("2.5.4.8");
    /// organizationName.
    pub const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
    /// organizationalUnitName.
    pub const ORGANIZATIONAL_UNIT: ObjectIdentifier = oid("2.5.4.11");
    /// userId; in push certificates it holds the topic.
    pub const USER_ID: ObjectIdentifier = oid("0.9.2342.19200300.100.1.1");
    /// domainComponent.
    pub const DOMAIN_COMPONENT: ObjectIdentifier = oid("0.9.2342.19200300.100.1.25");
    /// emailAddress.
    pub const EMAIL: ObjectIdentifier = oid("1.2.840.113549.1.9.1");
}

/// Extended key usages: RFC 5280, section 4.2.1.12, and RFC 6960.
pub mod purpose {
    use super::{ObjectIdentifier, oid};

    /// id-kp-serverAuth.
    pub const SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
    /// id-kp-clientAuth.
    pub const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
    /// id-kp-codeSigning.
    pub const CODE_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.3");
    /// id-kp-emailProtection.
    pub const EMAIL_PROTECTION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
    /// id-kp-OCSPSigning.
    pub const OCSP_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");
    /// anyExtendedKeyUsage.
    pub const ANY: ObjectIdentifier = oid("2.5.29.37.0");
}
