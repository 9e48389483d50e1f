//! The admin API over HTTPS.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::Secret;
use reqwest::{Certificate, Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use url::Url;

use super::exit::{Failure, Kind, Result};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long an export may take.
const LONG_TIMEOUT: Duration = Duration::from_secs(3600);
/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// The most pages that `--all` follows.
const MOST_PAGES: usize = 100_000;

/// Which server, and as whom.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Connection {
    /// Address of the server, for commands that talk to one
    #[arg(long, env = "MUSTER_URL", global = true, value_name = "URL")]
    pub url: Option<String>,
    /// File with an API token; MUSTER_TOKEN holds the token itself
    #[arg(long, env = "MUSTER_TOKEN_FILE", global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the platform's
    #[arg(long, env = "MUSTER_CA", global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// `client.toml`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClientFile {
    url: Option<String>,
    token: Option<SecretText>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

#[derive(Clone, Deserialize)]
#[serde(from = "String")]
struct SecretText(Secret<String>);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// A server and the right to ask it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: Url,
    token: Secret<String>,
}

impl Api {
    /// From the command line, then the environment, then `client.toml` in the user's
    /// configuration folder.
    ///
    /// # Errors
    /// [`Kind::Usage`] when the server or the token is missing or malformed.
    pub(super) fn connect(connection: &Connection) -> Result<Self> {
        let file =
            user_file().map_or_else(|| Ok(ClientFile::default()), |path| read_file(&path))?;
        let url = connection.url.clone().or(file.url).ok_or_else(|| {
            Failure::usage(
                "no server is named: set MUSTER_URL, or url in ~/.config/muster/client.toml",
            )
        })?;
        let token = token(connection, file.token, file.token_file.as_deref())?;
        let ca = connection.ca.as_deref().or(file.ca.as_deref());
        Self::new(&url, token, ca)
    }

    /// A server by its address.
    ///
    /// # Errors
    /// [`Kind::Usage`] when the address is none, or is not `https` and not on this machine.
    pub(super) fn new(url: &str, token: Secret<String>, ca: Option<&Path>) -> Result<Self> {
        let base = Url::parse(url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        let local = match base.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        // The token would travel where everybody can read it.
        if base.scheme() != "https" && !(base.scheme() == "http" && local) {
            return Err(Failure::usage(format!("{url}: the address must be https")));
        }
        let mut builder = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = ca {
            let pem = std::fs::read(path).map_err(|error| Failure::file(path, error))?;
            let trusted =
                Certificate::from_pem_bundle(&pem).map_err(|error| Failure::file(path, error))?;
            builder = builder.tls_certs_merge(trusted);
        }
        let client = builder
            .build()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self {
            client,
            base,
            token,
        })
    }

    /// Reads.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Json> {
        self.send(Method::GET, path, query, None, None).await
    }

    /// Makes or does something. Sent again with the same key it is done once.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn post(&self, path: &[&str], body: &Json) -> Result<Json> {
        let key = idempotency_key()?;
        self.send(Method::POST, path, &[], Some(body), Some(&key))
            .await
    }

    /// Replaces something.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn put(&self, path: &[&str], body: &Json) -> Result<Json> {
        self.send(Method::PUT, path, &[], Some(body), None).await
    }

    /// Changes parts of something.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn patch(&self, path: &[&str], body: &Json) -> Result<Json> {
        self.send(Method::PATCH, path, &[], Some(body), None).await
    }

    /// Removes.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn delete(&self, path: &[&str]) -> Result<Json> {
        self.send(Method::DELETE, path, &[], None, None).await
    }

    /// A list: its first page, or with `all` everything.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn list(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        all: bool,
    ) -> Result<Json> {
        self.pages(path, query, "cursor", all).await
    }

    /// A list whose `next` is the value of the query parameter `following`.
    ///
    /// # Errors
    /// What the server says, see [`Kind`].
    pub(super) async fn pages(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        following: &str,
        all: bool,
    ) -> Result<Json> {
        if !all {
            return self.get(path, query).await;
        }
        let mut items = Vec::new();
        let mut query = query.to_vec();
        for _ in 0..MOST_PAGES {
            let mut page = self.get(path, &query).await?;
            if let Some(more) = page["items"].as_array_mut() {
                items.append(more);
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            query.retain(|(name, _)| *name != following);
            query.push((following, next.to_owned()));
        }
        Ok(json!({"items": items, "next": null}))
    }

    /// Bytes, as long as they may be.
    ///
    /// # Errors
    /// What the server says, see [`Kind`]; [`Kind::Unavailable`] when they break off.
    pub(super) async fn download(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        mut write: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let request = self.request(Method::GET, path, query).timeout(LONG_TIMEOUT);
        let mut response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return self.read(response).await.map(drop);
        }
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            write(&chunk)?;
        }
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Json>,
        idempotency_key: Option<&str>,
    ) -> Result<Json> {
        let mut request = self.request(method, path, query);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client
            .request(method, url)
            .bearer_auth(self.token.expose())
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Json> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST_ANSWER {
                return Err(Failure::failed("the server's answer is too long"));
            }
        }
        let answer: Option<Json> = serde_json::from_slice(&bytes).ok();
        if !status.is_success() {
            return Err(refusal(status, answer.as_ref()));
        }
        match answer {
            Some(answer) => Ok(answer),
            None if bytes.is_empty() => Ok(Json::Null),
            None => Err(Failure::failed(format!(
                "{} does not answer like Muster",
                self.base
            ))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut inner: &dyn std::error::Error = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        Failure::new(Kind::Unavailable, format!("{}: {inner}", self.base))
    }
}

