//! The one error of this crate.

/// What went wrong inside a simulated device or stand-in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not the DER this crate expects.
    #[error("DER: {0}")]
    Der(&'static str),
    /// Bytes that are not a property list.
    #[error("property list: {0}")]
    Plist(String),
    /// A CMS message that cannot be read, verified or decrypted.
    #[error("CMS: {0}")]
    Cms(String),
    /// A certificate that cannot be read or trusted.
    #[error("certificate: {0}")]
    Certificate(String),
    /// A key that cannot be made, read or used.
    #[error("key: {0}")]
    Key(&'static str),
    /// A SCEP exchange that a strict client refuses.
    #[error("SCEP: {0}")]
    Scep(String),
    /// A profile that a device refuses to install.
    #[error("profile refused: {0}")]
    Profile(String),
    /// A declarative management exchange that a device refuses.
    #[error("declarative management: {0}")]
    Declarative(String),
    /// The connection failed, or the answer was not HTTP.
    #[error("HTTP: {0}")]
    Http(String),
    /// The server answered with a status other than the one needed.
    #[error("the server answered {status} to {what}: {}", String::from_utf8_lossy(.body))]
    Status {
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The start of the body, at most 2,048 bytes.
        body: Vec<u8>,
    },
    /// The device sleeps and reaches nobody.
    #[error("the device is offline")]
    Offline,
    /// The device holds no management profile.
    #[error("the device is not enrolled")]
    NotEnrolled,
    /// The fleet or stand-in has stopped.
    #[error("stopped")]
    Stopped,
    /// A socket or file failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;
