//! What the tests of Apple devices share.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use apple::commands::Command;
use domain::{
    CommandId, DeviceId, EnrollmentId, Ownership, Timestamp, command::CommandState, journal::Event,
};
use engine::{Clock, SystemClock, queue::Order};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use simulator::{
    apple::{Device, Kind, Session},
    http::{Client, Reply, Request, Tls},
};
use store::{CommandRecord, Enrollment, EventFilter};

use crate::installation::Installation;

pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// Long enough for a loaded machine; nobody waits that long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The machine's clock, set forward by a test.
#[derive(Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().millis() + self.0.load(Ordering::SeqCst))
    }
}

/// The metrics of this process, which tests of one process share: compare before and after.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap())
}

/// The sum of all series of a counter whose line has this text.
pub fn counted(name: &str, label: &str) -> u64 {
    metrics()
        .render()
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum::<f64>() as u64
}

pub fn order(command: impl Into<Command>) -> Order {
    Order {
        command: command.into(),
        reason: Some("a test".into()),
        lifetime: None,
    }
}

/// The types of the commands of a session, in order.
pub fn types(session: &Session) -> Vec<&str> {
    session
        .commands
        .iter()
        .map(|executed| executed.request_type.as_str())
        .collect()
}

/// Connects until the server has nothing more; what is left after ten sessions is a loop.
pub async fn settle(device: &mut Device) -> usize {
    for count in 0..10 {
        let session = device.connect().await.unwrap();
        if session.commands.is_empty() && !session.synchronized {
            return count;
        }
    }
    panic!(
        "the server goes on giving commands: {:?}",
        device.state().commands.last()
    );
}

impl Installation {
    /// A node whose clock a test sets.
    pub async fn with_clock() -> (Self, Arc<TestClock>) {
        let clock = TestClock::new();
        let given = Arc::clone(&clock);
        metrics();
        let there = Self::start_with(|opening| opening.clock = given, |_| {}).await;
        (there, clock)
    }

    /// A device that enrolled and did all it was asked to.
    pub async fn enrolled(
        &self,
        kind: Kind,
        seed: u64,
        ownership: Ownership,
    ) -> (Device, DeviceId) {
        let mut device = self.device(kind, seed);
        self.enroll(&mut device, ownership).await;
        let id = self.device_id(&device.hardware().serial_number).await;
        (device, id)
    }

    pub async fn enroll(&self, device: &mut Device, ownership: Ownership) {
        let url = self.enrollment_url(ownership).await;
        device.enroll_from(&url).await.unwrap();
        settle(device).await;
    }

    pub async fn send(&self, device: DeviceId, command: impl Into<Command>) -> CommandId {
        self.engine()
            .send_command(&self.operator(), device, None, order(command))
            .await
            .unwrap()
            .command
            .order
            .id
    }

    pub async fn command(&self, id: CommandId) -> CommandRecord {
        self.engine().command(&self.operator(), id).await.unwrap()
    }

    /// How a command ended; `None` while it has not.
    pub async fn outcome(&self, id: CommandId) -> Option<CommandState> {
        self.command(id).await.finish.map(|finish| finish.outcome)
    }

    /// All events whose kind starts with this, oldest first.
    pub async fn events(&self, kind_prefix: &str) -> Vec<Event> {
        self.engine().seal_journal().await.unwrap();
        let filter = EventFilter {
            kind_prefix: Some(kind_prefix.to_owned()),
            ..EventFilter::default()
        };
        self.engine()
            .events_after(&self.operator(), filter, 0, 1000)
            .await
            .unwrap()
    }

    /// The device's enrollments, the living device channel first.
    pub async fn enrollments(&self, device: DeviceId) -> Vec<Enrollment> {
        let mut all = self
            .engine()
            .device(&self.operator(), device)
            .await
            .unwrap()
            .enrollments;
        all.sort_by_key(|one| {
            (
                one.state == domain::enrollment::EnrollmentState::Ended,
                one.channel == domain::Channel::User,
                std::cmp::Reverse(one.created_at),
            )
        });
        all
    }

    pub async fn living(&self, device: DeviceId) -> EnrollmentId {
        self.enrollments(device).await[0].id
    }

    pub fn client(&self) -> Client {
        Client::new(Tls::new(&self.ca_pem, None).unwrap(), PATIENCE)
    }

    /// Sends a device message of any bytes.
    pub async fn put(&self, path: &str, body: &[u8], signature: Option<String>) -> Reply {
        let mut request = Request::get(&format!("{}{path}", self.url));
        request.method = "PUT".parse().unwrap();
        request.body = body.to_vec().into();
        request
            .headers
            .extend(signature.map(|value| ("mdm-signature", value)));
        self.client().send(&request).await.unwrap()
    }
}

/// The value of `Mdm-Signature` by a device's own identity.
pub fn signature_of(device: &Device, body: &[u8]) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let identity = device.identity().unwrap();
    let form = simulator::cms::Form {
        attached: false,
        ber: false,
    };
    let cms = simulator::cms::Signing::new(&identity.key, &identity.certificate, device.now())
        .sign(body, form)
        .unwrap();
    BASE64_STANDARD.encode(cms)
}
