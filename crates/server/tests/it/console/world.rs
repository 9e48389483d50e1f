//! A server in this process, and a browser that speaks to it without a network.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU8, Ordering},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use domain::{
    Channel, DeviceId, DeviceState, EnrollmentId, EnrollmentKind, OsVersion, Ownership, Platform,
    Secret, Timestamp, enrollment::EnrollmentState,
};
use engine::{
    Clock, Engine, Parts, Settings, SystemEntropy,
    people::operator,
    push::{Apns, ApnsOptions},
};
use http_body_util::BodyExt as _;
use pki::seal::{KeyEncryptionKey, Sealer};
use server::{App, Options};
use store::{CommandRecord, Db, DbConfig, Device, Devices as _, Enrollment, Enrollments as _};
use tokio::sync::watch;
use tower::ServiceExt as _;
use url::form_urlencoded;

/// Where the console is.
pub(super) const CONSOLE: &str = "https://mdm.example.org";

/// A clock that stands until it is moved.
#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A server, its engine and its folder.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) router: Router,
    pub(super) stop: watch::Sender<bool>,
    clock: Arc<TestClock>,
    numbers: AtomicU8,
    _folder: tempfile::TempDir,
}

/// What the server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn location(&self) -> &str {
        self.header("location")
    }

    /// The value of a hidden field.
    pub(super) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .text
            .split_once(&start)
            .unwrap_or_else(|| panic!("no {name}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The value of a cookie that was set.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().unwrap().split(';').next())
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned())
    }
}

/// A browser with cookies.
pub(super) struct Browser<'w> {
    world: &'w World,
    pub(super) cookies: Vec<(String, String)>,
}

impl Browser<'_> {
    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder().method(method).uri(path);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        request
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    /// Sends a form as one of our pages does.
    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from("same-origin", path, fields).await
    }

    /// Sends a form; the browser says which site it comes from.
    pub(super) async fn post_from(
        &mut self,
        site: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site)
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// Opens a page and sends the form on it.
    pub(super) async fn fill(
        &mut self,
        page: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let csrf = self.get(page).await.field("_csrf");
        let mut all = vec![("_csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(action, &all).await
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A request that is not finished, for streams.
    pub(super) async fn stream(&self, path: &str) -> axum::response::Response {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        self.world.router.clone().oneshot(request).await.unwrap()
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let db = Db::open(&DbConfig::sqlite(folder.path().join("muster.db")))
            .await
            .unwrap();
        db.migrate(clock.now()).await.unwrap();
        let mut settings = Settings::new("Example Department", CONSOLE);
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
        let (stop, stopping) = watch::channel(false);
        let app = App::new(engine.clone(), Options::new(CONSOLE), None).ending_with(stopping);
        Self {
            engine,
            router: server::router(app),
            stop,
            clock,
            numbers: AtomicU8::new(1),
            _folder: folder,
        }
    }

    pub(super) fn pass_seconds(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// A browser that nobody has signed in with.
    pub(super) fn stranger(&self) -> Browser<'_> {
        Browser {
            world: self,
            cookies: Vec::new(),
        }
    }

    /// The path of a fresh sign-in link.
    pub(super) async fn link(&self) -> String {
        let link = self.engine.operator_sign_in_link(None).await.unwrap();
        link.path().expose().clone()
    }

    /// A browser of the administrator.
    pub(super) async fn signed_in(&self) -> Browser<'_> {
        let mut browser = self.stranger();
        let path = self.link().await;
        let answer = browser.post(&path, &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }

    pub(super) async fn device(
        &self,
        name: &str,
        platform: Platform,
        ownership: Ownership,
    ) -> DeviceId {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let now = self.engine.now();
        let device = Device {
            id: DeviceId::new(now, [number; 10]),
            unit_id: None,
            platform,
            ownership,
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

    /// Everything that was ever queued for a device.
    pub(super) async fn commands(&self, device: DeviceId) -> Vec<CommandRecord> {
        self.engine
            .commands_of(&operator(), device, None, 100)
            .await
            .unwrap()
    }

    /// How many events of a kind there are.
    pub(super) async fn events(&self, kind: &str) -> usize {
        self.engine.seal_journal().await.unwrap();
        let filter = store::EventFilter {
            kind_prefix: Some(kind.to_owned()),
            ..store::EventFilter::default()
        };
        self.engine
            .events_after(&operator(), filter, 0, 1000)
            .await
            .unwrap()
            .len()
    }
}
