//! Reading: the file, then the environment, then what makes no sense together.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;

/// What every environment variable of the configuration begins with; `__` parts section and key.
const PREFIX: &str = "MUSTER_";
/// Looked for in this order when no file is named.
const PLACES: [&str; 2] = ["muster.toml", "/etc/muster/muster.toml"];
/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, and the line in it where that is known.
    File(PathBuf, Option<usize>),
    /// An environment variable.
    Environment(String),
    /// Nowhere: it is missing.
    Nowhere,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub source: Source,
    /// Which key, as `section.key`; empty when the text as a whole is wrong.
    pub key: String,
    /// What.
    pub text: String,
}

/// The configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Everything that was found, at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File(path, Some(line)) => write!(f, "{}:{line}: ", path.display())?,
            Source::File(path, None) => write!(f, "{}: ", path.display())?,
            Source::Environment(name) => write!(f, "environment {name}: ")?,
            Source::Nowhere => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

/// A configuration with the places its values come from.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    file: Option<(PathBuf, String)>,
    environment: Vec<(String, Vec<String>)>,
}

impl Config {
    /// Reads a file (when none is named: `muster.toml` here or in `/etc/muster`, if there is one)
    /// and the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong, each with its place.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let found = PLACES.iter().map(Path::new).find(|path| path.is_file());
        match file.or(found) {
            None => Self::parse(None, environment),
            Some(path) => {
                let text = read_text(path).map_err(|text| Problem {
                    source: Source::File(path.to_owned(), None),
                    key: String::new(),
                    text,
                })?;
                Self::parse(Some((path, &text)), environment)
            }
        }
    }

    /// Reads the text of a file and the environment.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn parse(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = match file {
            None => Table::new(),
            Some((path, text)) => {
                // Once for messages with lines, once to merge the environment into.
                let in_file = |error: toml::de::Error| in_file(path, text, &error);
                toml::from_str::<Self>(text).map_err(in_file)?;
                text.parse::<Table>().map_err(in_file)?
            }
        };
        let mut variables: Vec<_> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((keys_of(&name)?, name, value)))
            .collect();
        variables.sort();
        let mut problems = Vec::new();
        for (keys, name, value) in &variables {
            match fitting(keys, value) {
                Ok(value) => put(&mut table, keys, value),
                Err(text) => problems.push(Problem {
                    source: Source::Environment(name.clone()),
                    key: keys.join("."),
                    text,
                }),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        let config = Self::deserialize(table).map_err(|error| Problem {
            source: Source::Nowhere,
            key: String::new(),
            text: error.message().to_owned(),
        })?;
        let origins = Origins {
            file: file.map(|(path, text)| (path.to_owned(), text.to_owned())),
            environment: variables
                .into_iter()
                .map(|(keys, name, _)| (name, keys))
                .collect(),
        };
        let problems = config.contradictions(&origins);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }
}

