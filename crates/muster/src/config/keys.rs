//! The key-encryption key: from a file or the environment, made when a new installation has none.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Secret;

use super::Config;

/// A key of 256 bits.
type Key = Secret<[u8; 32]>;

/// The key that seals, and those that still open.
#[derive(Debug, Clone)]
pub struct KeyEncryptionKeys {
    /// Seals.
    pub current: Key,
    /// Open what they sealed.
    pub old: Vec<Key>,
}

/// The key-encryption key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such file or variable.
    #[error("there is no key-encryption key in {place}")]
    Missing {
        /// Where it was looked for.
        place: String,
        /// Whether that is where a new installation makes it.
        default: bool,
    },
    /// The file cannot be read or written.
    #[error("the key-encryption key in {0}: {1}")]
    File(String, std::io::Error),
    /// It is not a key.
    #[error("the key-encryption key in {0} is not 32 bytes in base64 or hexadecimal")]
    Malformed(String),
}

impl KeyError {
    /// Whether nothing was configured and the key would be made at the first start.
    pub const fn is_missing_default(&self) -> bool {
        matches!(self, Self::Missing { default: true, .. })
    }
}

impl Config {
    /// The file of the key-encryption key, when it comes from a file.
    pub fn key_file(&self) -> PathBuf {
        self.keys
            .file
            .clone()
            .unwrap_or_else(|| self.server.data_dir.join("key-encryption-key"))
    }

    /// Reads the keys; `variable` gives an environment variable.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn key_encryption_keys(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<KeyEncryptionKeys, KeyError> {
        let current = match &self.keys.environment {
            Some(name) => {
                let place = format!("the environment variable {name}");
                match variable(name).map(Secret::new) {
                    Some(text) => parse(&text, place)?,
                    None => {
                        return Err(KeyError::Missing {
                            place,
                            default: false,
                        });
                    }
                }
            }
            None => read(&self.key_file(), self.keys.file.is_none())?,
        };
        let old = self
            .keys
            .old_files
            .iter()
            .map(|file| read(file, false))
            .collect::<Result<_, _>>()?;
        Ok(KeyEncryptionKeys { current, old })
    }

    /// Makes the key-encryption key of a new installation from random bytes, where none is
    /// configured; never overwrites one.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn create_key_encryption_key(&self, random: &Key) -> Result<PathBuf, KeyError> {
        let file = self.key_file();
        let failed = |error| KeyError::File(file.display().to_string(), error);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .map_err(failed)?;
        let text = Secret::new(format!("{}\n", STANDARD.encode(random.expose())));
        out.write_all(text.expose().as_bytes()).map_err(failed)?;
        // Secrets sealed under a key that a power cut takes away are lost.
        out.sync_all().map_err(failed)?;
        Ok(file)
    }
}

fn read(file: &Path, default: bool) -> Result<Key, KeyError> {
    let place = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&Secret::new(text), place),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(KeyError::Missing { place, default })
        }
        Err(error) => Err(KeyError::File(place, error)),
    }
}

fn parse(text: &Secret<String>, place: String) -> Result<Key, KeyError> {
    let text = text.expose().trim();
    let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text));
    bytes
        .ok()
        .map(Secret::new)
        .and_then(|bytes| <[u8; 32]>::try_from(bytes.expose().as_slice()).ok())
        .map(Secret::new)
        .ok_or(KeyError::Malformed(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path) -> Config {
        let mut config = Config::default();
        config.server.data_dir = folder.to_owned();
        config
    }

    #[test]
    fn a_new_installation_makes_a_key_once_and_reads_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder.path().join("data"));
        let missing = config.key_encryption_keys(|_| None).unwrap_err();
        assert!(missing.is_missing_default());
        let file = config
            .create_key_encryption_key(&Secret::new([7; 32]))
            .unwrap();
        let keys = config.key_encryption_keys(|_| None).unwrap();
        assert_eq!(keys.current.expose(), &[7; 32]);
        assert!(
            config
                .create_key_encryption_key(&Secret::new([8; 32]))
                .is_err()
        );
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_is_read_as_hexadecimal_or_base64_and_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.keys.environment = Some("KEY".into());
        let with = |text: &str| {
            let text = text.to_owned();
            config.key_encryption_keys(move |name| (name == "KEY").then(|| text.clone()))
        };
        assert_eq!(
            with(&"ab".repeat(32)).unwrap().current.expose(),
            &[0xab; 32]
        );
        assert_eq!(
            with(&STANDARD.encode([3; 32])).unwrap().current.expose(),
            &[3; 32]
        );
        for wrong in ["", "password", &"ab".repeat(31), &STANDARD.encode([3; 33])] {
            let error = with(wrong).unwrap_err().to_string();
            assert!(error.contains("the environment variable KEY"), "{error}");
        }
        let missing = config.key_encryption_keys(|_| None).unwrap_err();
        assert!(!missing.is_missing_default());
    }
}
