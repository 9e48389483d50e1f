//! Who gets a certificate by SCEP.
//!
//! Three ways lead to one: an unused challenge of a ticket; the same challenge
//! again with the same key, when the answer was lost; a living identity of ours
//! that signs for its own renewal. Everybody else gets a CertRep failure,
//! whatever the message type.

use domain::{
    EnrollmentId, TicketId, Timestamp,
    enrollment::EnrollmentState,
    scope::{Actor, ActorKind},
};
use pki::{
    Certificate, ChainPolicy, Legacy,
    ca::{LeafProfile, LeafRequest, device_subject},
    csr::CertificateRequest,
    scep::{Body, FailInfo, MessageType, Reply, Request, Responder, ScepError, parse},
};
use serde_json::json;
use store::{Certificates as _, Enrollments as _, Ticket, Tickets as _, Tx};

use crate::{Engine, EngineError, Result, certificates::row, journal::About};

/// What became of a PKIOperation.
#[derive(Debug)]
pub enum Answer {
    /// A CertRep, success or failure; HTTP 200.
    CertRep(Reply),
    /// The message cannot be read at all; HTTP 400.
    Unreadable(ScepError),
}

/// Why a well-formed request gets no certificate; for logs and counters, never for the client.
#[derive(Debug, thiserror::Error)]
enum Denial {
    #[error("no challenge")]
    NoChallenge,
    #[error("unknown challenge")]
    UnknownChallenge,
    #[error("the challenge expired or was used for another key")]
    SpentChallenge,
    #[error("the signer's enrollment is over or its certificate revoked")]
    NotOurs,
    #[error("the message type is not served")]
    MessageType,
    #[error("the requested key is not acceptable: {0}")]
    Key(pki::ca::CaError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<store::StoreError> for Denial {
    fn from(error: store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// By what right a certificate is asked for.
enum Right {
    Challenge([u8; 32]),
    Identity([u8; 32]),
}

impl Engine {
    fn legacy(&self) -> Legacy {
        if self.settings.scep_legacy {
            Legacy::Accept
        } else {
            Legacy::Refuse
        }
    }

    /// GetCACaps.
    pub fn scep_capabilities(&self) -> Reply {
        pki::scep::capabilities(self.legacy())
    }

    /// GetCACert: the registration authority, the issuing CA, the root.
    pub fn scep_certificates(&self) -> Reply {
        let authority = self.authority.load();
        let [issuing, root] = authority.chain();
        pki::scep::ca_certificates(&[
            authority.scep.certificate.clone(),
            issuing.clone(),
            root.clone(),
        ])
    }

    /// PKIOperation: the decoded message in, the answer out.
    ///
    /// # Errors
    /// When the database or a key cannot serve; the client tries again.
    pub async fn scep_operation(&self, message: &[u8], address: &str) -> Result<Answer> {
        let authority = self.authority.load_full();
        let responder = Responder::new(
            authority.scep.certificate.clone(),
            authority.scep.key.clone(),
        );
        let now = self.now();
        let parsed = parse(
            message,
            &authority.scep.certificate,
            authority.scep.key.as_ref(),
            self.legacy(),
        );
        let request = match parsed {
            Ok(request) => request,
            Err(ScepError::Refused(refusal)) => {
                count("refused");
                tracing::info!(reason = %refusal.reason, address, "SCEP request refused");
                return responder
                    .failure(&refusal.conversation, refusal.fail_info, now)
                    .map(Answer::CertRep)
                    .map_err(EngineError::keys);
            }
            Err(unreadable) => {
                count("unreadable");
                return Ok(Answer::Unreadable(unreadable));
            }
        };
        match self.scep_issue(&request, address).await {
            Ok(issued) => {
                count("issued");
                let chain = [
                    authority.issuing.certificate().clone(),
                    authority.root.clone(),
                ];
                responder
                    .success(&request, &issued, &chain, now)
                    .map(Answer::CertRep)
                    .map_err(EngineError::keys)
            }
            Err(Denial::Engine(error)) => Err(error),
            Err(denial) => {
                count("denied");
                tracing::info!(reason = %denial, address, "SCEP request denied");
                responder
                    .failure(&request.conversation, FailInfo::BadRequest, now)
                    .map(Answer::CertRep)
                    .map_err(EngineError::keys)
            }
        }
    }

    async fn scep_issue(&self, request: &Request, address: &str) -> Result<Certificate, Denial> {
        let served = matches!(
            request.conversation.message_type,
            MessageType::PkcsReq | MessageType::RenewalReq
        );
        let Body::Certificate(csr) = &request.body else {
            return Err(Denial::MessageType);
        };
        if !served {
            return Err(Denial::MessageType);
        }
        let right = self.scep_right(request, csr)?;
        if let Right::Challenge(hash) = right {
            // A guess costs one read and never the writer.
            let known = self
                .db
                .read(move |tx| Box::pin(async move { tx.ticket_by_challenge(&hash).await }))
                .await?;
            if known.is_none() {
                return Err(Denial::UnknownChallenge);
            }
        }
        let engine = self.clone();
        let csr = csr.clone();
        let address = address.to_owned();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let actor = Actor::new(ActorKind::Device, "", "").at(address);
                    match right {
                        Right::Challenge(hash) => {
                            engine.issue_for_challenge(tx, &hash, &csr, &actor).await
                        }
                        Right::Identity(fingerprint) => {
                            engine.issue_renewal(tx, &fingerprint, &csr, &actor).await
                        }
                    }
                })
            })
            .await
    }

