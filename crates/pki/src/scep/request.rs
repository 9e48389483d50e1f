use domain::Timestamp;

use super::{Conversation, FailInfo, MAX_MESSAGE_BYTES, MessageType};
use crate::{
    Certificate, Decrypter, Legacy, Name,
    asn1::{Asn1Error, Reader, tag},
    cms::{self, CmsError, ContentCipher, Limits},
    csr::{CertificateRequest, CsrError},
    keys::PublicKey,
};

/// A request whose signature, integrity and proof of possession were checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// Transaction, nonce and message type.
    pub conversation: Conversation,
    /// The certificate that signed the message: self-signed by the client, or the one to be
    /// renewed. Its chain is unchecked. Replies are encrypted to its key.
    pub signer: Certificate,
    /// The signer's own idea of the time.
    pub signing_time: Option<Timestamp>,
    /// How the content was encrypted.
    pub cipher: ContentCipher,
    /// What is asked for.
    pub body: Body,
}

impl Request {
    /// The certificate request, when this is PKCSReq, RenewalReq or UpdateReq.
    pub fn certificate_request(&self) -> Option<&CertificateRequest> {
        match &self.body {
            Body::Certificate(request) => Some(request),
            _ => None,
        }
    }
}

/// The decrypted content of a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// PKCSReq, RenewalReq and UpdateReq: a certificate request with proof of possession.
    /// A self-signed [`Request::signer`] holds the same key; one of ours that is to be
    /// renewed may hold another, and then both were proved.
    Certificate(Box<CertificateRequest>),
    /// CertPoll: issuer and subject of the pending request.
    Poll {
        /// Who would issue it.
        issuer: Name,
        /// For whom.
        subject: Name,
    },
    /// GetCert and GetCRL: the certificate in question.
    Identifier(IssuerSerial),
}

/// IssuerAndSerialNumber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSerial {
    /// The issuer.
    pub issuer: Name,
    /// Contents octets of the serial number.
    pub serial: Vec<u8>,
}

/// A request that gets a FAILURE reply (with HTTP status 200).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SCEP request refused: {reason}")]
pub struct Refusal {
    /// For the reply.
    pub conversation: Conversation,
    /// For the client.
    pub fail_info: FailInfo,
    /// For the log; never for the client.
    pub reason: RefusalReason,
}

/// The cause of a [`Refusal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// The envelope does not open.
    #[error(transparent)]
    Envelope(CmsError),
    /// The content is not what the message type says.
    #[error("malformed content: {0}")]
    Content(Asn1Error),
    /// The certificate request is refused.
    #[error(transparent)]
    Request(CsrError),
    /// A self-signed certificate of another key than that of the request signed the message
    /// (RFC 8894, section 2.3): someone else's envelope in a new wrapper.
    #[error("signed with another key than the one to be certified")]
    OtherKey,
    /// The message type is not supported.
    #[error("unsupported message type {0:?}")]
    MessageType(String),
}

/// Why a message is not SCEP at all (HTTP status 400), or what [`Refusal`] to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScepError {
    /// The parameter is not base64.
    #[error("the message is not base64")]
    Base64,
    /// Larger than [`MAX_MESSAGE_BYTES`].
    #[error("the message is too large")]
    TooLarge,
    /// Not a signed message, or its signature is wrong: nobody to answer.
    #[error("not a signed SCEP message: {0}")]
    Message(CmsError),
    /// No transaction identifier.
    #[error("the message has no transaction identifier")]
    Transaction,
    /// To be answered with FAILURE.
    #[error(transparent)]
    Refused(Box<Refusal>),
}

