//! Settings of the installation.

use domain::Timestamp;
use serde_json::Value as Json;

use crate::{
    Result, Tx,
    statement::statements,
    value::{Row, values},
};

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
    fn put_setting_once(
        &mut self,
        setting: &Setting,
    ) -> impl Future<Output = Result<Setting>> + Send;
    /// Removes a setting; false when there was none.
    fn remove_setting(&mut self, key: &str) -> impl Future<Output = Result<bool>> + Send;
    /// All settings, by key.
    fn settings(&mut self) -> impl Future<Output = Result<Vec<Setting>>> + Send;
}

statements! {
    SETTING_GET = "SELECT key, value, updated_at FROM settings WHERE key = $1";
    SETTING_PUT = "INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
    SETTING_PUT_ONCE = "INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO UPDATE SET updated_at = settings.updated_at RETURNING key, value, updated_at";
    SETTING_REMOVE = "DELETE FROM settings WHERE key = $1";
    SETTING_LIST = "SELECT key, value, updated_at FROM settings ORDER BY key";
}

fn read_setting(row: &mut Row) -> Result<Setting> {
    Ok(Setting {
        key: row.take()?,
        value: row.json()?,
        updated_at: row.take()?,
    })
}

impl Settings for Tx {
    async fn setting(&mut self, key: &str) -> Result<Option<Setting>> {
        self.find(&SETTING_GET, &values![key], read_setting).await
    }

    async fn put_setting(&mut self, setting: &Setting) -> Result<()> {
        self.execute(
            &SETTING_PUT,
            &values![&setting.key, &setting.value, setting.updated_at],
        )
        .await?;
        Ok(())
    }

    async fn put_setting_once(&mut self, setting: &Setting) -> Result<Setting> {
        let values = values![&setting.key, &setting.value, setting.updated_at];
        let in_force = self.find(&SETTING_PUT_ONCE, &values, read_setting).await?;
        Ok(in_force.unwrap_or_else(|| setting.clone()))
    }

    async fn remove_setting(&mut self, key: &str) -> Result<bool> {
        self.changes(&SETTING_REMOVE, &values![key]).await
    }

    async fn settings(&mut self) -> Result<Vec<Setting>> {
        self.all(&SETTING_LIST, &[], read_setting).await
    }
}
