//! The push certificate: asking for one, taking it in, renewing it.

use apple::push::{Topic, same_topic};
use domain::{
    Secret, Timestamp,
    scope::{Authority, Scope},
};
use pki::{Certificate, KeyAlgorithm, KeyPair, Name, Signer as _, csr, seal::Place};
use serde_json::json;
use store::{Keys as _, Settings as _, StoredKey};

use super::PushIdentity;
use crate::{Engine, EngineError, Result, journal::About};

/// The name of the key that waits for its certificate.
const REQUEST: &str = "push-request";
/// What the names of push keys begin with; the topic follows.
const PREFIX: &str = "push:";
/// The setting that names the topic of new enrollments.
const TOPIC: &str = "apple.push.topic";

/// A push certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushCertificate {
    /// Its topic.
    pub topic: String,
    /// When it became valid.
    pub not_before: Timestamp,
    /// Until when Apple accepts it.
    pub not_after: Timestamp,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Whether new enrollments get this topic.
    pub current: bool,
}

impl Engine {
    /// Makes a key and a certificate request (PEM) for the vendor's signature and Apple's portal.
    ///
    /// An earlier unanswered request is replaced.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn push_certificate_request(&self, by: &Authority) -> Result<String> {
        by.require(Scope::SettingsWrite)?;
        let key = KeyPair::generate(KeyAlgorithm::Rsa2048).map_err(EngineError::keys)?;
        let subject = Name::builder()
            .organization(self.settings.organization.as_str())
            .common_name("Muster push")
            .build();
        let request = csr::create(&subject, &key, &csr::RequestOptions::default())
            .map_err(EngineError::keys)?;
        let stored = self.seal_key(REQUEST, &key, key.spki())?;
        let engine = self.clone();
        let actor = by.actor.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    tx.put_key(&stored).await?;
                    engine
                        .record(
                            tx,
                            "push_certificate.requested",
                            &actor,
                            About::NOTHING,
                            json!({}),
                        )
                        .await
                })
            })
            .await?;
        Ok(pki::pem::encode("CERTIFICATE REQUEST", &request))
    }

    /// Takes in a push certificate (PEM): for the key of the last request, or with its own key beside it.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when it fits no key or is no push certificate, and
    /// [`EngineError::Conflict`] when its topic is not the one that enrolled devices listen to.
    pub async fn import_push_certificate(
        &self,
        by: &Authority,
        certificate_pem: &str,
        key_pem: Option<Secret<String>>,
    ) -> Result<PushCertificate> {
        by.require(Scope::SettingsWrite)?;
        let certificate = Certificate::from_pem(certificate_pem)
            .map_err(|error| EngineError::invalid(format!("the certificate: {error}")))?;
        let topic = topic_of(&certificate)?;
        if certificate.not_after() <= self.now() {
            return Err(EngineError::invalid(format!(
                "the certificate ended at {}",
                certificate.not_after()
            )));
        }
        let own_key = key_pem
            .map(|pem| KeyPair::from_pem(pem.expose()))
            .transpose()
            .map_err(|error| EngineError::invalid(format!("the key: {error}")))?;
        let engine = self.clone();
        let actor = by.actor.clone();
        let imported = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(setting) = tx.setting(TOPIC).await?
                        && let Some(old) = setting.value.as_str()
                        && let Ok(old) = Topic::from_uid(old)
                    {
                        same_topic(&old, &topic)
                            .map_err(|changed| EngineError::Conflict(changed.to_string()))?;
                    }
                    let key = match own_key {
                        Some(key) => key,
                        None => {
                            let stored = tx.key(REQUEST).await?.ok_or_else(|| {
                                EngineError::invalid(
                                    "there is no open request; give the key beside the certificate",
                                )
                            })?;
                            engine.open_key(&stored)?
                        }
                    };
                    if key.spki() != certificate.spki() {
                        return Err(EngineError::invalid(
                            "the certificate was not made for this key",
                        ));
                    }
                    let name = format!("{PREFIX}{topic}");
                    let stored = engine.seal_key(&name, &key, certificate.der())?;
                    tx.put_key(&stored).await?;
                    tx.remove_key(REQUEST).await?;
                    tx.put_setting(&store::Setting {
                        key: TOPIC.to_owned(),
                        value: json!(topic.as_str()),
                        updated_at: engine.now(),
                    })
                    .await?;
                    tx.notify(store::Wake::Changed("push-certificates".into()));
                    let data = json!({
                        "topic": topic.as_str(),
                        "serial": certificate.serial_hex(),
                        "not_after": certificate.not_after(),
                    });
                    engine
                        .record(
                            tx,
                            "push_certificate.imported",
                            &actor,
                            About::NOTHING,
                            data,
                        )
                        .await?;
                    Ok(PushCertificate {
                        topic: topic.as_str().to_owned(),
                        not_before: certificate.not_before(),
                        not_after: certificate.not_after(),
                        serial: certificate.serial_hex(),
                        current: true,
                    })
                })
            })
            .await?;
        self.load_push_identities().await?;
        Ok(imported)
    }

    /// The push certificates in use, the one for new enrollments first.
    ///
    /// # Errors
    /// [`EngineError::Denied`], or when the database cannot serve.
    pub async fn push_certificates(&self, by: &Authority) -> Result<Vec<PushCertificate>> {
        by.require(Scope::DevicesRead)?;
        let (keys, current) = self.push_keys().await?;
        let mut certificates = Vec::new();
        for key in keys {
            let certificate = Certificate::from_der(&key.public).map_err(EngineError::keys)?;
            let topic = key.name.trim_start_matches(PREFIX).to_owned();
            certificates.push(PushCertificate {
                current: current.as_ref() == Some(&topic),
                not_before: certificate.not_before(),
                not_after: certificate.not_after(),
                serial: certificate.serial_hex(),
                topic,
            });
        }
        certificates.sort_by_key(|certificate| !certificate.current);
        Ok(certificates)
    }

    /// The topic that new enrollments get; `None` until a push certificate is there.
    pub(crate) async fn push_topic(&self) -> Result<Option<String>> {
        Ok(self.push_keys().await?.1)
    }

    /// Gives the client all push certificates, when they are others than it has.
    pub(crate) async fn load_push_identities(&self) -> Result<()> {
        let (keys, _) = self.push_keys().await?;
        let mut fingerprint = Vec::new();
        for stored in &keys {
            fingerprint.extend_from_slice(&crate::sha256(&stored.sealed));
        }
        if self.push_loaded.load().as_ref() == &fingerprint {
            return Ok(());
        }
        let mut identities = Vec::new();
        for stored in keys {
            let key = self.open_key(&stored)?;
            let certificate = Certificate::from_der(&stored.public).map_err(EngineError::keys)?;
            identities.push(PushIdentity {
                topic: stored.name.trim_start_matches(PREFIX).to_owned(),
                certificate_pem: certificate.to_pem(),
                key_pem: Secret::new(pki::pem::encode("PRIVATE KEY", key.to_pkcs8().expose())),
                not_after: certificate.not_after(),
            });
        }
        self.apns
            .set_identities(&identities)
            .map_err(|error| EngineError::Vendor(error.to_string()))?;
        self.push_loaded.store(std::sync::Arc::new(fingerprint));
        Ok(())
    }

    async fn push_keys(&self) -> Result<(Vec<StoredKey>, Option<String>)> {
        let (keys, setting) = self
            .db
            .read(|tx| {
                Box::pin(async move {
                    Ok::<_, store::StoreError>((tx.keys().await?, tx.setting(TOPIC).await?))
                })
            })
            .await?;
        let current = setting.and_then(|setting| setting.value.as_str().map(str::to_owned));
        let keys = keys
            .into_iter()
            .filter(|key| key.name.starts_with(PREFIX))
            .collect();
        Ok((keys, current))
    }

    fn seal_key(&self, name: &str, key: &KeyPair, public: &[u8]) -> Result<StoredKey> {
        Ok(StoredKey {
            name: name.to_owned(),
            sealed: self
                .sealer
                .seal(&place(name), key.to_pkcs8().expose())
                .map_err(EngineError::keys)?,
            public: public.to_vec(),
            created_at: self.now(),
        })
    }

    fn open_key(&self, stored: &StoredKey) -> Result<KeyPair> {
        let pkcs8 = self
            .sealer
            .open(&place(&stored.name), &stored.sealed)
            .map_err(EngineError::keys)?;
        KeyPair::from_pkcs8(pkcs8.expose()).map_err(EngineError::keys)
    }
}

fn topic_of(certificate: &Certificate) -> Result<Topic> {
    let uid = certificate.subject().user_id().ok_or_else(|| {
        EngineError::invalid("the certificate's subject has no UID: it is no push certificate")
    })?;
    Topic::from_uid(uid).map_err(|error| EngineError::invalid(error.to_string()))
}

fn place(name: &str) -> Place<'_> {
    Place {
        table: "keys",
        row: name,
        kind: "private_key",
    }
}
