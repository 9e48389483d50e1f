//! The configuration: one `muster.toml`, then the environment.
//!
//! `muster config example` prints every key with its meaning and default.

mod check;
mod keys;
mod read;
mod values;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;
use url::Url;

pub use check::{Finding, Severity};
pub use keys::{KeyEncryptionKeys, KeyError};
pub use read::{ConfigError, Problem, Source};
pub use values::{Many, NotASpan, Span};

/// A commented configuration with every key; it reads back.
pub const EXAMPLE: &str = include_str!("config/example.toml");

/// Everything that an operator configures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who runs this.
    pub organization: Organization,
    /// Where it is reached.
    pub server: Server,
    /// Where people open it.
    pub console: Console,
    /// Where everything is kept.
    pub database: Database,
    /// What seals secrets.
    pub keys: Keys,
    /// Apple's services.
    pub apple: Apple,
    /// Certificate enrollment.
    pub scep: Scep,
    /// Device certificates.
    pub identity: Identity,
    /// Bounds.
    pub limits: Limits,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Metrics.
    pub metrics: Metrics,
    /// Logs.
    pub logging: Logging,
}

/// `[organization]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organization {
    /// Shown to people and on devices.
    pub name: String,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where devices reach Muster. Required.
    pub public_url: Option<Url>,
    /// Where to listen.
    pub listen: Many<SocketAddr>,
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// Proxies whose word on the client's address is believed.
    pub trusted_proxies: Many<IpAddr>,
    /// TLS.
    pub tls: Tls,
}

/// `[server.tls]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Whether to speak TLS.
    pub enabled: bool,
    /// Certificate with its chain (PEM); Muster's own if left out.
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub key: Option<PathBuf>,
    /// Whether devices are asked for certificates.
    pub device_certificates: DeviceCertificates,
}

/// Whether devices are asked for their certificate in the TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceCertificates {
    /// Asked for, not required.
    Request,
    /// Not asked for; only signed messages prove who a device is.
    Off,
}

/// `[console]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// Where people open the console; the public URL if left out.
    pub url: Option<Url>,
}

/// `[database]`
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://...`; may hold a password.
    pub url: Option<String>,
    /// Connections to PostgreSQL at most.
    pub connections: usize,
    /// Threads that read SQLite.
    pub readers: usize,
    /// Certificates (PEM) to trust for PostgreSQL.
    pub root_certificates: Option<PathBuf>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("url", &self.url.as_ref().map(|_| "[may hold a password]"))
            .finish_non_exhaustive()
    }
}

/// `[keys]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// File with the key-encryption key.
    pub file: Option<PathBuf>,
    /// Environment variable with the key-encryption key.
    pub environment: Option<String>,
    /// Files with earlier keys.
    pub old_files: Vec<PathBuf>,
}

/// `[apple]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apple {
    /// The push service.
    pub push: ApplePush,
}

/// `[apple.push]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplePush {
    /// The service's address.
    pub base_url: String,
    /// Certificates (PEM) to trust for it instead of the platform's.
    pub root_pem: Option<PathBuf>,
    /// How long the service keeps a push.
    pub expiration: Span,
}

/// `[scep]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scep {
    /// Whether older algorithms are accepted.
    pub legacy: bool,
    /// How long a downloaded profile can be used.
    pub profile_lifetime: Span,
}

/// `[identity]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// How long device certificates are valid.
    pub lifetime: Span,
    /// How long before its end a certificate is renewed.
    pub renew_before: Span,
    /// How far a device's clock may be off.
    pub clock_skew: Span,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How long a command stays useful.
    pub command_lifetime: Span,
    /// Raw reports of a kind kept for a device.
    pub raw_reports_kept: u32,
    /// How often devices are asked for facts.
    pub freshness: Span,
    /// How often last-seen times are written.
    pub last_seen_flush: Span,
    /// Connections at once.
    pub connections: usize,
    /// The largest request body of a device, in bytes.
    pub device_body: usize,
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Whether they may go to loopback and private addresses.
    pub allow_private_addresses: bool,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where to serve them apart from the API.
    pub listen: Option<SocketAddr>,
}

/// `[logging]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// A level, also by module.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

impl Default for Organization {
    fn default() -> Self {
        Self {
            name: "Muster".to_owned(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            public_url: None,
            listen: Many(vec![
                SocketAddr::from(([0, 0, 0, 0], 443)),
                SocketAddr::from(([0_u16; 8], 443)),
            ]),
            data_dir: PathBuf::from("/var/lib/muster"),
            trusted_proxies: Many(Vec::new()),
            tls: Tls::default(),
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            enabled: true,
            certificate: None,
            key: None,
            device_certificates: DeviceCertificates::Request,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            connections: 16,
            readers: 4,
            root_certificates: None,
        }
    }
}

impl Default for ApplePush {
    fn default() -> Self {
        Self {
            base_url: "https://api.push.apple.com".to_owned(),
            root_pem: None,
            expiration: Span::days(30),
        }
    }
}

impl Default for Scep {
    fn default() -> Self {
        Self {
            legacy: true,
            profile_lifetime: Span::hours(1),
        }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            lifetime: Span::days(365),
            renew_before: Span::days(90),
            clock_skew: Span::hours(24),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_lifetime: Span::days(30),
            raw_reports_kept: 3,
            freshness: Span::hours(24),
            last_seen_flush: Span::seconds(10),
            connections: 20_000,
            device_body: 10 * 1024 * 1024,
        }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Where devices reach Muster, without a trailing slash.
    pub fn public_url(&self) -> String {
        self.server
            .public_url
            .as_ref()
            .map_or_else(String::new, bare)
    }

    /// Where people open the console, without a trailing slash.
    pub fn console_url(&self) -> String {
        self.console
            .url
            .as_ref()
            .map_or_else(|| self.public_url(), bare)
    }

    /// Where everything is kept: what the store opens.
    ///
    /// # Errors
    /// When the address is of no known kind.
    pub fn database(&self) -> Result<store::DbConfig, store::StoreError> {
        let parsed = match &self.database.url {
            None => store::DbConfig::sqlite(self.server.data_dir.join("muster.db")),
            Some(url) => url.parse()?,
        };
        Ok(match parsed {
            store::DbConfig::Sqlite { path, .. } => store::DbConfig::Sqlite {
                path,
                readers: self.database.readers,
            },
            store::DbConfig::Postgres { url, .. } => store::DbConfig::Postgres {
                url,
                connections: self.database.connections,
                root_certificates: self.database.root_certificates.clone(),
            },
        })
    }
}

fn bare(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
