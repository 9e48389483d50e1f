//! TLS: the server's certificate, exchanged while running, and client certificates.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{
        ClientHello, ResolvesServerCert, ServerSessionMemoryCache,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// The certificate or key cannot be used.
    #[error("the TLS certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The server's certificate; exchanging it concerns new connections only.
#[derive(Debug)]
pub struct ServerCertificate(ArcSwap<CertifiedKey>);

impl ServerCertificate {
    /// From a chain and its key, DER (PKCS#8).
    ///
    /// # Errors
    /// When they do not belong together.
    pub fn from_der(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(from_der(chain, key)?))))
    }

    /// Takes a new chain and key, DER; the old ones stay when these cannot be used.
    ///
    /// # Errors
    /// When they do not belong together.
    pub fn replace_der(&self, chain: Vec<Vec<u8>>, key: &[u8]) -> Result<(), TlsError> {
        self.0.store(Arc::new(from_der(chain, key)?));
        Ok(())
    }

    /// From PEM files.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together.
    pub fn from_files(
        chain: &std::path::Path,
        key: &std::path::Path,
    ) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(read(chain, key)?))))
    }

    /// Takes new certificates from the files; the old ones stay when these cannot be used.
    ///
    /// # Errors
    /// When they cannot be read or do not belong together.
    pub fn reload(&self, chain: &std::path::Path, key: &std::path::Path) -> Result<(), TlsError> {
        self.0.store(Arc::new(read(chain, key)?));
        Ok(())
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn from_der(chain: Vec<Vec<u8>>, key: &[u8]) -> Result<CertifiedKey, TlsError> {
    certified(
        chain.into_iter().map(CertificateDer::from).collect(),
        PrivateKeyDer::try_from(key.to_vec())
            .map_err(|reason| rustls::Error::General(reason.to_owned()))?,
    )
}

fn read(chain: &std::path::Path, key: &std::path::Path) -> Result<CertifiedKey, TlsError> {
    let failed = |path: &std::path::Path, reason: String| TlsError::File {
        path: path.display().to_string(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed(chain, "no certificate in it".into()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error.to_string()))?;
    certified(certificates, private)
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    let signer = aws_lc_rs::sign::any_supported_type(&key)?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match()?;
    Ok(certified)
}

/// The configuration of a listener.
///
/// With `client_ca` clients are asked for a certificate and may refuse; the
/// names of that CA (DER of the subject) tell them which to choose. Any
/// certificate passes the handshake, which proves only its key: whether it is
/// one of ours, and pinned to whom, is for the engine to say, also for expired
/// ones, so that a device learns more than a broken connection.
///
/// # Errors
/// When the cryptographic library refuses the configuration.
pub fn server_config(
    certificate: Arc<ServerCertificate>,
    client_ca: Option<Vec<Vec<u8>>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(names) => builder.with_client_cert_verifier(Arc::new(AnyClient {
            provider,
            hints: names.into_iter().map(DistinguishedName::from).collect(),
        })),
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(100_000);
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

/// Accepts any client certificate whose key the client has.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
