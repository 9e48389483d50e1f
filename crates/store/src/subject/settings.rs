//! Settings of the installation.

use domain::Timestamp;
use serde_json::Value as Json;

use crate::Result;

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Name.
    pub key: String,
    /// Value.
    pub value: Json,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Settings.
pub trait Settings {
    /// One setting.
    fn setting(&mut self, key: &str) -> impl Future<Output = Result<Option<Setting>>> + Send;
    /// Writes a setting.
    fn put_setting(&mut self, setting: &Setting) -> impl Future<Output = Result<()>> + Send;
    /// Writes a setting unless it exists; gives the one in force.
    fn put_setting_once(&mut self, setting: &Setting) -> impl Future<Output = Result<Setting>> + Send;
    /// Removes a setting; false when there was none.
    fn remove_setting(&mut self, key: &str) -> impl Future<Output = Result<bool>> + Send;
    /// All settings, by key.
    fn settings(&mut self) -> impl Future<Output = Result<Vec<Setting>>> + Send;
}
