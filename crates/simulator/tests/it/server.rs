//! A scripted MDM server: SCEP, check-in, commands and declarations, as small as it can be.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use simulator::{
    cms::{Form, SignedData, Signing, certificates_only},
    dict,
    plist::{Dictionary, Value, to_xml},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::authority::{Authority, acceptor, now, profile};

/// What the server does; changed by tests while it runs.
pub(crate) struct Script {
    pub(crate) caps: String,
    pub(crate) profile: Dictionary,
    pub(crate) signed_profile: bool,
    pub(crate) verify_signatures: bool,
    /// Commands not yet acknowledged, in order.
    pub(crate) queue: VecDeque<(String, Dictionary)>,
    pub(crate) check_ins: Vec<Dictionary>,
    pub(crate) results: Vec<Dictionary>,
    pub(crate) requests: Vec<(String, String, http::HeaderMap, Bytes)>,
    /// Replies to check-in messages by type; an empty 200 otherwise.
    pub(crate) replies: HashMap<String, (u16, Vec<u8>)>,
    pub(crate) scep_types: Vec<String>,
    pub(crate) scep_failure: bool,
    pub(crate) wrong_nonce: bool,
    pub(crate) declarations: BTreeMap<(String, String), serde_json::Value>,
    pub(crate) files: HashMap<String, (String, Vec<u8>)>,
    pub(crate) reports: Vec<serde_json::Value>,
    pub(crate) peer_certificates: Vec<Option<Vec<u8>>>,
    /// Who signed the messages.
    pub(crate) signers: Vec<Vec<u8>>,
    /// Client certificates shown when fetching files.
    pub(crate) file_peers: Vec<Option<Vec<u8>>>,
    /// Results answered with 500 from now on.
    pub(crate) fail_results: u32,
    deferred: Vec<String>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    pub(crate) script: Arc<Mutex<Script>>,
    authority: Arc<Authority>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(false).await
    }

    /// With TLS the profile does not ask for signed messages: the client certificate speaks.
    pub(crate) async fn start_with(tls: bool) -> Self {
        let authority = Arc::new(Authority::make());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!(
            "{}://127.0.0.1:{}",
            if tls { "https" } else { "http" },
            listener.local_addr().unwrap().port()
        );
        let script = Arc::new(Mutex::new(Script {
            caps: "Renewal\nSHA-256\nAES\nDES3\nPOSTPKIOperation\n".into(),
            profile: profile(&url, !tls),
            signed_profile: true,
            verify_signatures: true,
            queue: VecDeque::new(),
            check_ins: Vec::new(),
            results: Vec::new(),
            requests: Vec::new(),
            replies: HashMap::new(),
            scep_types: Vec::new(),
            scep_failure: false,
            wrong_nonce: false,
            declarations: BTreeMap::new(),
            files: HashMap::new(),
            reports: Vec::new(),
            peer_certificates: Vec::new(),
            file_peers: Vec::new(),
            signers: Vec::new(),
            fail_results: 0,
            deferred: Vec::new(),
        }));
        let acceptor = tls.then(|| acceptor(&authority));
        let ca_pem = authority.ca.to_pem();
        let task = tokio::spawn(listen(
            listener,
            acceptor,
            authority.clone(),
            script.clone(),
        ));
        Self {
            url,
            ca_pem,
            script,
            authority,
            task,
        }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(crate) fn profile_url(&self) -> String {
        format!("{}/enroll", self.url)
    }

    pub(crate) fn enqueue(&self, request_type: &str, extra: Dictionary) -> String {
        let mut script = self.script();
        let uuid = format!(
            "{request_type}-{}",
            script.queue.len() + script.results.len()
        );
        let mut command = dict! { "RequestType" => request_type };
        command.extend(extra);
        script.queue.push_back((uuid.clone(), command));
        uuid
    }

    pub(crate) fn result(&self, uuid: &str) -> Dictionary {
        let script = self.script();
        let is =
            |result: &&Dictionary| result.get("CommandUUID").and_then(Value::str) == Some(uuid);
        script
            .results
            .iter()
            .rev()
            .find(is)
            .unwrap_or_else(|| panic!("no result for {uuid}"))
            .clone()
    }

    pub(crate) fn statuses(&self) -> Vec<String> {
        self.script()
            .results
            .iter()
            .map(|result| result["Status"].str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn sign(&self, content: &[u8]) -> Vec<u8> {
        let signing = Signing::new(&self.authority.ra_key, &self.authority.ra, now());
        signing
            .sign(
                content,
                Form {
                    attached: true,
                    ber: false,
                },
            )
            .unwrap()
    }

    pub(crate) fn declare(
        &self,
        kind: &str,
        identifier: &str,
        token: &str,
        declared_type: &str,
        payload: serde_json::Value,
    ) {
        let document = serde_json::json!({ "Type": declared_type, "Identifier": identifier, "ServerToken": token, "Payload": payload });
        self.script()
            .declarations
            .insert((kind.to_owned(), identifier.to_owned()), document);
    }
}

async fn listen(
    listener: TcpListener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    authority: Arc<Authority>,
    script: Arc<Mutex<Script>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (authority, script, acceptor) = (authority.clone(), script.clone(), acceptor.clone());
        tokio::spawn(async move {
            let peer = Arc::new(Mutex::new(None));
            let seen = peer.clone();
            let service = service_fn(move |request| {
                let (authority, script, peer) = (authority.clone(), script.clone(), seen.clone());
                async move {
                    let peer = peer.lock().unwrap().clone();
                    Ok::<_, Infallible>(answer(request, &authority, &script, peer).await)
                }
            });
            let server = hyper::server::conn::http1::Builder::new();
            if let Some(acceptor) = acceptor {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                *peer.lock().unwrap() = stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .map(|chain| chain[0].to_vec());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            } else {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

type Reply = Response<Full<Bytes>>;

fn reply(status: u16, media_type: &str, body: Vec<u8>) -> Reply {
    Response::builder()
        .status(status)
        .header("content-type", media_type)
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

async fn answer(
    request: Request<Incoming>,
    authority: &Authority,
    script: &Mutex<Script>,
    peer: Option<Vec<u8>>,
) -> Reply {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut script = script.lock().unwrap();
    let (path, query) = (
        parts.uri.path().to_owned(),
        parts.uri.query().unwrap_or("").to_owned(),
    );
    script.requests.push((
        parts.method.to_string(),
        path.clone(),
        parts.headers.clone(),
        body.clone(),
    ));
    if let Some((media_type, content)) = script.files.get(&path).cloned() {
        script.file_peers.push(peer);
        return reply(200, &media_type, content);
    }
    match path.as_str() {
        "/moved" => {
            let target = Response::builder()
                .status(302)
                .header("location", "/enroll");
            target.body(Full::default()).unwrap()
        }
        "/enroll" => {
            let mut content = to_xml(&Value::from(script.profile.clone()));
            if script.signed_profile {
                let signing = Signing::new(&authority.ra_key, &authority.ra, now());
                content = signing
                    .sign(
                        &content,
                        Form {
                            attached: true,
                            ber: false,
                        },
                    )
                    .unwrap();
            }
            reply(200, "application/x-apple-aspen-config", content)
        }
        "/scep" => scep(&parts.method, &query, &body, authority, &mut script),
        "/checkin" | "/mdm" => {
            script.peer_certificates.push(peer);
            if let Some(signature) = parts
                .headers
                .get("mdm-signature")
                .filter(|_| script.verify_signatures)
            {
                let signed =
                    SignedData::parse(&STANDARD.decode(signature.as_bytes()).unwrap()).unwrap();
                let detached = signed.content.is_none().then_some(&body[..]);
                let signer = signed.verify(detached).unwrap().signer;
                assert!(signer.issued_by(&authority.ca).is_ok());
                script.signers.push(signer.der);
            }
            let message = Value::parse(&body).unwrap().dictionary().unwrap().clone();
            if path == "/checkin" {
                check_in(message, &mut script)
            } else {
                command(message, &mut script)
            }
        }
        _ => reply(404, "text/plain", Vec::new()),
    }
}

fn scep(
    method: &Method,
    query: &str,
    body: &[u8],
    authority: &Authority,
    script: &mut Script,
) -> Reply {
    if query.starts_with("operation=GetCACaps") {
        return reply(200, "text/plain", script.caps.clone().into_bytes());
    }
    if query.starts_with("operation=GetCACert") {
        let bundle = certificates_only(&[authority.ra.clone(), authority.ca.clone()]);
        return reply(200, "application/x-x509-ca-ra-cert", bundle);
    }
    let message = if *method == Method::POST {
        body.to_vec()
    } else {
        let encoded = query.split_once("message=").unwrap().1;
        STANDARD
            .decode(
                encoded
                    .replace("%2B", "+")
                    .replace("%2F", "/")
                    .replace("%3D", "="),
            )
            .unwrap()
    };
    reply(
        200,
        "application/x-pki-message",
        authority.operate(&message, script),
    )
}

fn check_in(message: Dictionary, script: &mut Script) -> Reply {
    let kind = message["MessageType"].str().unwrap().to_owned();
    script.check_ins.push(message.clone());
    if let Some((status, body)) = script.replies.get(&kind) {
        return reply(*status, "application/xml", body.clone());
    }
    if kind == "DeclarativeManagement" {
        return declarative(&message, script);
    }
    reply(200, "application/xml", Vec::new())
}

fn declarative(message: &Dictionary, script: &mut Script) -> Reply {
    let json =
        |value: serde_json::Value| reply(200, "application/json", value.to_string().into_bytes());
    let token = format!(
        "{:?}",
        script
            .declarations
            .values()
            .map(|d| d["ServerToken"].clone())
            .collect::<Vec<_>>()
    );
    let token = format!(
        "T{}-{}",
        script.declarations.len(),
        token.len() + token.bytes().map(usize::from).sum::<usize>()
    );
    let endpoint = message["Endpoint"].str().unwrap();
    match endpoint.splitn(3, '/').collect::<Vec<_>>()[..] {
        ["tokens"] => json(
            serde_json::json!({ "SyncTokens": { "DeclarationsToken": token, "Timestamp": "2026-01-01T00:00:00Z" } }),
        ),
        ["declaration-items"] => {
            let list = |wanted: &str| -> Vec<serde_json::Value> {
                let of_kind = script
                    .declarations
                    .iter()
                    .filter(|((kind, _), _)| kind == wanted);
                of_kind
                    .map(|((_, id), document)| serde_json::json!({ "Identifier": id, "ServerToken": document["ServerToken"] }))
                    .collect()
            };
            json(serde_json::json!({
                "Declarations": {
                    "Activations": list("activation"), "Assets": list("asset"),
                    "Configurations": list("configuration"), "Management": list("management"),
                },
                "DeclarationsToken": token,
            }))
        }
        ["declaration", kind, id] => {
            match script.declarations.get(&(kind.to_owned(), id.to_owned())) {
                Some(document) if document["Payload"] != "missing" => json(document.clone()),
                _ => reply(404, "text/plain", Vec::new()),
            }
        }
        ["status"] => {
            script
                .reports
                .push(serde_json::from_slice(message["Data"].data().unwrap()).unwrap());
            reply(200, "application/json", Vec::new())
        }
        _ => reply(404, "text/plain", Vec::new()),
    }
}

/// FIFO; on NotNow the next one; the deferred again on Idle.
fn command(message: Dictionary, script: &mut Script) -> Reply {
    let status = message["Status"].str().unwrap().to_owned();
    if status == "Idle" {
        script.deferred.clear();
    } else if script.fail_results > 0 {
        script.fail_results -= 1;
        return reply(500, "text/plain", Vec::new());
    } else {
        let uuid = message["CommandUUID"].str().unwrap().to_owned();
        script.results.push(message);
        if status == "NotNow" {
            script.deferred.push(uuid);
        } else {
            script.queue.retain(|(queued, _)| *queued != uuid);
        }
    }
    let next = script
        .queue
        .iter()
        .find(|(uuid, _)| !script.deferred.contains(uuid));
    let body = next.map_or_else(Vec::new, |(uuid, command)| {
        to_xml(&Value::from(
            dict! { "CommandUUID" => uuid, "Command" => command.clone() },
        ))
    });
    reply(200, "application/xml", body)
}
