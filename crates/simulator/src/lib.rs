//! Simulated devices and vendor stand-ins for Muster.
//!
//! Nothing here uses Muster's own encoders or decoders: property lists, DER, CMS, PKCS#10 and
//! SCEP are written and read a second time in this crate, so that a mistake in the server cannot
//! hide behind the same mistake in its counterpart.
//!
//! - [`apple`]: Apple devices, alone ([`apple::Device`]) or as a [`apple::Fleet`].
//! - [`apns`]: a strict stand-in for the Apple Push Notification service.
//! - [`webhook`]: a receiver that records what it is sent.
//! - [`load`]: raw, pre-built requests for benchmarks.
//! - [`keys`], [`x509`], [`csr`], [`cms`], [`der`], [`plist`]: the byte work beneath them.

pub mod apns;
pub mod apple;
mod clock;
pub mod cms;
pub mod csr;
pub mod der;
mod error;
pub mod http;
pub mod keys;
pub mod load;
pub mod pem;
pub mod plist;
mod random;
pub mod webhook;
pub mod x509;

pub use error::{Error, Result};
pub use random::Random;
