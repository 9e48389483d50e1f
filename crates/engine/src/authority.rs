//! Keys and certificates of this installation.
//!
//! root → issuing CA → device identities and Muster's own certificates. The
//! root's private key can be taken offline; nothing in daily work needs it.

use std::{sync::Arc, time::Duration};

use domain::Timestamp;
use pki::{
    AlternativeName, Certificate, KeyAlgorithm, KeyPair, Name, Signer,
    ca::{self, LeafProfile, LeafRequest, Urls},
    seal::{Place, Sealer},
};
use store::{Certificates as _, Keys as _, StoredKey, Tx};

use crate::{Engine, EngineError, Parts, Result, Settings};

/// The name of the root's key.
pub(crate) const ROOT: &str = "root";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Our own certificates are replaced this long before they end.
const RENEW_OWN: Duration = Duration::from_secs(60 * 24 * 3600);

/// A certificate of ours with its key.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub key: Arc<KeyPair>,
}

/// The installation's keys and certificates.
#[derive(Debug)]
pub struct Authority {
    /// The trust anchor.
    pub root: Certificate,
    /// Whether the root's private key is in the database.
    pub root_online: bool,
    /// Issues device identities and our own certificates.
    pub issuing: ca::Authority,
    /// Decrypts SCEP requests and signs the answers.
    pub scep: Credential,
    /// Receives FileVault recovery keys, encrypted to it.
    pub escrow: Credential,
    /// Signs configuration profiles.
    pub profiles: Credential,
    /// Signs OCSP answers.
    pub ocsp: Credential,
    /// Serves TLS where the operator configured no certificate.
    pub tls: Credential,
    journal: Arc<KeyPair>,
    /// Revocation addresses written into certificates.
    pub urls: Urls,
}

impl Authority {
    /// Loads everything, making what is missing; a new installation gets all of it in one transaction.
    ///
    /// # Errors
    /// When the database cannot serve or a key cannot be opened.
    pub async fn load_or_create(parts: &Parts) -> Result<Self> {
        let now = parts.clock.now();
        let sealer = Arc::clone(&parts.sealer);
        let settings = parts.settings.clone();
        parts
            .db
            .write(move |tx| {
                Box::pin(async move { Self::assemble(tx, &sealer, &settings, now).await })
            })
            .await
    }

    /// Loads everything again, replacing certificates of our own that end soon.
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub(crate) async fn reload(engine: &Engine) -> Result<Self> {
        let now = engine.now();
        let sealer = Arc::clone(&engine.sealer);
        let settings = engine.settings.clone();
        engine
            .db
            .write(move |tx| {
                Box::pin(async move { Self::assemble(tx, &sealer, &settings, now).await })
            })
            .await
    }