impl Origins {
    /// Where a key was set.
    pub(super) fn of(&self, key: &str) -> Source {
        let keys: Vec<_> = key.split('.').collect();
        if let Some((name, _)) = self.environment.iter().find(|(_, set)| *set == keys) {
            return Source::Environment(name.clone());
        }
        match &self.file {
            Some((path, text)) => Source::File(path.clone(), line_of(text, key)),
            None => Source::Nowhere,
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if size > LARGEST_FILE {
        return Err(format!("larger than {LARGEST_FILE} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn in_file(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map(|span| span.start.min(text.len()));
    let before = at.and_then(|at| text.get(..at));
    Problem {
        source: Source::File(
            path.to_owned(),
            before.map(|before| before.matches('\n').count() + 1),
        ),
        key: before.map_or_else(String::new, |before| key_before(before, text)),
        text: error.message().trim().replace('\n', "; "),
    }
    .into()
}

/// The section and key in the line where `before` ends.
fn key_before(before: &str, text: &str) -> String {
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default().trim();
    let section = section_at(before);
    match line.split_once('=') {
        Some((key, _)) => joined(section, key.trim()),
        None => line.trim_matches(['[', ']']).trim().to_owned(),
    }
}

fn section_at(text: &str) -> &str {
    text.lines().rev().find_map(header).unwrap_or_default()
}

fn header(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix('[')?;
    inner.split_once(']').map(|(name, _)| name.trim())
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}

/// The line where a key is set, or that of its section; `None` where it is written in another way.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = "";
    let mut of_section = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(name) = header(line) {
            section = name;
            if key.starts_with(&format!("{name}.")) {
                of_section = Some(index + 1);
            }
        } else if let Some((name, _)) = line.split_once('=')
            && joined(section, name.trim()) == key
        {
            return Some(index + 1);
        }
    }
    of_section
}

/// `MUSTER_APPLE__PUSH__BASE_URL` is `apple.push.base_url`; a name without `__` is not ours.
fn keys_of(name: &str) -> Option<Vec<String>> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.contains("__").then(|| {
        rest.to_ascii_lowercase()
            .split("__")
            .map(str::to_owned)
            .collect()
    })
}

/// The value as the key takes it: as text, or as TOML (`true`, `16`, `["a", "b"]`).
fn fitting(keys: &[String], text: &str) -> Result<Value, String> {
    let attempt = |value: Value| {
        let mut table = Table::new();
        put(&mut table, keys, value.clone());
        Config::deserialize(table).map(|_| value)
    };
    let as_text = match attempt(Value::String(text.to_owned())) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let literal: Option<Value> = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    match literal.map(attempt) {
        Some(Ok(value)) => Ok(value),
        _ => Err(as_text.message().trim().replace('\n', "; ")),
    }
}

fn put(table: &mut Table, keys: &[String], value: Value) {
    let Some((last, sections)) = keys.split_last() else {
        return;
    };
    let mut table = table;
    for section in sections {
        let entry = table
            .entry(section.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        match entry {
            Value::Table(inner) => table = inner,
            // The key is a value in the file and a section in the environment; reading tells.
            _ => return,
        }
    }
    table.insert(last.clone(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/etc/muster/muster.toml";
    const LEAST: &str = "[server]\npublic_url = \"https://mdm.example.org\"\n";

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(Some((Path::new(PATH), text)), environment)
    }

    fn message(text: &str, environment: &[(&str, &str)]) -> String {
        read(text, environment).unwrap_err().to_string()
    }

    #[test]
    fn the_example_reads_back_and_shows_the_defaults() {
        let example = read(super::super::EXAMPLE, &[]).unwrap();
        let mut least = read(LEAST, &[]).unwrap();
        least.organization.name = "Example Department".to_owned();
        assert_eq!(example, least);
    }

    #[test]
    fn every_commented_key_of_the_example_is_one_that_is_understood() {
        let uncommented: String = super::super::EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => rest,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let config: Config = toml::from_str(&uncommented).unwrap();
        assert!(config.keys.file.is_some() && config.keys.environment.is_some());
        assert!(config.server.tls.certificate.is_some() && config.metrics.listen.is_some());
    }

    fn is_key(text: &str) -> bool {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    #[test]
    fn a_wrong_value_is_told_with_file_line_and_key() {
        let text = format!("{LEAST}\n[scep]\nlegacy = true\nprofile_lifetime = \"soon\"\n");
        let message = message(&text, &[]);
        assert!(
            message.starts_with("/etc/muster/muster.toml:6: scep.profile_lifetime: "),
            "{message}"
        );
        assert!(
            message.contains("\"soon\" is not a length of time"),
            "{message}"
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let message = message(&format!("{LEAST}listne = \"0.0.0.0:443\"\n"), &[]);
        assert!(
            message.starts_with("/etc/muster/muster.toml:3: server.listne: "),
            "{message}"
        );
        assert!(message.contains("unknown field `listne`"), "{message}");
    }

    #[test]
    fn text_that_is_not_toml_is_refused_with_its_line() {
        let message = message(&format!("{LEAST}[scep\n"), &[]);
        assert!(
            message.starts_with("/etc/muster/muster.toml:3: "),
            "{message}"
        );
    }

    #[test]
    fn the_environment_wins_and_knows_numbers_lists_and_truth() {
        let config = read(
            LEAST,
            &[
                ("MUSTER_SERVER__PUBLIC_URL", "https://other.example.org"),
                ("MUSTER_SERVER__LISTEN", "127.0.0.1:8443, [::1]:8443"),
                ("MUSTER_SERVER__TLS__ENABLED", "false"),
                ("MUSTER_DATABASE__CONNECTIONS", "3"),
                ("MUSTER_KEYS__OLD_FILES", "[\"/a\"]"),
                ("MUSTER_APPLE__PUSH__BASE_URL", "http://127.0.0.1:2197"),
                ("MUSTER_TOKEN", "not a setting"),
            ],
        )
        .unwrap();
        assert_eq!(config.public_url(), "https://other.example.org");
        assert_eq!(config.server.listen.0.len(), 2);
        assert!(!config.server.tls.enabled);
        assert_eq!(config.database.connections, 3);
        assert_eq!(config.keys.old_files, [PathBuf::from("/a")]);
        assert_eq!(config.apple.push.base_url, "http://127.0.0.1:2197");
    }

    #[test]
    fn a_wrong_variable_is_told_by_its_name() {
        let message = message(
            LEAST,
            &[
                ("MUSTER_DATABASE__CONNECTIONS", "many"),
                ("MUSTER_SERVER__LISTNE", "x"),
            ],
        );
        assert!(
            message.contains("environment MUSTER_DATABASE__CONNECTIONS: database.connections: "),
            "{message}"
        );
        assert!(
            message.contains("environment MUSTER_SERVER__LISTNE: server.listne: unknown field"),
            "{message}"
        );
    }

    #[test]
    fn a_contradiction_is_told_where_the_value_was_set() {
        let text = format!("{LEAST}\n[identity]\nlifetime = \"30d\"\n");
        let told = message(&text, &[]);
        assert!(
            told.contains("/etc/muster/muster.toml:4: identity.renew_before: "),
            "{told}"
        );
        let told = message(LEAST, &[("MUSTER_IDENTITY__LIFETIME", "30d")]);
        assert!(told.contains("identity.renew_before"), "{told}");
        let told = Config::parse(None, []).unwrap_err().to_string();
        assert!(told.contains("server.public_url: "), "{told}");
    }

    #[test]
    fn a_password_in_the_database_address_is_not_printed() {
        let config = read(
            &format!("{LEAST}[database]\nurl = \"postgres://muster:hunter2@db/muster\"\n"),
            &[],
        )
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
