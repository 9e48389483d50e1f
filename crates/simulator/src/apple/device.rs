//! The device itself: what it is, holds and trusts.

use std::time::Duration;

use tokio::sync::broadcast;

use super::{
    Behavior, Event, EventKind, Hardware, Kind, State,
    session::{Executed, Unsent},
    state::{App, User},
};
use crate::{
    Error, Random, Result, clock,
    http::{Client, Reply, Request, Tls},
    keys::{Algorithm, Key, Pool},
    x509::Certificate,
};

const TIMEOUT: Duration = Duration::from_secs(60);
const COMMANDS_KEPT: usize = 200;

/// A certified key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The private key.
    pub key: Key,
    /// Its certificate.
    pub certificate: Certificate,
}

/// One simulated device.
#[derive(Debug)]
pub struct Device {
    pub(super) hardware: Hardware,
    pub(super) state: State,
    pub(super) behavior: Behavior,
    pub(super) random: Random,
    pub(super) identity: Option<Identity>,
    /// The identity before the last renewal, for acknowledgements signed by it.
    pub(super) former_identity: Option<Identity>,
    pub(super) anchors: Vec<Certificate>,
    pub(super) client: Client,
    pub(super) keys: Pool,
    pub(super) transport: Option<Key>,
    pub(super) unsent: Vec<Unsent>,
    pub(super) last_result: Option<Unsent>,
    pub(super) effects: Vec<super::commands::Effect>,
    pub(super) events: Option<broadcast::Sender<Event>>,
    /// The next result is signed by the former identity.
    pub(super) acknowledge_by_former: bool,
    /// Declarative synchronizations to start when the session ends, with the tokens that came along.
    pub(super) wanted_sync: Vec<(super::channel::Channel, Option<Vec<u8>>)>,
    anchors_pem: String,
    tls: Tls,
    asleep: bool,
}

impl Device {
    /// The device that `seed` stands for, factory-new and trusting nobody.
    #[must_use]
    pub fn new(kind: Kind, seed: u64) -> Self {
        Self::from_hardware(Hardware::from_seed(kind, seed), seed)
    }

    /// A device with chosen facts.
    #[must_use]
    pub fn from_hardware(hardware: Hardware, seed: u64) -> Self {
        let mut random = Random::new(seed.rotate_left(17) ^ 0xdec0);
        let state = factory_state(&hardware, &mut random);
        let tls = Tls::untrusting();
        Self {
            hardware,
            state,
            behavior: Behavior::default(),
            random,
            identity: None,
            former_identity: None,
            anchors: Vec::new(),
            client: Client::new(tls.clone(), TIMEOUT),
            keys: Pool::fresh(Algorithm::Rsa2048),
            transport: None,
            unsent: Vec::new(),
            last_result: None,
            effects: Vec::new(),
            events: None,
            acknowledge_by_former: false,
            wanted_sync: Vec::new(),
            anchors_pem: String::new(),
            tls,
            asleep: false,
        }
    }

    /// Trusts TLS servers below these certificates (PEM).
    ///
    /// # Errors
    /// When the text holds no certificate.
    pub fn trusting(mut self, ca_pem: &str) -> Result<Self> {
        self.anchors = Certificate::from_pem(ca_pem)?;
        ca_pem.clone_into(&mut self.anchors_pem);
        self.use_tls(Tls::new(ca_pem, None)?);
        Ok(self)
    }

    /// Uses a shared TLS configuration: cheap for thousands of devices, and sessions resume across
    /// them. `anchors` are the same certificates the configuration was made with, PEM.
    ///
    /// # Errors
    /// When `anchors` holds no certificate.
    pub fn sharing_tls(mut self, tls: Tls, anchors: &str) -> Result<Self> {
        if !anchors.is_empty() {
            self.anchors = Certificate::from_pem(anchors)?;
        }
        anchors.clone_into(&mut self.anchors_pem);
        self.use_tls(tls);
        Ok(self)
    }

    /// Takes its keys from a pool made beforehand.
    #[must_use]
    pub fn with_keys(mut self, pool: Pool) -> Self {
        self.keys = pool;
        self
    }

    /// An RSA key that receives SCEP replies for P-256 identities, in place of a new one each time.
    #[must_use]
    pub fn with_transport_key(mut self, key: Key) -> Self {
        self.transport = Some(key);
        self
    }

    /// Behaves so.
    #[must_use]
    pub fn with_behavior(mut self, behavior: Behavior) -> Self {
        self.behavior = behavior;
        self
    }

    /// What it is.
    #[must_use]
    pub const fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// What it holds.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What it holds, to set a scene.
    pub const fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Facts, to set a scene: a new OS version, a new name.
    pub const fn hardware_mut(&mut self) -> &mut Hardware {
        &mut self.hardware
    }

    /// How it behaves from now on.
    pub const fn behavior_mut(&mut self) -> &mut Behavior {
        &mut self.behavior
    }

    /// Its management identity.
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Uses another device's identity, as a cloned disk would. Its own serial number and UDID stay.
    ///
    /// # Errors
    /// When the device is not enrolled.
    pub fn adopt_identity(&mut self, identity: Identity) -> Result<()> {
        let enrollment = self.state.enrollment.as_mut().ok_or(Error::NotEnrolled)?;
        enrollment.certificate.clone_from(&identity.certificate.der);
        self.identity = Some(identity);
        self.apply_identity()
    }