    async fn assemble(
        tx: &mut Tx,
        sealer: &Sealer,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self> {
        let vault = Vault { sealer, now };
        let organization = settings.organization.as_str();
        let (root, root_key) = match vault.load(tx, ROOT).await? {
            Some(stored) => {
                let certificate = certificate_of(&stored)?;
                let key = if stored.sealed.is_empty() {
                    None
                } else {
                    Some(vault.open(&stored)?)
                };
                (certificate, key)
            }
            None => {
                let key = generate(KeyAlgorithm::P256)?;
                let certificate = ca::create_root(&name(organization, "Muster Root CA"), &key, now)
                    .map_err(EngineError::keys)?;
                vault.keep(tx, ROOT, &key, certificate.der()).await?;
                (certificate, Some(key))
            }
        };
        let issuing = match vault.load(tx, "issuing").await? {
            Some(stored) => {
                ca::Authority::new(certificate_of(&stored)?, Arc::new(vault.open(&stored)?))
            }
            None => {
                let root_key = root_key.as_ref().ok_or_else(|| {
                    EngineError::Keys(
                        "the issuing CA is missing and the root key is offline".into(),
                    )
                })?;
                let root_authority =
                    ca::Authority::new(root.clone(), Arc::new(clone_key(root_key)?))
                        .map_err(EngineError::keys)?;
                let key = generate(KeyAlgorithm::P256)?;
                let certificate = root_authority
                    .create_issuing(
                        &name(organization, "Muster Issuing CA"),
                        key.spki(),
                        &Urls::default(),
                        now,
                    )
                    .map_err(EngineError::keys)?;
                vault.keep(tx, "issuing", &key, certificate.der()).await?;
                ca::Authority::new(certificate, Arc::new(key))
            }
        }
        .map_err(EngineError::keys)?;
        let urls = Urls {
            crl: Some(format!("{}/pki/crl/issuing.crl", settings.public_url)),
            ocsp: Some(format!("{}/pki/ocsp", settings.public_url)),
        };
        let maker = Maker {
            vault: &vault,
            issuing: &issuing,
            urls: &urls,
            organization,
        };
        let scep = maker
            .ensure(
                tx,
                "scep",
                LeafProfile::ScepRa,
                KeyAlgorithm::Rsa2048,
                "Muster SCEP",
                &[],
            )
            .await?;
        let escrow = maker
            .ensure(
                tx,
                "escrow",
                LeafProfile::ScepRa,
                KeyAlgorithm::Rsa2048,
                "Muster Escrow",
                &[],
            )
            .await?;
        let profiles = maker
            .ensure(
                tx,
                "profiles",
                LeafProfile::ProfileSigner,
                KeyAlgorithm::Rsa2048,
                "Muster Profiles",
                &[],
            )
            .await?;
        let ocsp = maker
            .ensure(
                tx,
                "ocsp",
                LeafProfile::OcspResponder,
                KeyAlgorithm::P256,
                "Muster OCSP",
                &[],
            )
            .await?;
        let host = host_names(&settings.public_url);
        let tls = maker
            .ensure(
                tx,
                "tls",
                LeafProfile::TlsServer,
                KeyAlgorithm::P256,
                "Muster",
                &host,
            )
            .await?;
        let journal = match vault.load(tx, "journal").await? {
            Some(stored) => vault.open(&stored)?,
            None => {
                let key = generate(KeyAlgorithm::P256)?;
                vault.keep(tx, "journal", &key, key.spki()).await?;
                key
            }
        };
        Ok(Self {
            root,
            root_online: root_key.is_some(),
            issuing,
            scep,
            escrow,
            profiles,
            ocsp,
            tls,
            journal: Arc::new(journal),
            urls,
        })
    }

    /// Signs a statement with the journal's key: key id and signature, both hexadecimal.
    pub(crate) fn sign_checkpoint(&self, statement: &[u8]) -> Result<(String, String)> {
        let signature = self.journal.sign(statement).map_err(EngineError::keys)?;
        Ok((
            hex::encode(crate::sha256(self.journal.spki())),
            hex::encode(signature),
        ))
    }

    /// The public key that verifies the journal's checkpoints, SubjectPublicKeyInfo DER.
    pub fn journal_key(&self) -> &[u8] {
        self.journal.spki()
    }

    /// The certificates a device needs to trust what this CA issued, issuing first.
    pub fn chain(&self) -> [&Certificate; 2] {
        [self.issuing.certificate(), &self.root]
    }
}

/// Where keys are kept.
struct Vault<'a> {
    sealer: &'a Sealer,
    now: Timestamp,
}