/// A refusal in the server's words (RFC 9457).
fn refusal(status: StatusCode, problem: Option<&Json>) -> Failure {
    let field = |name: &str| problem.and_then(|problem| problem[name].as_str());
    let kind = match status.as_u16() {
        422 if field("code") == Some("invalid") => Kind::Usage,
        400 | 405 | 406 | 408 | 413 | 415 | 428 => Kind::Usage,
        401 | 403 => Kind::Denied,
        404 | 410 => Kind::NotFound,
        409 | 412 | 422 => Kind::Conflict,
        429 | 502..=504 => Kind::Unavailable,
        _ => Kind::Failure,
    };
    let words = field("detail").or_else(|| field("title"));
    let message = match (words, field("code")) {
        (Some(words), Some(code)) => format!("{words} ({code})"),
        (Some(words), None) => words.to_owned(),
        (None, _) => format!("the server answered {status}"),
    };
    Failure::new(kind, message)
}

fn token(
    connection: &Connection,
    in_file: Option<SecretText>,
    named_by_file: Option<&Path>,
) -> Result<Secret<String>> {
    let from_file = |path: &Path| {
        std::fs::read_to_string(path)
            .map(|text| Secret::new(text.trim().to_owned()))
            .map_err(|error| Failure::file(path, error))
    };
    if let Some(path) = &connection.token_file {
        return from_file(path);
    }
    if let Some(token) = std::env::var("MUSTER_TOKEN")
        .ok()
        .filter(|text| !text.is_empty())
    {
        return Ok(Secret::new(token));
    }
    if let Some(SecretText(token)) = in_file {
        return Ok(token);
    }
    match named_by_file {
        Some(path) => from_file(path),
        None => Err(Failure::usage(
            "no API token: set MUSTER_TOKEN, or token in ~/.config/muster/client.toml",
        )),
    }
}

fn user_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(folder.join("muster/client.toml")).filter(|path| path.is_file())
}

fn read_file(path: &Path) -> Result<ClientFile> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
    let file: ClientFile = toml::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {}", path.display(), error.message())))?;
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.mode());
    if file.token.is_some() && mode & 0o077 != 0 {
        return Err(Failure::usage(format!(
            "{}: others may read the token in it; chmod 600 it",
            path.display()
        )));
    }
    Ok(file)
}

fn idempotency_key() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::failed("no random numbers"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_travels_encrypted_only() {
        let token = || Secret::new("muster_x".to_owned());
        assert!(Api::new("https://mdm.example.org", token(), None).is_ok());
        assert!(Api::new("http://127.0.0.1:8080", token(), None).is_ok());
        for unfit in [
            "http://mdm.example.org",
            "mdm.example.org",
            "ftp://localhost",
        ] {
            let error = Api::new(unfit, token(), None).unwrap_err();
            assert_eq!(error.kind, Kind::Usage, "{unfit}");
        }
    }

    #[test]
    fn refusals_keep_the_servers_words_and_become_exit_codes() {
        let problem = json!({"title": "Conflict", "detail": "the device is not enrolled", "code": "conflict"});
        let failure = refusal(StatusCode::CONFLICT, Some(&problem));
        assert_eq!(failure.kind, Kind::Conflict);
        assert_eq!(failure.message, "the device is not enrolled (conflict)");
        let invalid = refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(&json!({"code": "invalid"})),
        );
        assert_eq!(invalid.kind, Kind::Usage);
        for (status, kind) in [
            (400, 2),
            (401, 3),
            (403, 3),
            (404, 4),
            (422, 5),
            (412, 5),
            (503, 6),
            (429, 6),
            (500, 1),
        ] {
            let failure = refusal(StatusCode::from_u16(status).unwrap(), None);
            assert_eq!(failure.kind as u8, kind, "{status}");
        }
    }

    #[test]
    fn a_client_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.toml");
        std::fs::write(
            &path,
            "url = \"https://mdm.example.org\"\ntoken = \"muster_planted\"\n",
        )
        .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = read_file(&path).unwrap_err();
        assert!(error.message.contains("chmod 600") && !error.message.contains("planted"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let file = read_file(&path).unwrap();
        assert!(!format!("{file:?}").contains("planted"));
        std::fs::write(&path, "tokn = \"x\"\n").unwrap();
        assert!(
            read_file(&path)
                .unwrap_err()
                .message
                .contains("unknown field `tokn`")
        );
    }
}
