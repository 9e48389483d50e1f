//! Everything that this crate writes is read by the `openssl` command line, and the other
//! way round; what neither should accept is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod certificates;
mod cms;
mod crl;
mod csr;
mod hostile;
mod keys;
mod ocsp;
mod support;
