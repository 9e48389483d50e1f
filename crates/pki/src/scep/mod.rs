//! SCEP (RFC 8894): enrollment of identities by signed and enveloped messages.
//!
//! This module reads and writes messages. Who may get a certificate is decided elsewhere:
//! [`parse`] gives a [`Request`], the server checks its challenge or its signer, and answers
//! with [`Responder::success`] or [`Responder::failure`].

mod message;
mod request;
mod respond;
#[cfg(test)]
mod tests;

pub use message::{Conversation, FailInfo, MessageType};
pub use request::{Body, IssuerSerial, Refusal, RefusalReason, Request, ScepError, parse};
pub use respond::Responder;

use crate::{Certificate, Legacy, base64::decode_lenient, cms};

/// Content type of PKIOperation messages.
pub const PKI_MESSAGE: &str = "application/x-pki-message";
/// Largest message in bytes.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// A body with its exact content type, to be sent without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The media type.
    pub content_type: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
}

/// The answer to GetCACaps (RFC 8894, section 3.5.2). Some clients refuse a server that
/// does not list every digest and 3DES.
pub fn capabilities(legacy: Legacy) -> Reply {
    let text = match legacy {
        Legacy::Accept => {
            "AES\nDES3\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-1\nSHA-256\nSHA-384\nSHA-512\n"
        }
        Legacy::Refuse => {
            "AES\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-256\nSHA-384\nSHA-512\n"
        }
    };
    Reply {
        content_type: "text/plain",
        body: text.as_bytes().to_vec(),
    }
}

/// The answer to GetCACert (RFC 8894, section 4.2): one certificate as it is, several as a
/// certs-only message. Give the RA certificate first, then the issuing CA and the root.
pub fn ca_certificates(certificates: &[Certificate]) -> Reply {
    match certificates {
        [only] => Reply {
            content_type: "application/x-x509-ca-cert",
            body: only.der().to_vec(),
        },
        several => Reply {
            content_type: "application/x-x509-ca-ra-cert",
            body: cms::certs_only(several),
        },
    }
}

/// Decodes the `message` parameter of a PKIOperation sent by GET, after percent-decoding:
/// standard or URL-safe base64, padded or not, with `+` that became a space on the way,
/// and with line breaks.
///
/// # Errors
/// [`ScepError::Base64`] or [`ScepError::TooLarge`].
pub fn decode_get_message(message: &str) -> Result<Vec<u8>, ScepError> {
    if message.len() / 4 * 3 > MAX_MESSAGE_BYTES {
        return Err(ScepError::TooLarge);
    }
    decode_lenient(message).ok_or(ScepError::Base64)
}