    fn scep_right(&self, request: &Request, csr: &CertificateRequest) -> Result<Right, Denial> {
        let authority = self.authority.load();
        let policy = ChainPolicy {
            clock_skew: self.settings.clock_skew,
            legacy: Legacy::Refuse,
            accept_expired_leaf: false,
            purpose: Some(pki::purpose::CLIENT_AUTH),
        };
        let ours = pki::verify_chain(
            &request.signer,
            &[],
            std::slice::from_ref(authority.issuing.certificate()),
            self.now(),
            &policy,
        )
        .is_ok();
        if ours {
            return Ok(Right::Identity(request.signer.fingerprint()));
        }
        match csr.challenge_password() {
            Some(challenge) if !challenge.expose().is_empty() => Ok(Right::Challenge(
                crate::sha256(challenge.expose().as_bytes()),
            )),
            _ => Err(Denial::NoChallenge),
        }
    }

    async fn issue_for_challenge(
        &self,
        tx: &mut Tx,
        hash: &[u8; 32],
        csr: &CertificateRequest,
        actor: &Actor,
    ) -> Result<Certificate, Denial> {
        let now = self.now();
        let Some(ticket) = tx.use_challenge(hash, now).await? else {
            return self.repeat_issue(tx, hash, csr).await;
        };
        let certificate = self.sign_identity(csr, &ticket.id.to_string(), now)?;
        let enrollment = ticket.enrollment_id.filter(|_| ticket.token_id.is_none());
        self.keep_identity(tx, &certificate, Some(&ticket), enrollment, now)
            .await?;
        if let Some(enrollment) = enrollment {
            self.pin_renewed(tx, enrollment, &certificate, now).await?;
        }
        self.record_issue(tx, &certificate, enrollment, actor, Some(ticket.id))
            .await?;
        Ok(certificate)
    }

    /// The same challenge again: the same certificate, if it is for the same key.
    async fn repeat_issue(
        &self,
        tx: &mut Tx,
        hash: &[u8; 32],
        csr: &CertificateRequest,
    ) -> Result<Certificate, Denial> {
        let ticket = tx
            .ticket_by_challenge(hash)
            .await?
            .filter(|ticket| ticket.challenge_used_at.is_some())
            .ok_or(Denial::SpentChallenge)?;
        let row = tx
            .certificate_of_ticket(ticket.id)
            .await?
            .filter(|row| row.revoked_at.is_none())
            .ok_or(Denial::SpentChallenge)?;
        let certificate = Certificate::from_der(&row.der).map_err(EngineError::keys)?;
        if certificate.spki() == csr.spki() {
            Ok(certificate)
        } else {
            Err(Denial::SpentChallenge)
        }
    }

