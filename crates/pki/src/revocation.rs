//! What CRLs and OCSP say in common.

use domain::Timestamp;

/// Why a certificate was revoked (RFC 5280, section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// unspecified (0).
    Unspecified,
    /// keyCompromise (1).
    KeyCompromise,
    /// cACompromise (2).
    CaCompromise,
    /// affiliationChanged (3).
    AffiliationChanged,
    /// superseded (4).
    Superseded,
    /// cessationOfOperation (5).
    CessationOfOperation,
    /// certificateHold (6).
    CertificateHold,
    /// removeFromCRL (8).
    RemoveFromCrl,
    /// privilegeWithdrawn (9).
    PrivilegeWithdrawn,
    /// aACompromise (10).
    AaCompromise,
}

impl RevocationReason {
    const CODES: [(Self, u8); 10] = [
        (Self::Unspecified, 0),
        (Self::KeyCompromise, 1),
        (Self::CaCompromise, 2),
        (Self::AffiliationChanged, 3),
        (Self::Superseded, 4),
        (Self::CessationOfOperation, 5),
        (Self::CertificateHold, 6),
        (Self::RemoveFromCrl, 8),
        (Self::PrivilegeWithdrawn, 9),
        (Self::AaCompromise, 10),
    ];

    /// The number in CRLReason.
    pub fn code(self) -> u8 {
        Self::CODES
            .iter()
            .find(|(reason, _)| *reason == self)
            .map_or(0, |(_, code)| *code)
    }

    /// The reason with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::CODES
            .iter()
            .find(|(_, c)| *c == code)
            .map(|(reason, _)| *reason)
    }
}

/// A revoked certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Contents octets of the serial number, as [`crate::Certificate::serial`] gives them.
    pub serial: Vec<u8>,
    /// When, to the second.
    pub at: Timestamp,
    /// Why, when it is known.
    pub reason: Option<RevocationReason>,
}
