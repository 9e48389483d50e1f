//! What makes no sense together, and what is missing on this machine.

use std::{fmt, os::unix::fs::MetadataExt, path::Path};

use url::{Host, Url};

use super::{
    Config, Problem, Span,
    read::{Origins, Source},
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Muster will not start or devices will not enrol.
    Error,
    /// Probably not meant.
    Warning,
}

/// What `muster config check` found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Which key.
    pub key: &'static str,
    /// What.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}: {}", self.key, self.text)
    }
}

impl Config {
    /// What makes no sense whatever the machine.
    pub(super) fn contradictions(&self, origins: &Origins) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut refuse = |key: &str, text: String| {
            problems.push(Problem {
                source: origins.of(key),
                key: key.to_owned(),
                text,
            });
        };
        match &self.server.public_url {
            None => refuse(
                "server.public_url",
                "set the address at which devices reach this server, such as https://mdm.example.org".into(),
            ),
            Some(url) => check_url(url).err().into_iter().for_each(|text| refuse("server.public_url", text)),
        }
        if let Some(text) = self
            .console
            .url
            .as_ref()
            .and_then(|url| check_url(url).err())
        {
            refuse("console.url", text);
        }
        if let Err(text) = check_service(&self.apple.push.base_url) {
            refuse("apple.push.base_url", text);
        }
        if self.server.listen.0.is_empty() {
            refuse("server.listen", "name at least one address".into());
        }
        if self.server.tls.certificate.is_some() != self.server.tls.key.is_some() {
            refuse(
                "server.tls.certificate",
                "a certificate and its key come together".into(),
            );
        }
        if let Err(error) = self.database() {
            refuse("database.url", error.to_string());
        }
        if self.database.connections == 0 || self.database.readers == 0 {
            refuse(
                "database.connections",
                "at least one connection and one reader are needed".into(),
            );
        }
        if self.keys.file.is_some() && self.keys.environment.is_some() {
            refuse(
                "keys.environment",
                "the key comes from a file or from the environment, not both".into(),
            );
        }
        if self.identity.lifetime <= Span::days(1) {
            refuse(
                "identity.lifetime",
                "device certificates must be valid for more than a day".into(),
            );
        }
        if self.identity.renew_before >= self.identity.lifetime {
            refuse(
                "identity.renew_before",
                format!(
                    "{} is not shorter than the lifetime, {}",
                    self.identity.renew_before, self.identity.lifetime
                ),
            );
        }
        for (key, span) in [
            ("limits.command_lifetime", self.limits.command_lifetime),
            ("limits.freshness", self.limits.freshness),
            ("limits.last_seen_flush", self.limits.last_seen_flush),
            ("scep.profile_lifetime", self.scep.profile_lifetime),
            ("apple.push.expiration", self.apple.push.expiration),
        ] {
            if span == Span::seconds(0) {
                refuse(key, "must be longer than nothing".into());
            }
        }
        if let Err(text) = crate::logging::check_level(&self.logging.level) {
            refuse("logging.level", text);
        }
        problems
    }

    /// What is missing or unwise on this machine; reads files, changes nothing.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut find = |severity, key, text: String| {
            findings.push(Finding {
                severity,
                key,
                text,
            });
        };
        if let Err(error) = std::fs::read_dir(&self.server.data_dir) {
            let text = format!("{}: {error}", self.server.data_dir.display());
            find(Severity::Error, "server.data_dir", text);
        }
        for (key, file) in [
            ("server.tls.certificate", &self.server.tls.certificate),
            ("server.tls.key", &self.server.tls.key),
            ("apple.push.root_pem", &self.apple.push.root_pem),
            (
                "database.root_certificates",
                &self.database.root_certificates,
            ),
        ] {
            if let Some(text) = file.as_deref().and_then(|file| unreadable_pem(file).err()) {
                find(Severity::Error, key, text);
            }
        }
        if let Some(text) = self.server.tls.key.as_deref().and_then(open_to_all) {
            find(Severity::Warning, "server.tls.key", text);
        }
        match self.key_encryption_keys(|name| std::env::var(name).ok()) {
            Ok(_) => {}
            Err(error) if error.is_missing_default() => find(
                Severity::Warning,
                "keys.file",
                format!("{error}; it will be made at the first start"),
            ),
            Err(error) => find(Severity::Error, "keys.file", error.to_string()),
        }
        if let Some(text) = open_to_all(&self.key_file()) {
            find(Severity::Warning, "keys.file", text);
        }
        if !self.server.tls.enabled && self.server.listen.0.iter().any(|at| !at.ip().is_loopback())
        {
            find(
                Severity::Warning,
                "server.tls.enabled",
                "TLS is off, and the server listens beyond this machine".into(),
            );
        }
        if self.server.tls.enabled && self.server.tls.certificate.is_none() {
            find(
                Severity::Warning,
                "server.tls.certificate",
                "none: devices will not trust Muster's own certificate before they enrol".into(),
            );
        }
        findings
    }
}

fn check_url(url: &Url) -> Result<(), String> {
    let local = match url.host() {
        None => return Err("the address has no host".into()),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
    };
    if url.scheme() != "https" && !local {
        return Err("devices and browsers need https".into());
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("only a scheme, a host and a port, without a path".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address must not hold a password".into());
    }
    Ok(())
}

fn check_service(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(())
    } else {
        Err("must be an http or https address".into())
    }
}

fn unreadable_pem(file: &Path) -> Result<(), String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if text.contains("-----BEGIN ") {
        Ok(())
    } else {
        Err(format!("{}: holds nothing in PEM form", file.display()))
    }
}

fn open_to_all(file: &Path) -> Option<String> {
    let mode = std::fs::metadata(file).ok()?.mode();
    (mode & 0o007 != 0).then(|| {
        format!(
            "{}: every user of this machine may open it (mode {:o})",
            file.display(),
            mode & 0o777
        )
    })
}

impl Source {
    /// Whether the value was set anywhere.
    pub fn is_set(&self) -> bool {
        *self != Self::Nowhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_devices_cannot_use_are_refused() {
        for fit in [
            "https://mdm.example.org",
            "https://mdm.example.org:8443/",
            "http://localhost:80",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(check_url(&Url::parse(fit).unwrap()), Ok(()), "{fit}");
        }
        for unfit in [
            "http://mdm.example.org",
            "https://mdm.example.org/mdm",
            "https://a:b@mdm.example.org",
            "file:///x",
        ] {
            assert!(check_url(&Url::parse(unfit).unwrap()).is_err(), "{unfit}");
        }
    }

    #[test]
    fn a_key_that_everybody_can_read_is_found() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "x").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(open_to_all(&file).unwrap().contains("644"));
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(open_to_all(&file), None);
    }
}
