//! Declarations, their immutable versions and their targets.

use domain::{Channel, DeclarationId, DeviceId, Timestamp};
use serde_json::Value as Json;

use crate::Result;

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
    fn put_declaration(&mut self, declaration: &Declaration) -> impl Future<Output = Result<()>> + Send;
    /// By identifier, withdrawn or not.
    fn declaration(&mut self, identifier: &str) -> impl Future<Output = Result<Option<Declaration>>> + Send;
    /// All that are not withdrawn, by identifier.
    fn declarations(&mut self) -> impl Future<Output = Result<Vec<Declaration>>> + Send;
    /// Withdraws; false when unknown or withdrawn before.
    fn withdraw_declaration(&mut self, identifier: &str, at: Timestamp) -> impl Future<Output = Result<bool>> + Send;
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
    fn put_declaration_version(&mut self, version: &DeclarationVersion) -> impl Future<Output = Result<()>> + Send;
    /// One version.
    fn declaration_version(
        &mut self,
        identifier: &str,
        server_token: &str,
    ) -> impl Future<Output = Result<Option<DeclarationVersion>>> + Send;
}
