//! A small HTTP/1.1 client with keep-alive over TCP or TLS, as a device has one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Error, Result, keys::Key, x509::Certificate};

/// Largest reply body read, in bytes.
const MAX_BODY: usize = 32 << 20;
/// Redirects followed for one request.
const MAX_REDIRECTS: usize = 3;

/// One request. The body can be sent again.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An `http` or `https` URL.
    pub url: String,
    /// Header names and values; `Host` and `Content-Length` are added.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Bytes,
}

impl Request {
    /// A GET request without headers.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self {
            method: Method::GET,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// One reply with its whole body.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Reply {
    /// The media type in lower case without parameters.
    #[must_use]
    pub fn media_type(&self) -> String {
        let value = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        value
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase()
    }

    /// The reply itself when its status is 200.
    ///
    /// # Errors
    /// [`Error::Status`] for any other status.
    pub fn ok(self, what: &str) -> Result<Self> {
        if self.status == 200 {
            return Ok(self);
        }
        let body = self.body[..self.body.len().min(2048)].to_vec();
        Err(Error::Status {
            what: what.to_owned(),
            status: self.status,
            body,
        })
    }
}

/// Which servers are trusted and who the client is.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts certificates below `anchors` (PEM); presents `identity` when a server asks.
    ///
    /// # Errors
    /// When an anchor or the identity is malformed.
    pub fn new(anchors: &str, identity: Option<(&Certificate, &Key)>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        if !anchors.is_empty() {
            for anchor in Certificate::from_pem(anchors)? {
                roots
                    .add(CertificateDer::from(anchor.der))
                    .map_err(|error| Error::Certificate(error.to_string()))?;
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Http(error.to_string()))?
        .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
                builder
                    .with_client_auth_cert(vec![CertificateDer::from(certificate.der.clone())], key)
                    .map_err(|error| Error::Certificate(error.to_string()))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Trusts nobody: https fails, plain http works.
    ///
    /// # Panics
    /// Never: the provider supports the default protocol versions.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the provider is fixed and known to support TLS 1.2 and 1.3"
    )]
    pub fn untrusting() -> Self {
        static SHARED: std::sync::LazyLock<Tls> = std::sync::LazyLock::new(|| {
            Tls::new("", None).expect("a TLS configuration without anchors")
        });
        SHARED.clone()
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.0.clone()
    }
}

/// A client with at most one idle connection per origin.
#[derive(Debug)]
pub struct Client {
    tls: Tls,
    timeout: Duration,
    idle: HashMap<String, SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client without connections. `timeout` bounds each request.
    #[must_use]
    pub fn new(tls: Tls, timeout: Duration) -> Self {
        Self {
            tls,
            timeout,
            idle: HashMap::new(),
        }
    }

    /// Changes trust or identity; open connections are closed.
    pub fn set_tls(&mut self, tls: Tls) {
        self.tls = tls;
        self.close();
    }

    /// Closes all idle connections.
    pub fn close(&mut self) {
        self.idle.clear();
    }

    /// Sends a request, follows up to three redirects and returns the final reply.
    ///
    /// # Errors
    /// When the server cannot be reached, does not speak HTTP, redirects too often or takes longer
    /// than the time-out.
    pub async fn send(&mut self, request: &Request) -> Result<Reply> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let timeout = self.timeout;
            let reply = tokio::time::timeout(timeout, self.send_once(request, &url))
                .await
                .map_err(|_| Error::Http(format!("no reply from {url} in {timeout:?}")))??;
            let location = reply
                .headers
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            match (reply.status, location) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => url = resolve(&url, location)?,
                _ => return Ok(reply),
            }
        }
        Err(Error::Http(format!(
            "more than {MAX_REDIRECTS} redirects from {}",
            request.url
        )))
    }

    async fn send_once(&mut self, request: &Request, url: &str) -> Result<Reply> {
        let uri: Uri = url
            .parse()
            .map_err(|_| Error::Http(format!("malformed URL {url}")))?;
        let origin = Origin::of(&uri)?;
        let key = origin.to_string();
        // A server may close an idle connection at any time: only a fresh one's failure counts.
        if let Some(mut sender) = self.idle.remove(&key)
            && sender.ready().await.is_ok()
            && let Ok(reply) = exchange(&mut sender, request, &uri, &origin).await
        {
            self.idle.insert(key, sender);
            return Ok(reply);
        }
        let mut sender = connect(&origin, &self.tls).await?;
        let reply = exchange(&mut sender, request, &uri, &origin).await?;
        self.idle.insert(key, sender);
        Ok(reply)
    }
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}://{}:{}",
            if self.secure { "https" } else { "http" },
            self.host,
            self.port
        )
    }
}

impl Origin {
    pub(crate) fn of(uri: &Uri) -> Result<Self> {
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(Error::Http(format!("{uri} is neither http nor https"))),
        };
        let host = uri
            .host()
            .ok_or_else(|| Error::Http(format!("{uri} has no host")))?;
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
        })
    }

    /// The Host header's value.
    pub(crate) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    pub(crate) async fn tcp(&self) -> Result<TcpStream> {
        let host = self.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub(crate) fn server_name(&self) -> Result<ServerName<'static>> {
        let host = self.host.trim_matches(['[', ']']).to_owned();
        ServerName::try_from(host)
            .map_err(|_| Error::Http(format!("{} is no server name", self.host)))
    }
}

async fn connect(origin: &Origin, tls: &Tls) -> Result<SendRequest<Full<Bytes>>> {
    let stream = origin.tcp().await?;
    if origin.secure {
        let connector = TlsConnector::from(tls.config());
        let stream = connector
            .connect(origin.server_name()?, stream)
            .await
            .map_err(|error| Error::Http(format!("TLS with {origin}: {error}")))?;
        handshake(stream).await
    } else {
        handshake(stream).await
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(256 << 10)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Error::Http(error.to_string()))?;
    // Ends by itself when the sender is dropped or the server closes.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::trace!(%error, "connection ended");
        }
    });
    Ok(sender)
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: &Request,
    uri: &Uri,
    origin: &Origin,
) -> Result<Reply> {
    let target = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mut builder = http::Request::builder()
        .method(request.method.clone())
        .uri(target)
        .header(header::HOST, origin.authority())
        .header(header::USER_AGENT, "MDM/1.0");
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let message = builder
        .body(Full::new(request.body.clone()))
        .map_err(|error| Error::Http(error.to_string()))?;
    let reply = sender
        .send_request(message)
        .await
        .map_err(|error| Error::Http(format!("{uri}: {error}")))?;
    let (parts, body) = reply.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|error| Error::Http(format!("body from {uri}: {error}")))?
        .to_bytes();
    Ok(Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

/// Resolves an absolute or path-absolute redirect.
fn resolve(base: &str, location: &str) -> Result<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Ok(location.to_owned());
    }
    let uri: Uri = base
        .parse()
        .map_err(|_| Error::Http(format!("malformed URL {base}")))?;
    if location.starts_with('/') {
        return Ok(format!("{}{location}", Origin::of(&uri)?));
    }
    Err(Error::Http(format!("redirect to {location}")))
}
