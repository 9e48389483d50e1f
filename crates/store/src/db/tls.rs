//! TLS towards PostgreSQL.

use std::path::Path;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Result, StoreError};

/// Verifies the server by the platform's certificates, or by those of a file alone.
pub(super) fn connector(root_certificates: Option<&Path>) -> Result<MakeRustlsConnect> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(invalid)?;
    let config = match root_certificates {
        None => builder.with_platform_verifier().map_err(invalid)?,
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(invalid)? {
                roots.add(certificate.map_err(invalid)?).map_err(invalid)?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn invalid(error: impl std::fmt::Display) -> StoreError {
    StoreError::Invalid(format!("TLS to the database: {error}"))
}
