//! A node with its push service, on loopback, with a database of its own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{DeviceId, Ownership, Secret, scope::Authority, token::TokenTerms};
use engine::{
    Engine, Settings, SystemClock, enroll::NewEnrollmentToken, people::operator, push::ApnsOptions,
};
use muster::node::{Node, Opening, Setup, open, passing_key};
use server::Options;
use simulator::{
    apns::StandIn,
    apple::{Device, Kind},
};
use store::{DbConfig, DeviceFilter, DeviceOrder, DeviceSort};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub struct Installation {
    pub node: Node,
    pub apns: StandIn,
    pub url: String,
    pub ca_pem: String,
    _folder: TempDir,
}

impl Installation {
    pub async fn start() -> Self {
        Self::start_with(|_| {}, |_| {}).await
    }

    /// Starts with another clock, database or settings (`opening`), or other listeners and limits (`setup`).
    pub async fn start_with(
        opening: impl FnOnce(&mut Opening),
        setup: impl FnOnce(&mut Setup),
    ) -> Self {
        let there = Self::start_without_push(opening, setup).await;
        there
            .engine()
            .import_push_certificate(
                &operator(),
                &there.apns.push_certificate_pem,
                Some(Secret::new(there.apns.push_key_pem.clone())),
            )
            .await
            .unwrap();
        there
    }

    /// Starts as [`Self::start_with`], before anybody imported a push certificate.
    pub async fn start_without_push(
        opening: impl FnOnce(&mut Opening),
        setup: impl FnOnce(&mut Setup),
    ) -> Self {
        // Shown with a test that fails; another test of the process may have been first.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_test_writer()
            .try_init();
        let folder = tempfile::tempdir().unwrap();
        let apns = StandIn::start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let mut settings = Settings::new("Example Department", url.as_str());
        settings.last_seen_flush = Duration::from_millis(50);
        settings.allow_private_egress = true;
        settings.own_tls = true;
        let mut plan = Opening {
            database: DbConfig::sqlite(folder.path().join("muster.db")),
            settings,
            apns: ApnsOptions {
                base_url: apns.url.clone(),
                root_pem: Some(apns.ca_pem.clone()),
                ..ApnsOptions::default()
            },
            keys: passing_key(),
            clock: Arc::new(SystemClock),
        };
        opening(&mut plan);
        let engine = open(plan).await.unwrap();
        let mut parts = Setup::new(engine, Options::new(url.as_str()));
        parts.listeners.push(listener);
        setup(&mut parts);
        let node = Node::start(parts).unwrap();
        let ca_pem = node.engine.authority.load().root.to_pem();
        Self {
            node,
            apns,
            url,
            ca_pem,
            _folder: folder,
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.node.engine
    }

    pub fn operator(&self) -> Authority {
        operator()
    }

    /// The address from which a device downloads its enrollment profile.
    pub async fn enrollment_url(&self, ownership: Ownership) -> String {
        self.enrollment_url_with(|terms| terms.ownership = ownership)
            .await
    }

    pub async fn enrollment_url_with(&self, change: impl FnOnce(&mut TokenTerms)) -> String {
        let mut terms = TokenTerms {
            ownership: Ownership::Corporate,
            platforms: BTreeSet::new(),
            serials: BTreeSet::new(),
            max_uses: None,
            expires_at: self.engine().now().plus(Duration::from_secs(3600)),
        };
        change(&mut terms);
        let new = NewEnrollmentToken {
            name: "test".into(),
            unit: None,
            terms,
        };
        let created = self
            .engine()
            .create_enrollment_token(&self.operator(), new)
            .await
            .unwrap();
        format!("{}/profile", created.url.expose())
    }

    pub fn device(&self, kind: Kind, seed: u64) -> Device {
        Device::new(kind, seed).trusting(&self.ca_pem).unwrap()
    }

    /// The only device there is, or the one with this serial number.
    pub async fn device_id(&self, serial: &str) -> DeviceId {
        let filter = DeviceFilter {
            search: Some(serial.to_owned()),
            ..DeviceFilter::default()
        };
        let order = DeviceOrder {
            sort: DeviceSort::Name,
            descending: false,
        };
        let page = self
            .engine()
            .list_devices(&self.operator(), filter, order, None, 10)
            .await
            .unwrap();
        assert_eq!(page.devices.len(), 1, "one device has the serial {serial}");
        page.devices[0].id
    }
}
