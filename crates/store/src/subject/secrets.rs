//! Escrowed secrets and key material, sealed before they come here.

use domain::{DeviceId, EnrollmentId, SecretId, Timestamp};

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

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
    fn secret(&mut self, id: SecretId)
    -> impl Future<Output = Result<Option<SealedSecret>>> + Send;
    /// The secret of a kind in force.
    fn current_secret(
        &mut self,
        device: DeviceId,
        kind: &str,
    ) -> impl Future<Output = Result<Option<SealedSecret>>> + Send;
    /// What secrets a device has, newest first.
    fn secrets_of(
        &mut self,
        device: DeviceId,
    ) -> impl Future<Output = Result<Vec<SecretHead>>> + Send;
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

macro_rules! secret_columns {
    () => {
        "id, device_id, enrollment_id, kind, created_at, superseded_at"
    };
}

statements! {
    SECRET_SUPERSEDE = "UPDATE secrets SET superseded_at = $3
        WHERE device_id = $1 AND kind = $2 AND superseded_at IS NULL";
    SECRET_INSERT = "INSERT INTO secrets (", secret_columns!(), ", sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SECRET_GET = "SELECT ", secret_columns!(), ", sealed FROM secrets WHERE id = $1";
    SECRET_CURRENT = "SELECT ", secret_columns!(), ", sealed FROM secrets
        WHERE device_id = $1 AND kind = $2 AND superseded_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 1";
    SECRET_OF_DEVICE = "SELECT ", secret_columns!(), " FROM secrets
        WHERE device_id = $1 ORDER BY created_at DESC, id DESC";
    KEY_INSERT = "INSERT INTO keys (name, sealed, public, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO NOTHING";
    KEY_PUT = "INSERT INTO keys (name, sealed, public, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, public = excluded.public,
            created_at = excluded.created_at";
    KEY_GET = "SELECT name, sealed, public, created_at FROM keys WHERE name = $1";
    KEY_LIST = "SELECT name, sealed, public, created_at FROM keys ORDER BY name";
    KEY_REMOVE = "DELETE FROM keys WHERE name = $1";
}

fn read_head(row: &mut Row) -> Result<SecretHead> {
    Ok(SecretHead {
        id: row.take()?,
        device_id: row.take()?,
        enrollment_id: row.take()?,
        kind: row.take()?,
        created_at: row.take()?,
        superseded_at: row.take()?,
    })
}

fn read_secret(row: &mut Row) -> Result<SealedSecret> {
    Ok(SealedSecret {
        head: read_head(row)?,
        sealed: row.take()?,
    })
}

fn read_key(row: &mut Row) -> Result<StoredKey> {
    Ok(StoredKey {
        name: row.take()?,
        sealed: row.take()?,
        public: row.take()?,
        created_at: row.take()?,
    })
}

impl Secrets for Tx {
    async fn escrow_secret(&mut self, secret: &SealedSecret) -> Result<()> {
        let head = &secret.head;
        self.execute(
            &SECRET_SUPERSEDE,
            &values![head.device_id, &head.kind, head.created_at],
        )
        .await?;
        let values = values![
            head.id,
            head.device_id,
            head.enrollment_id,
            &head.kind,
            head.created_at,
            head.superseded_at,
            &secret.sealed,
        ];
        self.execute(&SECRET_INSERT, &values).await?;
        Ok(())
    }

    async fn secret(&mut self, id: SecretId) -> Result<Option<SealedSecret>> {
        self.find(&SECRET_GET, &values![id], read_secret).await
    }

    async fn current_secret(
        &mut self,
        device: DeviceId,
        kind: &str,
    ) -> Result<Option<SealedSecret>> {
        self.find(&SECRET_CURRENT, &values![device, kind], read_secret)
            .await
    }

    async fn secrets_of(&mut self, device: DeviceId) -> Result<Vec<SecretHead>> {
        self.all(&SECRET_OF_DEVICE, &values![device], read_head)
            .await
    }
}

impl Keys for Tx {
    async fn insert_key(&mut self, key: &StoredKey) -> Result<bool> {
        self.changes(
            &KEY_INSERT,
            &values![&key.name, &key.sealed, &key.public, key.created_at],
        )
        .await
    }

    async fn put_key(&mut self, key: &StoredKey) -> Result<()> {
        self.execute(
            &KEY_PUT,
            &values![&key.name, &key.sealed, &key.public, key.created_at],
        )
        .await?;
        Ok(())
    }

    async fn key(&mut self, name: &str) -> Result<Option<StoredKey>> {
        self.find(&KEY_GET, &values![name], read_key).await
    }

    async fn keys(&mut self) -> Result<Vec<StoredKey>> {
        self.all(&KEY_LIST, &[], read_key).await
    }

    async fn remove_key(&mut self, name: &str) -> Result<bool> {
        self.changes(&KEY_REMOVE, &values![name]).await
    }
}
