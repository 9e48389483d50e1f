//! A bare HTTP/1.1 connection: writes prepared bytes, reads one reply.

use std::sync::Arc;

use http::Uri;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    Error, Result,
    http::{Origin, Tls},
};

/// Largest head and body of a reply.
const MAX_REPLY: usize = 1 << 20;

/// Where load goes.
#[derive(Debug, Clone)]
pub struct Target {
    origin: Origin,
    tls: Arc<ClientConfig>,
}

impl Target {
    /// The origin of `url`. `ca_pem` is needed for https.
    ///
    /// # Errors
    /// When the URL or the certificate is malformed.
    pub fn new(url: &str, ca_pem: &str) -> Result<Self> {
        let uri: Uri = url
            .parse()
            .map_err(|_| Error::Http(format!("malformed URL {url}")))?;
        Ok(Self {
            origin: Origin::of(&uri)?,
            tls: Tls::new(ca_pem, None)?.config(),
        })
    }

    pub(super) async fn connect(&self) -> Result<Wire> {
        let stream = self.origin.tcp().await?;
        let stream = if self.origin.secure {
            let connector = TlsConnector::from(self.tls.clone());
            let stream = connector
                .connect(self.origin.server_name()?, stream)
                .await
                .map_err(|error| Error::Http(format!("TLS: {error}")))?;
            Stream::Tls(Box::new(stream))
        } else {
            Stream::Plain(stream)
        };
        Ok(Wire {
            stream,
            buffer: Vec::with_capacity(8192),
        })
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One kept-alive connection.
pub(super) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
}

/// Status and body of one reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// The server closes the connection after this reply.
    pub(super) last: bool,
}

impl Wire {
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.buffer.clear();
        match &mut self.stream {
            Stream::Plain(stream) => exchange(stream, request, &mut self.buffer).await,
            Stream::Tls(stream) => exchange(stream.as_mut(), request, &mut self.buffer).await,
        }
    }
}

async fn exchange<S>(stream: &mut S, request: &[u8], buffer: &mut Vec<u8>) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request).await?;
    stream.flush().await?;
    let head = loop {
        if let Some(head) = parse_head(buffer)? {
            break head;
        }
        fill(stream, buffer).await?;
    };
    let body = match head.length {
        Some(length) => {
            while buffer.len() < head.size + length {
                fill(stream, buffer).await?;
            }
            buffer[head.size..head.size + length].to_vec()
        }
        None => loop {
            if let Some(body) = unchunk(&buffer[head.size..])? {
                break body;
            }
            fill(stream, buffer).await?;
        },
    };
    Ok(Answer {
        status: head.status,
        body,
        last: head.last,
    })
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> Result<()> {
    if buffer.len() > MAX_REPLY {
        return Err(Error::Http("the reply is too long".into()));
    }
    if stream.read_buf(buffer).await? == 0 {
        return Err(Error::Http("the connection closed in mid-reply".into()));
    }
    Ok(())
}

struct Head {
    status: u16,
    /// Octets up to and including the empty line.
    size: usize,
    /// `None` for a chunked body.
    length: Option<usize>,
    last: bool,
}

fn parse_head(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let bad = || Error::Http("a malformed reply".into());
    let text = std::str::from_utf8(&buffer[..end]).map_err(|_| bad())?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok());
    let mut head = Head {
        status: status.ok_or_else(bad)?,
        size: end + 4,
        length: Some(0),
        last: false,
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.length = Some(
                value
                    .parse()
                    .ok()
                    .filter(|length| *length <= MAX_REPLY)
                    .ok_or_else(bad)?,
            );
        } else if name.eq_ignore_ascii_case("transfer-encoding")
            && value.eq_ignore_ascii_case("chunked")
        {
            head.length = None;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            head.last = true;
        }
    }
    Ok(Some(head))
}

/// The body of complete chunks; `None` when more is to come.
fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>> {
    let bad = || Error::Http("a malformed chunk".into());
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| bad())?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)
            .map_err(|_| bad())?;
        if size > MAX_REPLY {
            return Err(bad());
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size + 2) else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&chunk[..size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::duplex;

    use super::*;

    async fn reply(bytes: &'static [u8]) -> Result<Answer> {
        let (mut near, mut far) = duplex(64);
        let server = tokio::spawn(async move {
            let mut request = [0; 4];
            far.read_exact(&mut request).await.unwrap();
            far.write_all(bytes).await.unwrap();
        });
        let answer = exchange(&mut near, b"PING", &mut Vec::new()).await;
        drop(near);
        let _ = server.await;
        answer
    }

    #[tokio::test]
    async fn reads_both_kinds_of_body() {
        let fixed = reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .await
            .unwrap();
        assert_eq!(
            fixed,
            Answer {
                status: 200,
                body: b"hello".to_vec(),
                last: false
            }
        );
        let chunked = b"HTTP/1.1 400 No\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(
            reply(chunked).await.unwrap(),
            Answer {
                status: 400,
                body: b"abcde".to_vec(),
                last: true
            }
        );
        let empty = reply(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        assert!(empty.body.is_empty());
    }

    #[tokio::test]
    async fn a_reply_cut_short_is_an_error() {
        assert!(
            reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
                .await
                .is_err()
        );
        assert!(reply(b"HTTP/1.1 200 OK\r\nContent-Len").await.is_err());
        assert!(reply(b"nonsense\r\n\r\n").await.is_err());
    }
}
