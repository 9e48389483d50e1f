//! Escrowed secrets and key material, sealed before they come here.

use domain::{DeviceId, EnrollmentId, SecretId, Timestamp};

use crate::Result;

/// An escrowed secret, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// What is known without opening it.
    pub head: SecretHead,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// What is known of a secret without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHead {
    /// Identity.
    pub id: SecretId,
    /// Whose.
    pub device_id: DeviceId,
    /// On which enrollment it came.
    pub enrollment_id: Option<EnrollmentId>,
    /// What it is: `unlock_token`, `filevault_key`, `bootstrap_token`, ...
    pub kind: String,
    /// When it came.
    pub created_at: Timestamp,
    /// When a newer one took its place.
    pub superseded_at: Option<Timestamp>,
}

/// A named key, sealed, with its public part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Name.
    pub name: String,
    /// The sealed private key.
    pub sealed: Vec<u8>,
    /// The public part: a certificate or a SubjectPublicKeyInfo, DER.
    pub public: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Escrowed secrets.
pub trait Secrets {
    /// Keeps a secret; earlier ones of the same device and kind are marked superseded, never removed.
    fn escrow_secret(&mut self, secret: &SealedSecret) -> impl Future<Output = Result<()>> + Send;
    /// One secret.
    fn secret(&mut self, id: SecretId) -> impl Future<Output = Result<Option<SealedSecret>>> + Send;
    /// The secret of a kind in force.
    fn current_secret(
        &mut self,
        device: DeviceId,
        kind: &str,
    ) -> impl Future<Output = Result<Option<SealedSecret>>> + Send;
    /// What secrets a device has, newest first.
    fn secrets_of(&mut self, device: DeviceId) -> impl Future<Output = Result<Vec<SecretHead>>> + Send;
}

/// Named keys.
pub trait Keys {
    /// Adds a key; false (and no change) when the name is taken.
    fn insert_key(&mut self, key: &StoredKey) -> impl Future<Output = Result<bool>> + Send;
    /// Adds or replaces a key.
    fn put_key(&mut self, key: &StoredKey) -> impl Future<Output = Result<()>> + Send;
    /// One key.
    fn key(&mut self, name: &str) -> impl Future<Output = Result<Option<StoredKey>>> + Send;
    /// All keys, by name.
    fn keys(&mut self) -> impl Future<Output = Result<Vec<StoredKey>>> + Send;
    /// Removes a key; false when there was none.
    fn remove_key(&mut self, name: &str) -> impl Future<Output = Result<bool>> + Send;
}
