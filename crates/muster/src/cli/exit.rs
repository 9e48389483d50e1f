//! How a command ends, for programs.

use std::{fmt, io::Write, process::ExitCode};

use serde_json::json;

/// The exit codes, as `--help` explains them.
pub const EXPLAINED: &str = "\
Exit codes:
  0  it was done
  1  it failed; the message says why
  2  the command line or the configuration is wrong
  3  not permitted, or not signed in
  4  there is no such thing
  5  not possible now: it conflicts, or the device cannot do it
  6  the server or the database does not answer; try again";

/// Why a command ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It failed.
    Failure = 1,
    /// The command line or configuration is wrong.
    Usage = 2,
    /// Not permitted.
    Denied = 3,
    /// No such thing.
    NotFound = 4,
    /// Not possible in the present state.
    Conflict = 5,
    /// Nobody answers.
    Unavailable = 6,
}

/// A command that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub kind: Kind,
    /// For the person.
    pub message: String,
}

/// The result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// With a reason.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that should have worked.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failure, message)
    }

    /// A file that cannot be read or written.
    pub fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Self::failed(format!("{}: {error}", path.display()))
    }

    /// Tells it: a line for people, an object for programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_to(&self, out: &mut dyn Write, json: bool) -> std::io::Result<()> {
        if json {
            let error = json!({"error": {"exit_code": self.kind as u8, "message": self.message}});
            writeln!(out, "{error}")
        } else {
            writeln!(out, "muster: {}", self.message)
        }
    }

    /// For the operating system.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let message = format!("{error:#}");
        match error.downcast::<engine::EngineError>() {
            Ok(error) => error.into(),
            Err(error) => match error.downcast::<Self>() {
                Ok(failure) => failure,
                Err(_) => Self::failed(message),
            },
        }
    }
}

impl From<engine::EngineError> for Failure {
    fn from(error: engine::EngineError) -> Self {
        use engine::EngineError as E;
        let kind = match &error {
            E::Denied(_) | E::SignIn => Kind::Denied,
            E::NotFound(_) => Kind::NotFound,
            E::Invalid(_) => Kind::Usage,
            E::Conflict(_) | E::Unfit(_) | E::Stale | E::Refused(_) => Kind::Conflict,
            E::Store(store) => return store.clone().into(),
            E::Vendor(_) | E::Keys(_) => Kind::Failure,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Self {
        use store::StoreError as E;
        let kind = match &error {
            E::Busy | E::Unavailable { .. } | E::Conflict => Kind::Unavailable,
            E::Invalid(_) => Kind::Usage,
            _ => Kind::Failure,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<crate::config::KeyError> for Failure {
    fn from(error: crate::config::KeyError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}
