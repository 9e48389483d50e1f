//! The installation on this machine, for commands that work without a server.

use std::{io::ErrorKind, path::Path, sync::Arc};

use domain::Secret;
use engine::{
    Clock as _, Engine, Entropy as _, Parts, Settings, SystemClock, SystemEntropy,
    push::{Apns, ApnsOptions},
};
use pki::seal::{KeyEncryptionKey, Sealer};
use store::{Db, DbConfig};

use super::exit::{Failure, Result};
use crate::config::{Config, KeyEncryptionKeys};

/// Opens the database as it is.
///
/// # Errors
/// When there is none or it cannot serve.
pub async fn existing_database(config: &Config) -> Result<Db> {
    let place = config.database()?;
    if let DbConfig::Sqlite { path, .. } = &place
        && !path.exists()
    {
        return Err(Failure::new(
            super::exit::Kind::NotFound,
            format!("there is no database at {}", path.display()),
        ));
    }
    Ok(Db::open(&place).await?)
}

/// Opens the database, making it when it is missing, and brings its schema up to date.
///
/// # Errors
/// When it cannot serve.
pub async fn database(config: &Config) -> Result<Db> {
    std::fs::create_dir_all(&config.server.data_dir)
        .map_err(|error| Failure::file(&config.server.data_dir, error))?;
    let db = Db::open(&config.database()?).await?;
    db.migrate(SystemClock.now()).await?;
    Ok(db)
}

/// Opens the engine; a new installation gets its keys and certificates.
///
/// # Errors
/// When the key-encryption key is missing, or the database cannot serve.
pub async fn engine(config: &Config) -> Result<Engine> {
    let keys = keys(config)?;
    let db = database(config).await?;
    let parts = Parts {
        db,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        sealer: Arc::new(sealer(&keys)),
        settings: settings(config),
        apns: apns(config)?,
        node: node_name(),
    };
    Ok(Engine::open(parts).await?)
}

/// The key-encryption keys; makes one for a new installation that names none.
///
/// # Errors
/// When they cannot be read. When the database exists and its key does not, no other is made:
/// what is sealed in it could never be opened.
pub fn keys(config: &Config) -> Result<KeyEncryptionKeys> {
    let variable = |name: &str| std::env::var(name).ok();
    match config.key_encryption_keys(variable) {
        Err(error) if error.is_missing_default() && is_new(config)? => {
            let mut key = [0; 32];
            SystemEntropy.fill(&mut key);
            let file = config.create_key_encryption_key(&Secret::new(key))?;
            tracing::info!(file = %file.display(), "made a key-encryption key; keep a copy of it");
            Ok(config.key_encryption_keys(variable)?)
        }
        other => Ok(other?),
    }
}

fn is_new(config: &Config) -> Result<bool> {
    Ok(match config.database()? {
        DbConfig::Sqlite { path, .. } => !path.exists(),
        // A shared database may have been set up from another machine, which has the key.
        DbConfig::Postgres { .. } => false,
    })
}

/// What seals secrets with these keys.
pub fn sealer(keys: &KeyEncryptionKeys) -> Sealer {
    let old = keys
        .old
        .iter()
        .map(|key| KeyEncryptionKey::new(key.expose()))
        .collect();
    Sealer::new(KeyEncryptionKey::new(keys.current.expose()), old)
}

/// The engine's settings.
pub fn settings(config: &Config) -> Settings {
    let mut settings = Settings::new(&config.organization.name, config.public_url());
    settings.identity_lifetime = config.identity.lifetime.0;
    settings.renew_before = config.identity.renew_before.0;
    settings.clock_skew = config.identity.clock_skew.0;
    settings.ticket_lifetime = config.scep.profile_lifetime.0;
    settings.scep_legacy = config.scep.legacy;
    settings.command_lifetime = config.limits.command_lifetime.0;
    settings.raw_reports_kept = config.limits.raw_reports_kept;
    settings.last_seen_flush = config.limits.last_seen_flush.0;
    settings.push_expiration = config.apple.push.expiration.0;
    settings.allow_private_egress = config.webhooks.allow_private_addresses;
    settings.own_tls = config.server.tls.enabled && config.server.tls.certificate.is_none();
    for pause in settings.freshness.values_mut() {
        *pause = config.limits.freshness.0;
    }
    settings
}

/// The client of Apple's push service.
///
/// # Errors
/// When its trust anchors cannot be read.
pub fn apns(config: &Config) -> Result<Apns> {
    let push = &config.apple.push;
    Ok(Apns::new(ApnsOptions {
        base_url: push.base_url.clone(),
        root_pem: push.root_pem.as_deref().map(read).transpose()?,
        ..ApnsOptions::default()
    }))
}

/// A name for this process that no other node of the same database has.
pub fn node_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut suffix = [0; 4];
    SystemEntropy.fill(&mut suffix);
    format!(
        "{}-{}-{}",
        host.trim(),
        std::process::id(),
        hex::encode(suffix)
    )
}

/// A text file.
///
/// # Errors
/// With its path.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new(
            super::exit::Kind::NotFound,
            format!("{}: {error}", path.display()),
        ),
        _ => Failure::file(path, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path) -> Config {
        let mut config = Config::default();
        config.server.data_dir = folder.to_owned();
        config.server.public_url = Some("https://mdm.example.org".parse().unwrap());
        config
    }

    #[test]
    fn a_database_whose_key_is_gone_gets_no_other_key() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        std::fs::write(folder.path().join("muster.db"), "something").unwrap();
        assert!(
            keys(&config)
                .unwrap_err()
                .message
                .contains("no key-encryption key")
        );
        std::fs::remove_file(folder.path().join("muster.db")).unwrap();
        let made = keys(&config).unwrap();
        assert_eq!(keys(&config).unwrap().current, made.current);
    }

    #[test]
    fn what_is_configured_reaches_the_engine() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.identity.lifetime = "30d".parse().unwrap();
        config.limits.freshness = "1h".parse().unwrap();
        config.webhooks.allow_private_addresses = true;
        let settings = settings(&config);
        assert_eq!(settings.public_url, "https://mdm.example.org");
        assert_eq!(settings.identity_lifetime, config.identity.lifetime.0);
        assert!(
            settings
                .freshness
                .values()
                .all(|pause| *pause == config.limits.freshness.0)
        );
        assert!(settings.allow_private_egress);
    }
}