    /// Copies another device's whole management relationship, as Migration Assistant may do.
    ///
    /// # Errors
    /// When the other is not enrolled.
    pub fn clone_management(&mut self, other: &Self) -> Result<()> {
        let enrollment = other.state.enrollment.clone().ok_or(Error::NotEnrolled)?;
        self.state.enrollment = Some(enrollment);
        self.identity.clone_from(&other.identity);
        self.apply_identity()
    }

    /// Reaches nobody until [`Device::wake`].
    pub const fn sleep(&mut self) {
        self.asleep = true;
    }

    /// Reaches the network again.
    pub const fn wake(&mut self) {
        self.asleep = false;
    }

    /// True while it sleeps.
    #[must_use]
    pub const fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// The device's clock: seconds since 1970, with its drift.
    #[must_use]
    pub fn now(&self) -> i64 {
        let real = clock::unix();
        real + self.behavior.clock_drift
    }

    /// Sends events to a fleet's handle.
    pub(super) fn reporting_to(&mut self, events: broadcast::Sender<Event>) {
        self.events = Some(events);
    }

    pub(super) fn emit(&self, kind: EventKind) {
        if let Some(events) = &self.events {
            // Nobody listening is fine.
            let _ = events.send(Event {
                udid: self.hardware.udid.clone(),
                kind,
            });
        }
    }

    pub(super) fn remember(&mut self, executed: Executed) {
        self.state.executed += 1;
        if self.state.commands.len() == COMMANDS_KEPT {
            self.state.commands.remove(0);
        }
        self.state.commands.push(executed);
    }

    fn use_tls(&mut self, tls: Tls) {
        self.client.set_tls(tls.clone());
        self.tls = tls;
    }

    /// Downloads with the management identity in TLS, whatever messages do.
    pub(super) async fn get_by_identity(&self, url: &str) -> Result<Reply> {
        let identity = self.identity.as_ref().ok_or(Error::NotEnrolled)?;
        let tls = Tls::new(
            &self.anchors_pem,
            Some((&identity.certificate, &identity.key)),
        )?;
        Client::new(tls, TIMEOUT).send(&Request::get(url)).await
    }

    /// Presents the identity in TLS when messages are not signed.
    pub(super) fn apply_identity(&mut self) -> Result<()> {
        let by_tls = self
            .state
            .enrollment
            .as_ref()
            .is_some_and(|enrollment| !enrollment.sign_message);
        match (&self.identity, by_tls) {
            (Some(identity), true) => {
                let tls = Tls::new(
                    &self.anchors_pem,
                    Some((&identity.certificate, &identity.key)),
                )?;
                self.client.set_tls(tls);
            }
            _ => self.client.set_tls(self.tls.clone()),
        }
        Ok(())
    }

    /// Forgets the management relationship and everything it installed.
    pub(super) fn forget_management(&mut self) {
        self.state.enrollment = None;
        self.state.profiles.retain(|_, profile| !profile.managed);
        self.state.apps.retain(|_, app| !app.managed);
        self.state.declarations = super::Declarations::default();
        self.state.user_declarations = super::Declarations::default();
        self.state.lost_mode = None;
        self.state.awaiting_configuration = false;
        self.identity = None;
        self.former_identity = None;
        self.unsent.clear();
        self.last_result = None;
        self.client.set_tls(self.tls.clone());
    }

    /// Back to the factory's state: the keychain goes too.
    pub(super) fn factory_reset(&mut self) {
        self.forget_management();
        let kept = (
            self.state.erasures,
            self.state.executed,
            self.state.sessions,
            std::mem::take(&mut self.state.commands),
        );
        self.state = factory_state(&self.hardware, &mut self.random);
        (
            self.state.erasures,
            self.state.executed,
            self.state.sessions,
            self.state.commands,
        ) = kept;
        self.state.erasures += 1;
    }
}

const APPS: [(&str, &str, &str); 8] = [
    ("com.apple.Pages", "Pages", "14.2"),
    ("com.apple.Keynote", "Keynote", "14.2"),
    ("org.mozilla.ios.Firefox", "Firefox", "131.0"),
    ("org.whispersystems.signal", "Signal", "7.36"),
    ("com.microsoft.teams", "Teams", "24.19"),
    ("com.spotify.client", "Spotify", "8.9"),
    ("uk.gov.govuk", "GOV.UK", "1.4.0"),
    ("org.videolan.vlc-ios", "VLC", "3.6.1"),
];

fn factory_state(hardware: &Hardware, random: &mut Random) -> State {
    let mut state = State {
        passcode_present: random.chance(0.8),
        filevault_enabled: hardware.kind == Kind::Mac && random.chance(0.7),
        ..State::default()
    };
    for (identifier, name, version) in APPS {
        if random.chance(0.5) {
            let app = App {
                identifier: identifier.into(),
                name: name.into(),
                short_version: version.into(),
                version: format!("{version}.{}", random.below(900)),
                bundle_size: 10_000_000 + random.below(400_000_000) as i64,
                managed: false,
                store_id: None,
            };
            state.apps.insert(identifier.into(), app);
        }
    }
    if hardware.kind.is_mobile() {
        state.unlock_token = Some(random.bytes::<32>().to_vec());
    }
    if hardware.kind == Kind::Mac {
        let full_name = hardware
            .device_name
            .split('\'')
            .next()
            .unwrap_or("Owner")
            .to_owned();
        let name = full_name.to_ascii_lowercase();
        state.users.push(User {
            name,
            full_name,
            guid: random.uuid(),
            logged_in: true,
        });
    }
    state
}
