use crate::{
    asn1::{Reader, Writer, read, tag},
    cms::{VerifiedMessage, attribute},
    keys::Digest,
    oid,
};

/// Longest transaction identifier and nonce that are echoed, in bytes.
const MAX_ECHO: usize = 256;

/// Message types (RFC 8894, section 3.2.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageType {
    /// PKCSReq (19): a first certificate.
    PkcsReq,
    /// RenewalReq (17): a new certificate, signed with the old one.
    RenewalReq,
    /// UpdateReq (18): as renewal; only in drafts of the standard.
    UpdateReq,
    /// CertPoll (20): asks for the outcome of a pending request.
    CertPoll,
    /// GetCert (21).
    GetCert,
    /// GetCRL (22).
    GetCrl,
    /// Anything else, as written.
    Unknown(String),
}

impl MessageType {
    pub(super) fn from_text(text: &str) -> Self {
        match text.trim() {
            "19" => Self::PkcsReq,
            "17" => Self::RenewalReq,
            "18" => Self::UpdateReq,
            "20" => Self::CertPoll,
            "21" => Self::GetCert,
            "22" => Self::GetCrl,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// Why a request fails (RFC 8894, section 3.2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailInfo {
    /// badAlg (0): unrecognized or unsupported algorithm.
    BadAlg,
    /// badMessageCheck (1): integrity check failed.
    BadMessageCheck,
    /// badRequest (2): not permitted or not supported.
    BadRequest,
    /// badTime (3): signing time not close enough to the server's.
    BadTime,
    /// badCertId (4): no such certificate.
    BadCertId,
}

impl FailInfo {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::BadAlg => "0",
            Self::BadMessageCheck => "1",
            Self::BadRequest => "2",
            Self::BadTime => "3",
            Self::BadCertId => "4",
        }
    }
}

/// What ties a reply to its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The transaction identifier, echoed.
    pub transaction_id: String,
    /// The sender nonce of the request: recipient nonce of the reply. Empty when missing.
    pub sender_nonce: Vec<u8>,
    /// The message type.
    pub message_type: MessageType,
    /// The digest that the request was signed with.
    pub digest: Digest,
}

impl Conversation {
    /// From the signed attributes; `None` without a transaction identifier.
    pub(super) fn read(message: &VerifiedMessage) -> Option<Self> {
        let text = |kind| {
            let value = message.attribute(kind)?;
            let element = Reader::new(value).element().ok()?;
            read::text(element).filter(|text| text.len() <= MAX_ECHO)
        };
        let nonce = message
            .attribute(oid::SCEP_SENDER_NONCE)
            .and_then(|value| Reader::new(value).octet_string().ok())
            .filter(|nonce| nonce.len() <= MAX_ECHO);
        Some(Self {
            transaction_id: text(oid::SCEP_TRANSACTION_ID)?,
            sender_nonce: nonce.unwrap_or_default().to_vec(),
            message_type: MessageType::from_text(&text(oid::SCEP_MESSAGE_TYPE).unwrap_or_default()),
            digest: message.digest,
        })
    }

    /// The attributes of a CertRep (message type 3) in this conversation.
    pub(super) fn reply_attributes(
        &self,
        fail_info: Option<FailInfo>,
        own_nonce: &[u8],
    ) -> Vec<Vec<u8>> {
        let printable = |text: &str| {
            let text = text.to_owned();
            move |w: &mut Writer| w.element(tag::PRINTABLE_STRING, text.as_bytes())
        };
        let status = if fail_info.is_some() { "2" } else { "0" };
        let mut attributes = vec![
            attribute(oid::SCEP_TRANSACTION_ID, printable(&self.transaction_id)),
            attribute(oid::SCEP_MESSAGE_TYPE, printable("3")),
            attribute(oid::SCEP_PKI_STATUS, printable(status)),
            attribute(oid::SCEP_SENDER_NONCE, |w| w.octet_string(own_nonce)),
        ];
        if !self.sender_nonce.is_empty() {
            let nonce = &self.sender_nonce;
            attributes.push(attribute(oid::SCEP_RECIPIENT_NONCE, |w| {
                w.octet_string(nonce)
            }));
        }
        if let Some(fail_info) = fail_info {
            attributes.push(attribute(
                oid::SCEP_FAIL_INFO,
                printable(fail_info.as_str()),
            ));
        }
        attributes
    }
}
