//! A server in this process, and a client that speaks to it without a network.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU8, Ordering},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use domain::{
    Channel, DeviceId, DeviceState, EnrollmentId, EnrollmentKind, OsVersion, Ownership, Platform,
    Secret, Timestamp, enrollment::EnrollmentState, scope::Scope,
};
use engine::{
    Clock, Engine, Parts, Settings, SystemEntropy,
    people::{NewApiToken, operator},
    push::{Apns, ApnsOptions},
};
use http_body_util::BodyExt as _;
use pki::seal::{KeyEncryptionKey, Sealer};
use serde_json::Value;
use server::{App, Options};
use store::{Db, DbConfig, Device, Devices as _, Enrollment, Enrollments as _};
use tower::ServiceExt as _;

/// A clock that stands until it is moved.
#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A server, its engine and its folder.
pub(crate) struct World {
    pub(crate) engine: Engine,
    router: Router,
    clock: Arc<TestClock>,
    numbers: AtomicU8,
    _folder: tempfile::TempDir,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| {
            panic!("{error}: {}", self.text());
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem, which has the media type of one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["code"].as_str().unwrap().to_owned()
    }
}

/// What is asked; made by [`World::get`] and its siblings.
pub(crate) struct Ask<'w> {
    world: &'w World,
    request: axum::http::request::Builder,
    body: Body,
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        self.header("authorization", &value)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .raw(body.to_string())
    }

    pub(crate) fn raw(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let request: Request<Body> = self.request.body(self.body).unwrap();
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let db = Db::open(&DbConfig::sqlite(folder.path().join("muster.db")))
            .await
            .unwrap();
        db.migrate(clock.now()).await.unwrap();
        let mut settings = Settings::new("Example Department", "https://mdm.example.org");
        settings.allow_private_egress = true;
        let engine = Engine::open(Parts {
            db,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            sealer: Arc::new(Sealer::new(KeyEncryptionKey::new(&[7; 32]), Vec::new())),
            settings,
            apns: Apns::new(ApnsOptions::default()),
            node: "test".to_owned(),
        })
        .await
        .unwrap();
        let app = App::new(
            engine.clone(),
            Options::new("https://mdm.example.org"),
            None,
        );
        Self {
            engine,
            router: server::router(app),
            clock,
            numbers: AtomicU8::new(1),
            _folder: folder,
        }
    }

    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            world: self,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, &format!("/api/v1{path}"))
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, &format!("/api/v1{path}"))
    }

    /// A token with these scopes.
    pub(crate) async fn token(&self, scopes: impl IntoIterator<Item = Scope>) -> String {
        let wanted = NewApiToken {
            name: "test".into(),
            scopes: scopes.into_iter().collect(),
            expires_at: Timestamp::from_millis(1_810_000_000_000),
        };
        let made = self.engine.create_api_token(&operator(), wanted).await;
        made.unwrap().secret.expose().clone()
    }

    /// A token that may do everything.
    pub(crate) async fn master(&self) -> String {
        self.token(Scope::ALL.iter().copied()).await
    }

    /// An enrolled device; its push magic is `planted-magic`.
    pub(crate) async fn device(&self, name: &str, platform: Platform) -> DeviceId {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let now = self.engine.now();
        let device = Device {
            id: DeviceId::new(now, [number; 10]),
            unit_id: None,
            platform,
            ownership: Ownership::Corporate,
            state: DeviceState::Enrolled,
            serial: format!("ZZTEST{number:06}"),
            udid: format!("00000000-00000000000000{number:02}"),
            name: name.to_owned(),
            model: "Test1,1".into(),
            model_name: "Test device".into(),
            os_version: OsVersion::new("26.1"),
            build: "23B85".into(),
            user_label: String::new(),
            supervised: true,
            lost_mode: false,
            last_seen_at: Some(now),
            enrolled_at: Some(now),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let enrollment = Enrollment {
            id: EnrollmentId::new(now, [number; 10]),
            device_id: device.id,
            channel: Channel::Device,
            parent_id: None,
            platform,
            kind: EnrollmentKind::Profile,
            state: EnrollmentState::Active,
            native_key: device.udid.clone(),
            user_id: None,
            user_short_name: None,
            topic: Some("com.apple.mgmt.External.test".into()),
            push_token: Some(Secret::new(vec![number; 32])),
            push_magic: Some(Secret::new("planted-magic".into())),
            token_id: None,
            ticket_id: None,
            awaiting_configuration: false,
            ddm_enabled: false,
            ddm_token: None,
            created_at: now,
            activated_at: Some(now),
            ended_at: None,
            end_reason: None,
            last_seen_at: Some(now),
        };
        let id = device.id;
        self.engine
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.insert_device(&device).await?;
                    tx.insert_enrollment(&enrollment).await
                })
            })
            .await
            .unwrap();
        id
    }
}

/// An operation of the OpenAPI document.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) scope: Option<Scope>,
    /// An example of its body.
    pub(crate) example: Option<Value>,
}

impl Operation {
    /// The path with something in every variable part.
    pub(crate) fn filled(&self, id: &str) -> String {
        let mut path = self.path.clone();
        for (name, value) in [
            ("{id}", id),
            ("{report}", id),
            ("{identifier}", "org.example.passcode"),
            (
                "{sha256}",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ),
        ] {
            path = path.replace(name, value);
        }
        assert!(!path.contains('{'), "{path}: how is this filled?");
        if self.path == "/api/v1/certificates" {
            path.push_str(&format!("?device={id}"));
        }
        path
    }

    /// The request with its example body and an idempotency key.
    pub(crate) fn asked<'w>(&self, world: &'w World, id: &str) -> Ask<'w> {
        let ask = world
            .ask(self.method.clone(), &self.filled(id))
            .key(&format!("{} {}", self.method, self.path).replace(' ', "-"));
        match &self.example {
            Some(example) => ask.json(example),
            None => ask,
        }
    }
}

/// Every operation of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&server::api::openapi_json()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push(Operation {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                scope: operation["x-required-scope"]
                    .as_str()
                    .map(|scope| scope.parse().unwrap()),
                example: example(&document, &operation["requestBody"]),
            });
        }
    }
    assert!(all.len() > 40, "{} operations", all.len());
    all
}

fn example(document: &Value, body: &Value) -> Option<Value> {
    let content = &body["content"]["application/json"];
    if !content["example"].is_null() {
        return Some(content["example"].clone());
    }
    let name = content["schema"]["$ref"].as_str()?.rsplit('/').next()?;
    let schema = &document["components"]["schemas"][name];
    let example = if schema["example"].is_null() {
        &schema["examples"][0]
    } else {
        &schema["example"]
    };
    assert!(!example.is_null(), "{name} has no example");
    Some(example.clone())
}

/// A header that stands for an old-fashioned session.
pub(crate) const COOKIE: &str = "cookie";
