use std::{fmt, sync::Arc};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use domain::Timestamp;

use super::{Conversation, FailInfo, PKI_MESSAGE, Reply, Request};
use crate::{
    Certificate, KeyError, Signer,
    cms::{self, CmsError, SignedMessage, attribute},
    oid,
};

/// Makes CertRep messages, signed by the RA certificate, which travels inside.
#[derive(Clone)]
pub struct Responder {
    certificate: Certificate,
    signer: Arc<dyn Signer>,
}

impl Responder {
    /// With the RA certificate, which GetCACert offers too, and its key.
    pub fn new(certificate: Certificate, signer: Arc<dyn Signer>) -> Self {
        Self {
            certificate,
            signer,
        }
    }

    /// The RA certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// SUCCESS with the issued certificate first and `chain` after it, in the cipher of the
    /// request, encrypted to the request's signer.
    ///
    /// # Errors
    /// [`CmsError::Recipient`] when the signer's key is not RSA.
    pub fn success(
        &self,
        request: &Request,
        issued: &Certificate,
        chain: &[Certificate],
        now: Timestamp,
    ) -> Result<Reply, CmsError> {
        let certificates: Vec<Certificate> =
            std::iter::once(issued).chain(chain).cloned().collect();
        let bundle = cms::certs_only(&certificates);
        let envelope = cms::encrypt(&bundle, &request.signer, request.cipher)?;
        self.reply(&request.conversation, None, Some(&envelope), now)
    }

    /// FAILURE. Also sent with HTTP status 200.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn failure(
        &self,
        conversation: &Conversation,
        fail_info: FailInfo,
        now: Timestamp,
    ) -> Result<Reply, CmsError> {
        self.reply(conversation, Some(fail_info), None, now)
    }

    fn reply(
        &self,
        conversation: &Conversation,
        fail_info: Option<FailInfo>,
        content: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Reply, CmsError> {
        let mut nonce = [0; 16];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| CmsError::Key(KeyError::Operation))?;
        let mut attributes = conversation.reply_attributes(fail_info, &nonce);
        attributes.push(attribute(oid::SIGNING_TIME, |w| w.time(now)));
        let body = SignedMessage {
            content,
            certificate: &self.certificate,
            signer: self.signer.as_ref(),
            chain: &[],
            attributes,
        }
        .build()?;
        Ok(Reply {
            content_type: PKI_MESSAGE,
            body,
        })
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responder").field(&self.certificate).finish()
    }
}
