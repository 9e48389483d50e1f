//! Issued certificates as rows, revocation lists, and answers about single certificates.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    scope::{Authority as Permission, Scope},
};
use pki::{
    Certificate, RevocationReason,
    ocsp::{CertStatus, OcspError, OcspRequest, Responder},
};
use serde_json::json;
use store::{Certificates as _, Devices as _, Enrollments as _};

use crate::{Engine, EngineError, Result, journal::About};

/// The name of the issuing CA in addresses and rows.
pub const ISSUER: &str = "issuing";
/// How long a revocation list or an OCSP answer may be used.
const VALID_FOR: Duration = Duration::from_secs(24 * 3600);

/// The row of a certificate that was just issued.
pub(crate) fn row(certificate: &Certificate, kind: &str, now: Timestamp) -> store::Certificate {
    store::Certificate {
        sha256: certificate.fingerprint(),
        serial: certificate.serial_hex(),
        issuer: ISSUER.to_owned(),
        kind: kind.to_owned(),
        subject: certificate.subject().to_string(),
        der: certificate.der().to_vec(),
        enrollment_id: None,
        ticket_id: None,
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        issued_at: now,
        revoked_at: None,
        revocation_reason: None,
        superseded_at: None,
    }
}

impl Engine {
    /// The certificate revocation list of the issuing CA, DER; made at most once a minute.
    ///
    /// # Errors
    /// When the database or the CA's key cannot serve.
    pub async fn revocation_list(&self) -> Result<Arc<Vec<u8>>> {
        let now = self.now();
        if let Some((at, list)) = self.revocation_list.load().as_ref()
            && now.since(*at) < Duration::from_secs(60)
        {
            return Ok(Arc::clone(list));
        }
        let revoked = self
            .db
            .read(move |tx| Box::pin(async move { tx.revoked_certificates(ISSUER, now).await }))
            .await?;
        let entries = revoked
            .iter()
            .map(|entry| {
                Ok(pki::Revoked {
                    serial: hex::decode(&entry.serial).map_err(EngineError::keys)?,
                    at: entry.revoked_at,
                    reason: reason_of(Some(entry.reason)),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let issue = pki::crl::Issue {
            number: u64::try_from(now.millis()).unwrap_or(0),
            this_update: now,
            next_update: now.plus(VALID_FOR),
        };
        let authority = self.authority.load();
        let list =
            pki::crl::build(&authority.issuing, &issue, &entries).map_err(EngineError::keys)?;
        let list = Arc::new(list);
        self.revocation_list
            .store(Arc::new(Some((now, Arc::clone(&list)))));
        Ok(list)
    }

    /// Answers an OCSP request (RFC 6960), DER in, DER out; an unreadable one gets an OCSP error answer.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub async fn ocsp(&self, request: Result<OcspRequest, OcspError>) -> Result<Vec<u8>> {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Ok(error.response()),
        };
        let now = self.now();
        let authority = self.authority.load_full();
        let issuer = authority.issuing.certificate();
        let serials: Vec<Option<String>> = request
            .items()
            .iter()
            .map(|item| {
                item.is_issued_by(issuer)
                    .then(|| serial_text(item.serial()))
            })
            .collect();
        let statuses = self
            .db
            .read(move |tx| {
                Box::pin(async move {
                    let mut statuses = Vec::with_capacity(serials.len());
                    for serial in serials {
                        let row = match serial {
                            Some(serial) => tx.certificate_by_serial(ISSUER, &serial).await?,
                            None => None,
                        };
                        statuses.push(row.map_or(CertStatus::Unknown, |row| {
                            row.revoked_at
                                .map_or(CertStatus::Good, |at| CertStatus::Revoked {
                                    at,
                                    reason: reason_of(row.revocation_reason),
                                })
                        }));
                    }
                    Ok::<_, store::StoreError>(statuses)
                })
            })
            .await?;
        let responder = Responder::new(
            authority.ocsp.certificate.clone(),
            authority.ocsp.key.clone(),
        );
        Ok(responder
            .respond(&request, &statuses, now, now.plus(VALID_FOR))
            .unwrap_or_else(OcspError::response))
    }

    /// The certificates that were issued to a device, newest first.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`] for an unknown device.
    pub async fn certificates_of_device(
        &self,
        by: &Permission,
        device: domain::DeviceId,
    ) -> Result<Vec<store::Certificate>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| {
                Box::pin(async move {
                    tx.device(device)
                        .await?
                        .ok_or(EngineError::NotFound("device"))?;
                    let mut all = Vec::new();
                    for enrollment in tx.enrollments_of(device).await? {
                        all.extend(tx.certificates_of(enrollment.id).await?);
                    }
                    all.sort_by_key(|certificate| std::cmp::Reverse(certificate.issued_at));
                    Ok(all)
                })
            })
            .await
    }

    /// Revokes a certificate; whoever shows it from now on is refused.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::NotFound`].
    pub async fn revoke_certificate(
        &self,
        by: &Permission,
        fingerprint: [u8; 32],
        reason: &str,
    ) -> Result<()> {
        by.require(Scope::SettingsWrite)?;
        let engine = self.clone();
        let actor = by.actor.clone();
        let reason: String = reason.trim().chars().take(1000).collect();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx
                        .certificate(&fingerprint)
                        .await?
                        .ok_or(EngineError::NotFound("certificate"))?;
                    // RFC 5280 section 5.3.1: 1 is keyCompromise, the reason to revoke by hand.
                    if !tx.revoke_certificate(&fingerprint, engine.now(), 1).await? {
                        return Ok(());
                    }
                    tx.notify(store::Wake::Changed(format!(
                        "certificate:{}",
                        hex::encode(fingerprint)
                    )));
                    let about = About::subject(hex::encode(fingerprint));
                    let data =
                        json!({ "serial": row.serial, "subject": row.subject, "reason": reason });
                    engine
                        .record(tx, "certificate.revoked", &actor, about, data)
                        .await
                })
            })
            .await?;
        self.identities.forget_certificate(&fingerprint);
        self.revocation_list.store(Arc::new(None));
        Ok(())
    }
}

fn reason_of(code: Option<i64>) -> Option<RevocationReason> {
    u8::try_from(code?)
        .ok()
        .and_then(RevocationReason::from_code)
}

/// A serial number as the rows keep it: lower-case hexadecimal without leading zeros.
fn serial_text(contents: &[u8]) -> String {
    let text = hex::encode(contents);
    text.trim_start_matches('0').to_owned()
}