    async fn issue_renewal(
        &self,
        tx: &mut Tx,
        signer: &[u8; 32],
        csr: &CertificateRequest,
        actor: &Actor,
    ) -> Result<Certificate, Denial> {
        let now = self.now();
        let pinned = tx.identity(signer).await?.ok_or(Denial::NotOurs)?;
        let revoked = tx
            .certificate(signer)
            .await?
            .is_none_or(|row| row.revoked_at.is_some());
        if revoked || pinned.enrollment.state == EnrollmentState::Ended {
            return Err(Denial::NotOurs);
        }
        let enrollment = pinned.enrollment.id;
        let certificate = self.sign_identity(csr, &enrollment.to_string(), now)?;
        self.keep_identity(tx, &certificate, None, Some(enrollment), now)
            .await?;
        self.pin_renewed(tx, enrollment, &certificate, now).await?;
        self.record_issue(tx, &certificate, Some(enrollment), actor, None)
            .await?;
        Ok(certificate)
    }

    fn sign_identity(
        &self,
        csr: &CertificateRequest,
        name: &str,
        now: Timestamp,
    ) -> Result<Certificate, Denial> {
        let authority = self.authority.load();
        authority
            .issuing
            .issue(
                &LeafRequest {
                    profile: LeafProfile::DeviceIdentity,
                    subject: &device_subject(csr.subject(), name),
                    spki: csr.spki(),
                    valid_for: self.settings.identity_lifetime,
                    alternative_names: &[],
                    urls: &authority.urls,
                },
                now,
            )
            .map_err(Denial::Key)
    }

    async fn keep_identity(
        &self,
        tx: &mut Tx,
        certificate: &Certificate,
        ticket: Option<&Ticket>,
        enrollment: Option<EnrollmentId>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let mut stored = row(certificate, "device", now);
        stored.ticket_id = ticket.map(|ticket| ticket.id);
        stored.enrollment_id = enrollment;
        tx.insert_certificate(&stored).await?;
        Ok(())
    }

    /// A renewed certificate speaks for the same enrollment; the old one still does until it ends,
    /// because the device may not have got the answer. It counts as renewed once the new one is used.
    async fn pin_renewed(
        &self,
        tx: &mut Tx,
        enrollment: EnrollmentId,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let living = tx
            .enrollment(enrollment)
            .await?
            .is_some_and(|enrollment| enrollment.state != EnrollmentState::Ended);
        if !living {
            return Err(Denial::NotOurs);
        }
        tx.pin_identity(
            &certificate.fingerprint(),
            enrollment,
            now,
            Some(certificate.not_after()),
        )
        .await?;
        Ok(())
    }

    async fn record_issue(
        &self,
        tx: &mut Tx,
        certificate: &Certificate,
        enrollment: Option<EnrollmentId>,
        actor: &Actor,
        ticket: Option<TicketId>,
    ) -> Result<(), Denial> {
        let device = match enrollment {
            Some(id) => tx.enrollment(id).await?.map(|found| found.device_id),
            None => None,
        };
        let data = json!({
            "serial": certificate.serial_hex(),
            "sha256": hex::encode(certificate.fingerprint()),
            "not_after": certificate.not_after(),
            "enrollment": enrollment,
            "ticket": ticket,
            "renewal": enrollment.is_some(),
        });
        let about = About {
            device,
            subject: Some(certificate.serial_hex()),
            unit: None,
        };
        self.record(tx, "certificate.issued", actor, about, data)
            .await?;
        Ok(())
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(crate::metrics::SCEP, "outcome" => outcome).increment(1);
}
