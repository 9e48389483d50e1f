//! An engine with a clock that the test moves.

pub(crate) mod authenticator;
pub(crate) mod receiver;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{Timestamp, journal::Event};
use engine::{Clock, Engine, Parts, Settings, SystemEntropy, people, push::Apns};
use pki::seal::{KeyEncryptionKey, Sealer};
use store::{Db, DbConfig, EventFilter};

pub(crate) const CONSOLE: &str = "https://mdm.example.org";

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// An engine, its clock and its folder.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(choose: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_000)));
        let db = Db::open(&DbConfig::sqlite(folder.path().join("muster.db")))
            .await
            .unwrap();
        db.migrate(clock.now()).await.unwrap();
        let mut settings = Settings::new("Example Department", CONSOLE);
        choose(&mut settings);
        let parts = Parts {
            db,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            sealer: Arc::new(Sealer::new(KeyEncryptionKey::new(&[7; 32]), Vec::new())),
            settings,
            apns: Apns::new(engine::push::ApnsOptions::default()),
            node: "test".to_owned(),
        };
        Self {
            engine: Engine::open(parts).await.unwrap(),
            clock,
            _folder: folder,
        }
    }

    /// Time passes.
    pub(crate) fn pass(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Everything in the journal of this kind, oldest first.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Event> {
        self.engine.seal_journal().await.unwrap();
        let filter = EventFilter {
            kind_prefix: Some(kind.to_owned()),
            ..EventFilter::default()
        };
        self.engine
            .events_after(&people::operator(), filter, 0, 1000)
            .await
            .unwrap()
    }
}

pub(crate) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

pub(crate) const fn hours(n: u64) -> Duration {
    minutes(n * 60)
}