/// Reads a PKIOperation message that is encrypted to the RA certificate.
///
/// Everything that fails after decryption gives badMessageCheck, so that the answer does
/// not tell whether decryption worked.
///
/// # Errors
/// See [`ScepError`].
pub fn parse(
    message: &[u8],
    ra: &Certificate,
    ra_key: &dyn Decrypter,
    legacy: Legacy,
) -> Result<Request, ScepError> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(ScepError::TooLarge);
    }
    let limits = Limits {
        max_bytes: MAX_MESSAGE_BYTES,
        legacy,
        ..Limits::default()
    };
    let verified = cms::verify_message(message, None, &limits).map_err(ScepError::Message)?;
    let conversation = Conversation::read(&verified).ok_or(ScepError::Transaction)?;
    let envelope = verified.signer.content.clone().unwrap_or_default();

    let opened = match &conversation.message_type {
        MessageType::Unknown(text) => Err((
            FailInfo::BadRequest,
            RefusalReason::MessageType(text.clone()),
        )),
        _ => cms::decrypt(&envelope, ra, ra_key, legacy).map_err(|error| {
            let fail_info = match error {
                CmsError::Algorithm => FailInfo::BadAlg,
                _ => FailInfo::BadMessageCheck,
            };
            (fail_info, RefusalReason::Envelope(error))
        }),
    };
    let read = opened.and_then(|decrypted| {
        let body = read_body(
            &conversation.message_type,
            decrypted.content.expose(),
            legacy,
        )
        .and_then(|body| check_key(body, &verified.signer.certificate))
        .map_err(|reason| (FailInfo::BadMessageCheck, reason))?;
        Ok((body, decrypted.cipher))
    });
    match read {
        Ok((body, cipher)) => Ok(Request {
            conversation,
            signing_time: verified.signer.signing_time,
            signer: verified.signer.certificate,
            cipher,
            body,
        }),
        Err((fail_info, reason)) => Err(ScepError::Refused(Box::new(Refusal {
            conversation,
            fail_info,
            reason,
        }))),
    }
}

fn read_body(kind: &MessageType, content: &[u8], legacy: Legacy) -> Result<Body, RefusalReason> {
    match kind {
        MessageType::PkcsReq | MessageType::RenewalReq | MessageType::UpdateReq => {
            let request = CertificateRequest::from_der(content).map_err(RefusalReason::Request)?;
            request
                .verify_possession(legacy)
                .map_err(RefusalReason::Request)?;
            Ok(Body::Certificate(Box::new(request)))
        }
        MessageType::CertPoll => read_names(content).map_err(RefusalReason::Content),
        MessageType::GetCert | MessageType::GetCrl => {
            read_identifier(content).map_err(RefusalReason::Content)
        }
        MessageType::Unknown(text) => Err(RefusalReason::MessageType(text.clone())),
    }
}

/// A reply cannot be encrypted to an EC key, so clients that want a certificate for one sign
/// with an RSA key beside it; everybody else signs with the key in the request.
fn check_key(body: Body, signer: &Certificate) -> Result<Body, RefusalReason> {
    let is_rsa = |spki: &[u8]| matches!(PublicKey::from_spki(spki), Ok(PublicKey::Rsa { .. }));
    match &body {
        Body::Certificate(request)
            if signer.is_self_issued()
                && request.spki() != signer.spki()
                && is_rsa(request.spki()) =>
        {
            Err(RefusalReason::OtherKey)
        }
        _ => Ok(body),
    }
}

/// IssuerAndSubject (RFC 8894, section 3.3.3).
fn read_names(content: &[u8]) -> Result<Body, Asn1Error> {
    let mut pair = Reader::only(content, tag::SEQUENCE)?;
    let issuer = Name::from_der(pair.expect(tag::SEQUENCE)?.raw)?;
    let subject = Name::from_der(pair.expect(tag::SEQUENCE)?.raw)?;
    Ok(Body::Poll { issuer, subject })
}

fn read_identifier(content: &[u8]) -> Result<Body, Asn1Error> {
    let mut pair = Reader::only(content, tag::SEQUENCE)?;
    let issuer = Name::from_der(pair.expect(tag::SEQUENCE)?.raw)?;
    let serial = pair.integer()?.to_vec();
    Ok(Body::Identifier(IssuerSerial { issuer, serial }))
}
