//! Declarations, their immutable versions and their targets.

use domain::{Channel, DeclarationId, DeviceId, Timestamp};
use serde_json::Value as Json;

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

/// A declaration as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Identity.
    pub id: DeclarationId,
    /// The identifier on the wire; unique.
    pub identifier: String,
    /// `configuration`, `activation`, `asset` or `management`.
    pub kind: String,
    /// The declaration type, for example `com.apple.configuration.passcode.settings`.
    pub declaration_type: String,
    /// Its payload.
    pub payload: Json,
    /// The version's token.
    pub server_token: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether it is withdrawn. Targets and versions stay.
    pub deleted: bool,
}

/// The body of one version, as a device may still ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationVersion {
    /// The identifier on the wire.
    pub identifier: String,
    /// The version's token.
    pub server_token: String,
    /// `configuration`, `activation`, `asset` or `management`.
    pub kind: String,
    /// The JSON for the wire.
    pub body: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whom a declaration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclarationTarget {
    /// One device; `None` for all.
    pub device_id: Option<DeviceId>,
    /// On which channel.
    pub channel: Channel,
}

/// Declarations.
pub trait Declarations {
    /// Adds a declaration, or replaces the one with its identifier (identity and creation time stay).
    fn put_declaration(
        &mut self,
        declaration: &Declaration,
    ) -> impl Future<Output = Result<()>> + Send;
    /// By identifier, withdrawn or not.
    fn declaration(
        &mut self,
        identifier: &str,
    ) -> impl Future<Output = Result<Option<Declaration>>> + Send;
    /// All that are not withdrawn, by identifier.
    fn declarations(&mut self) -> impl Future<Output = Result<Vec<Declaration>>> + Send;
    /// Withdraws; false when unknown or withdrawn before.
    fn withdraw_declaration(
        &mut self,
        identifier: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;
    /// Replaces the targets.
    fn set_declaration_targets(
        &mut self,
        id: DeclarationId,
        targets: &[DeclarationTarget],
    ) -> impl Future<Output = Result<()>> + Send;
    /// The targets.
    fn declaration_targets(
        &mut self,
        id: DeclarationId,
    ) -> impl Future<Output = Result<Vec<DeclarationTarget>>> + Send;
    /// What a device gets on a channel: targeted at it or at all, not withdrawn, by identifier.
    fn declarations_for(
        &mut self,
        device: DeviceId,
        channel: Channel,
    ) -> impl Future<Output = Result<Vec<Declaration>>> + Send;
    /// Keeps a version; keeping the same one again changes nothing.
    fn put_declaration_version(
        &mut self,
        version: &DeclarationVersion,
    ) -> impl Future<Output = Result<()>> + Send;
    /// One version.
    fn declaration_version(
        &mut self,
        identifier: &str,
        server_token: &str,
    ) -> impl Future<Output = Result<Option<DeclarationVersion>>> + Send;
}

macro_rules! declaration_columns {
    () => {
        "d.id, d.identifier, d.kind, d.type, d.payload, d.server_token, d.created_at, d.updated_at, d.deleted"
    };
}

statements! {
    DECLARATION_PUT = "INSERT INTO declarations
            (id, identifier, kind, type, payload, server_token, created_at, updated_at, deleted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (identifier) DO UPDATE SET kind = excluded.kind, type = excluded.type,
            payload = excluded.payload, server_token = excluded.server_token, updated_at = excluded.updated_at,
            deleted = excluded.deleted";
    DECLARATION_GET = "SELECT ", declaration_columns!(), " FROM declarations d WHERE d.identifier = $1";
    DECLARATION_LIST = "SELECT ", declaration_columns!(), " FROM declarations d
        WHERE NOT d.deleted ORDER BY d.identifier";
    DECLARATION_WITHDRAW = "UPDATE declarations SET deleted = TRUE, updated_at = $2
        WHERE identifier = $1 AND NOT deleted";
    DECLARATION_UNTARGET = "DELETE FROM declaration_targets WHERE declaration_id = $1";
    DECLARATION_TARGET = "INSERT INTO declaration_targets (declaration_id, device_id, channel) VALUES ($1, $2, $3)";
    DECLARATION_TARGETS = "SELECT device_id, channel FROM declaration_targets WHERE declaration_id = $1 ORDER BY seq";
    DECLARATION_FOR = "SELECT ", declaration_columns!(), " FROM declarations d
        WHERE NOT d.deleted AND d.id IN (
            SELECT t.declaration_id FROM declaration_targets t WHERE t.device_id = $1 AND t.channel = $2
            UNION SELECT t.declaration_id FROM declaration_targets t WHERE t.device_id IS NULL AND t.channel = $2)
        ORDER BY d.identifier";
    DECLARATION_VERSION_PUT = "INSERT INTO declaration_versions (identifier, server_token, kind, body, created_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (identifier, server_token) DO NOTHING";
    DECLARATION_VERSION_GET = "SELECT identifier, server_token, kind, body, created_at FROM declaration_versions
        WHERE identifier = $1 AND server_token = $2";
}

fn read_declaration(row: &mut Row) -> Result<Declaration> {
    Ok(Declaration {
        id: row.take()?,
        identifier: row.take()?,
        kind: row.take()?,
        declaration_type: row.take()?,
        payload: row.json()?,
        server_token: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        deleted: row.take()?,
    })
}

impl Declarations for Tx {
    async fn put_declaration(&mut self, declaration: &Declaration) -> Result<()> {
        let d = declaration;
        let values = values![
            d.id,
            &d.identifier,
            &d.kind,
            &d.declaration_type,
            &d.payload,
            &d.server_token,
            d.created_at,
            d.updated_at,
            d.deleted,
        ];
        self.execute(&DECLARATION_PUT, &values).await?;
        Ok(())
    }

    async fn declaration(&mut self, identifier: &str) -> Result<Option<Declaration>> {
        self.find(&DECLARATION_GET, &values![identifier], read_declaration)
            .await
    }

    async fn declarations(&mut self) -> Result<Vec<Declaration>> {
        self.all(&DECLARATION_LIST, &[], read_declaration).await
    }

    async fn withdraw_declaration(&mut self, identifier: &str, at: Timestamp) -> Result<bool> {
        self.changes(&DECLARATION_WITHDRAW, &values![identifier, at])
            .await
    }

    async fn set_declaration_targets(
        &mut self,
        id: DeclarationId,
        targets: &[DeclarationTarget],
    ) -> Result<()> {
        self.execute(&DECLARATION_UNTARGET, &values![id]).await?;
        let sets: Vec<_> = targets
            .iter()
            .map(|target| values![id, target.device_id, target.channel].to_vec())
            .collect();
        self.execute_many(&DECLARATION_TARGET, &sets).await?;
        Ok(())
    }

    async fn declaration_targets(&mut self, id: DeclarationId) -> Result<Vec<DeclarationTarget>> {
        self.all(&DECLARATION_TARGETS, &values![id], |row| {
            Ok(DeclarationTarget {
                device_id: row.take()?,
                channel: row.take()?,
            })
        })
        .await
    }

    async fn declarations_for(
        &mut self,
        device: DeviceId,
        channel: Channel,
    ) -> Result<Vec<Declaration>> {
        self.all(
            &DECLARATION_FOR,
            &values![device, channel],
            read_declaration,
        )
        .await
    }

    async fn put_declaration_version(&mut self, version: &DeclarationVersion) -> Result<()> {
        let values = values![
            &version.identifier,
            &version.server_token,
            &version.kind,
            &version.body,
            version.created_at,
        ];
        self.execute(&DECLARATION_VERSION_PUT, &values).await?;
        Ok(())
    }

    async fn declaration_version(
        &mut self,
        identifier: &str,
        server_token: &str,
    ) -> Result<Option<DeclarationVersion>> {
        self.find(
            &DECLARATION_VERSION_GET,
            &values![identifier, server_token],
            |row| {
                Ok(DeclarationVersion {
                    identifier: row.take()?,
                    server_token: row.take()?,
                    kind: row.take()?,
                    body: row.take()?,
                    created_at: row.take()?,
                })
            },
        )
        .await
    }
}