impl Vault<'_> {
    async fn load(&self, tx: &mut Tx, name: &str) -> Result<Option<StoredKey>> {
        Ok(tx.key(name).await?)
    }

    fn open(&self, stored: &StoredKey) -> Result<KeyPair> {
        let pkcs8 = self
            .sealer
            .open(&place(&stored.name), &stored.sealed)
            .map_err(|error| {
                EngineError::Keys(format!(
                    "the key {:?} cannot be opened ({error}); is this the key-encryption key it was sealed with?",
                    stored.name
                ))
            })?;
        KeyPair::from_pkcs8(pkcs8.expose()).map_err(EngineError::keys)
    }

    async fn keep(&self, tx: &mut Tx, name: &str, key: &KeyPair, public: &[u8]) -> Result<()> {
        let stored = StoredKey {
            name: name.to_owned(),
            sealed: self
                .sealer
                .seal(&place(name), key.to_pkcs8().expose())
                .map_err(EngineError::keys)?,
            public: public.to_vec(),
            created_at: self.now,
        };
        tx.put_key(&stored).await?;
        Ok(())
    }
}

pub(crate) fn place(name: &str) -> Place<'_> {
    Place {
        table: "keys",
        row: name,
        kind: "private_key",
    }
}

/// Makes our own certificates.
struct Maker<'a> {
    vault: &'a Vault<'a>,
    issuing: &'a ca::Authority,
    urls: &'a Urls,
    organization: &'a str,
}

impl Maker<'_> {
    /// The credential of this name; made when missing, its certificate replaced when it ends soon
    /// or names other hosts.
    async fn ensure(
        &self,
        tx: &mut Tx,
        key_name: &str,
        profile: LeafProfile,
        algorithm: KeyAlgorithm,
        common_name: &str,
        hosts: &[AlternativeName],
    ) -> Result<Credential> {
        let stored = self.vault.load(tx, key_name).await?;
        let key = match &stored {
            Some(stored) => self.vault.open(stored)?,
            None => generate(algorithm)?,
        };
        if let Some(stored) = &stored {
            let certificate = certificate_of(stored)?;
            let lasts = certificate.not_after() > self.vault.now.plus(RENEW_OWN);
            let ours = certificate.issuer() == self.issuing.certificate().subject();
            if lasts && ours && certificate.alternative_names() == hosts {
                return Ok(Credential {
                    certificate,
                    key: Arc::new(key),
                });
            }
        }
        let subject = name(self.organization, common_name);
        let certificate = self
            .issuing
            .issue(
                &LeafRequest {
                    profile,
                    subject: &subject,
                    spki: key.spki(),
                    valid_for: YEAR,
                    alternative_names: hosts,
                    urls: self.urls,
                },
                self.vault.now,
            )
            .map_err(EngineError::keys)?;
        self.vault
            .keep(tx, key_name, &key, certificate.der())
            .await?;
        tx.insert_certificate(&crate::certificates::row(
            &certificate,
            key_name,
            self.vault.now,
        ))
        .await?;
        Ok(Credential {
            certificate,
            key: Arc::new(key),
        })
    }
}

fn certificate_of(stored: &StoredKey) -> Result<Certificate> {
    Certificate::from_der(&stored.public).map_err(EngineError::keys)
}

fn generate(algorithm: KeyAlgorithm) -> Result<KeyPair> {
    KeyPair::generate(algorithm).map_err(EngineError::keys)
}

fn clone_key(key: &KeyPair) -> Result<KeyPair> {
    KeyPair::from_pkcs8(key.to_pkcs8().expose()).map_err(EngineError::keys)
}

fn name(organization: &str, common_name: &str) -> Name {
    Name::builder()
        .organization(organization)
        .common_name(common_name)
        .build()
}

/// The host of an address, as a TLS server certificate names it; loopback names come with it.
fn host_names(public_url: &str) -> Vec<AlternativeName> {
    let host = url::Url::parse(public_url).ok();
    let mut names = Vec::new();
    match host.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(domain)) => names.push(AlternativeName::Dns(domain.to_owned())),
        Some(url::Host::Ipv4(address)) => names.push(AlternativeName::Ip(address.into())),
        Some(url::Host::Ipv6(address)) => names.push(AlternativeName::Ip(address.into())),
        None => {}
    }
    names
}
