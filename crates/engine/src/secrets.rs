//! Escrow: secrets of devices, sealed, revealed only with a reason.

use apple::commands::{Escrow, EscrowKind};
use domain::{
    DeviceId, EnrollmentId, Secret, SecretId,
    scope::{Authority, Scope},
};
use pki::{Legacy, SecretBytes, seal::Place};
use serde_json::json;
use store::{SealedSecret, SecretHead, Secrets as _, Tx};

use crate::{Engine, EngineError, Result, journal::About};

/// The kind of a FileVault personal recovery key, out of its envelope.
const FILEVAULT_KEY: &str = "filevault_recovery_key";

/// A secret that was revealed.
#[derive(Debug, Clone)]
pub struct Revealed {
    /// What it is.
    pub head: SecretHead,
    /// The secret.
    pub secret: Secret<Vec<u8>>,
}

impl Engine {
    /// Keeps a secret of a device; earlier ones of its kind stay as history.
    pub(crate) async fn escrow(
        &self,
        tx: &mut Tx,
        device: DeviceId,
        enrollment: Option<EnrollmentId>,
        kind: &str,
        secret: &[u8],
    ) -> Result<()> {
        if let Some(current) = tx.current_secret(device, kind).await?
            && current.head.enrollment_id == enrollment
            && self.open_escrow(&current)?.expose() == secret
        {
            return Ok(());
        }
        let now = self.now();
        let id = SecretId::new(now, self.random());
        let sealed = SealedSecret {
            head: SecretHead {
                id,
                device_id: device,
                enrollment_id: enrollment,
                kind: kind.to_owned(),
                created_at: now,
                superseded_at: None,
            },
            sealed: self
                .sealer
                .seal(&place(&id.to_string(), kind), secret)
                .map_err(EngineError::keys)?,
        };
        tx.escrow_secret(&sealed).await?;
        Ok(())
    }

    /// Keeps what a device brought into escrow; a FileVault key is taken out of its envelope.
    pub(crate) async fn keep_escrow(
        &self,
        tx: &mut Tx,
        device: DeviceId,
        enrollment: EnrollmentId,
        escrow: &Escrow,
    ) -> Result<()> {
        let (kind, secret) = match escrow.kind {
            EscrowKind::FilevaultRecoveryKeyCms => match self.open_envelope(escrow) {
                Ok(key) => (FILEVAULT_KEY, key),
                // Encrypted to another certificate, or damaged: kept as it came.
                Err(error) => {
                    tracing::warn!(%error, %device, "a FileVault key stays in its envelope");
                    (escrow.kind.as_str(), escrow.secret.clone())
                }
            },
            kind => (kind.as_str(), escrow.secret.clone()),
        };
        self.escrow(tx, device, Some(enrollment), kind, secret.expose())
            .await
    }

    fn open_envelope(&self, escrow: &Escrow) -> Result<SecretBytes> {
        let authority = self.authority.load();
        pki::cms::decrypt(
            escrow.secret.expose(),
            &authority.escrow.certificate,
            authority.escrow.key.as_ref(),
            Legacy::Accept,
        )
        .map(|opened| opened.content)
        .map_err(EngineError::keys)
    }

    /// The secret of a kind in force, if this very enrollment escrowed it.
    pub(crate) async fn escrowed_in(
        &self,
        device: DeviceId,
        enrollment: EnrollmentId,
        kind: &'static str,
    ) -> Result<Option<SecretBytes>> {
        let current = self
            .db
            .read(move |tx| Box::pin(async move { tx.current_secret(device, kind).await }))
            .await?
            .filter(|secret| secret.head.enrollment_id == Some(enrollment));
        current.map(|secret| self.open_escrow(&secret)).transpose()
    }

    /// The secret of a kind in force.
    pub(crate) async fn current_secret(
        &self,
        tx: &mut Tx,
        device: DeviceId,
        kind: &str,
    ) -> Result<Option<SecretBytes>> {
        tx.current_secret(device, kind)
            .await?
            .map(|secret| self.open_escrow(&secret))
            .transpose()
    }

    /// What secrets a device has, newest first; none of them is opened.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn secrets_of(&self, by: &Authority, device: DeviceId) -> Result<Vec<SecretHead>> {
        by.require(Scope::DevicesRead)?;
        self.db
            .read(move |tx| Box::pin(async move { tx.secrets_of(device).await }))
            .await
            .map_err(Into::into)
    }

    /// Reveals a secret. The journal keeps who, which and why before it is shown.
    ///
    /// # Errors
    /// [`EngineError::Denied`], [`EngineError::Invalid`] without a reason, [`EngineError::NotFound`].
    pub async fn reveal_secret(
        &self,
        by: &Authority,
        id: SecretId,
        reason: &str,
    ) -> Result<Revealed> {
        by.require(Scope::SecretsReveal)?;
        let reason: String = reason.trim().chars().take(1000).collect();
        if reason.is_empty() {
            return Err(EngineError::invalid("revealing a secret needs a reason"));
        }
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let sealed = tx
                        .secret(id)
                        .await?
                        .ok_or(EngineError::NotFound("secret"))?;
                    let secret = engine.open_escrow(&sealed)?;
                    let about = About::device(sealed.head.device_id).and(id);
                    let data = json!({ "kind": sealed.head.kind, "reason": reason });
                    engine
                        .record(tx, "secret.revealed", &actor, about, data)
                        .await?;
                    Ok(Revealed {
                        head: sealed.head,
                        secret,
                    })
                })
            })
            .await
    }

    fn open_escrow(&self, sealed: &SealedSecret) -> Result<SecretBytes> {
        self.sealer
            .open(
                &place(&sealed.head.id.to_string(), &sealed.head.kind),
                &sealed.sealed,
            )
            .map_err(EngineError::keys)
    }
}

fn place<'a>(row: &'a str, kind: &'a str) -> Place<'a> {
    Place {
        table: "secrets",
        row,
        kind,
    }
}
