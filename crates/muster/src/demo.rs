//! The demonstration: server, stand-ins and simulated devices in one process on loopback.
//!
//! Everything lives in a folder that is removed at the end. The devices know
//! only the address in the profile they were given, and speak the real
//! protocols over real TLS.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use apple::commands::{Command, EnableLostMode, PlayLostModeSound};
use domain::{DeviceId, Ownership, Secret, token::TokenTerms};
use engine::{
    Engine, Entropy as _, Settings, SystemClock, SystemEntropy, enroll::NewEnrollmentToken,
    people::operator, push::ApnsOptions, queue::Order,
};
use indicatif::{ProgressBar, ProgressStyle};
use server::Options;
use simulator::{
    apns::StandIn,
    apple::{Behavior, Device, Fleet, FleetOptions, Kind, Quirks, Refusal},
    http::Tls,
    keys::{Algorithm, Pool},
};
use store::{DbConfig, DeviceFilter, DeviceOrder, DeviceSort};
use tokio::net::TcpListener;

use crate::{
    cli::{DemoOptions, output::Output},
    node::{Node, Opening, Setup, open, passing_key},
    serve,
};

/// How a demonstration runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many devices.
    pub devices: usize,
    /// The port of the console on loopback; any free one when it is taken.
    pub port: u16,
    /// Keeps the data in this folder instead of a throw-away one.
    pub keep: Option<PathBuf>,
}

/// Runs the demonstration until the process is asked to end.
///
/// # Errors
/// When a port, the folder or the database cannot be had.
pub async fn run(options: DemoOptions) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{msg:20} {bar:40} {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let plan = Plan {
        devices: options.devices,
        port: options.port.unwrap_or(8080),
        keep: options.keep,
    };
    let demo = Demo::start(&plan, |what, done, all| {
        bar.set_message(what.to_owned());
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })
    .await?;
    bar.finish_and_clear();
    let mut out = Output::stdout(false);
    out.line("This is a demonstration: simulated devices, data that is thrown away.")?;
    out.line("")?;
    out.line(&format!(
        "  {} devices enrolled over the real protocols",
        options.devices
    ))?;
    out.line(&format!("  Console  {}", demo.console_url))?;
    out.line(&format!(
        "  Sign in  {}   (works once)",
        demo.sign_in_url.expose()
    ))?;
    out.line("")?;
    out.line("Ctrl-C ends it.")?;
    demo.live_until(serve::ended()).await?;
    demo.stop().await;
    Ok(())
}

/// A running demonstration.
pub struct Demo {
    /// Where the console is.
    pub console_url: String,
    /// Signs the first administrator in, once.
    pub sign_in_url: Secret<String>,
    node: Node,
    fleet: Fleet,
    _apns: StandIn,
    folder: PathBuf,
    throw_away: bool,
}

impl Demo {
    /// Starts everything and enrols the devices; `progress` is told how far that is.
    ///
    /// # Errors
    /// When a port, the folder or the database cannot be had.
    pub async fn start(
        options: &Plan,
        progress: impl Fn(&str, usize, usize),
    ) -> anyhow::Result<Self> {
        let folder = match &options.keep {
            Some(folder) => {
                std::fs::create_dir(folder).with_context(|| {
                    format!("making {} (it must not exist yet)", folder.display())
                })?;
                folder.clone()
            }
            None => throw_away_folder()?,
        };
        let apns = StandIn::start().await?;
        let console = console_socket(options.port).await?;
        let devices = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let console_url = format!("http://localhost:{}", console.local_addr()?.port());
        let device_url = format!("https://localhost:{}", devices.local_addr()?.port());

        let engine = open(Opening {
            database: DbConfig::sqlite(folder.join("muster.db")),
            settings: settings(device_url),
            apns: ApnsOptions {
                base_url: apns.url.clone(),
                root_pem: Some(apns.ca_pem.clone()),
                ..ApnsOptions::default()
            },
            keys: passing_key(),
            clock: Arc::new(SystemClock),
        })
        .await?;
        let mut server_options = Options::new(console_url.as_str());
        server_options.demo = true;
        let mut setup = Setup::new(engine, server_options);
        setup.listeners.push(devices);
        setup.plain_listeners.push(console);
        let node = Node::start(setup)?;
        let engine = &node.engine;
        engine
            .import_push_certificate(
                &operator(),
                &apns.push_certificate_pem,
                Some(Secret::new(apns.push_key_pem.clone())),
            )
            .await?;
        let fleet = enroll(engine, &apns, options.devices, &progress).await?;
        stage(engine).await?;
        let link = engine
            .first_sign_in_link()
            .await?
            .context("the demonstration has an administrator already")?;
        let sign_in_url = Secret::new(format!("{console_url}{}", link.path().expose()));
        Ok(Self {
            console_url,
            sign_in_url,
            node,
            fleet,
            _apns: apns,
            folder,
            throw_away: options.keep.is_none(),
        })
    }

    /// The use cases of the demonstration's server.
    pub fn engine(&self) -> &Engine {
        &self.node.engine
    }

    /// Keeps the devices busy until `end` resolves.
    async fn live_until(
        &self,
        end: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        tokio::select! {
            ended = end => ended,
            () = self.live() => Ok(()),
        }
    }

    /// Ends everything and removes the folder.
    pub async fn stop(self) {
        self.fleet.stop().await;
        self.node.stop().await;
        if self.throw_away {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    /// Every few seconds one device is asked for news.
    async fn live(&self) {
        let by = operator();
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let devices = enrolled(self.engine(), 500).await;
            let mut random = [0; 8];
            SystemEntropy.fill(&mut random);
            let number = usize::try_from(u64::from_be_bytes(random) >> 1).unwrap_or(0);
            if let Some((device, _)) = devices.get(number % devices.len().max(1))
                && let Err(error) = self.engine().refresh_device(&by, *device).await
            {
                tracing::debug!(%error, "no news");
            }
        }
    }
}

fn settings(device_url: String) -> Settings {
    let mut settings = Settings::new("Muster demonstration", device_url);
    settings.allow_private_egress = true;
    settings.last_seen_flush = Duration::from_secs(1);
    settings.own_tls = true;
    settings
}

/// A folder of our own under the system's temporary folder.
fn throw_away_folder() -> anyhow::Result<PathBuf> {
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random);
    let folder = std::env::temp_dir().join(format!("muster-demo-{}", hex::encode(random)));
    std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

async fn console_socket(port: u16) -> anyhow::Result<TcpListener> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted).await {
        Ok(socket) => Ok(socket),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port on loopback"),
    }
}

/// Makes the devices and lets them enrol by three tokens: corporate, cope, personal.
async fn enroll(
    engine: &Engine,
    apns: &StandIn,
    count: usize,
    progress: &impl Fn(&str, usize, usize),
) -> anyhow::Result<Fleet> {
    let ca_pem = engine.authority.load().root.to_pem();
    let tls = Tls::new(&ca_pem, None)?;
    // Real devices make a key each; here a few are shared, since making thousands takes minutes.
    let keys_needed = count.clamp(1, 24);
    progress("making keys", 0, keys_needed);
    let keys = tokio::task::spawn_blocking(move || Pool::generate(Algorithm::Rsa2048, keys_needed))
        .await??
        .reusing();
    let mut groups: BTreeMap<Ownership, Vec<usize>> = BTreeMap::new();
    let mut devices = Vec::with_capacity(count);
    for number in 0..count {
        let kind = match number % 10 {
            0..=4 => Kind::IPhone,
            5..=6 => Kind::IPad,
            _ => Kind::Mac,
        };
        let ownership = match number % 8 {
            0..=4 => Ownership::Corporate,
            5..=6 => Ownership::Cope,
            _ => Ownership::Personal,
        };
        groups.entry(ownership).or_default().push(number);
        devices.push(
            Device::new(kind, number as u64 + 1)
                .sharing_tls(tls.clone(), &ca_pem)?
                .with_keys(keys.clone())
                .with_behavior(behavior(number)),
        );
    }
    let fleet = Fleet::start(
        devices,
        FleetOptions {
            concurrency: 16,
            switchboard: Some(apns.switchboard()),
        },
    );
    let mut done = 0;
    for (ownership, members) in groups {
        let url = enrollment_url(engine, ownership).await?;
        for chunk in members.chunks(16) {
            let waiting = chunk
                .iter()
                .map(|number| fleet.handles()[*number].enroll(&url));
            for result in futures_util::future::join_all(waiting).await {
                result.context("a simulated device did not enrol")?;
                done += 1;
            }
            progress("enrolling devices", done, count);
        }
    }
    Ok(fleet)
}

/// Most devices obey; some refuse, some say "not now", some lose answers or write odd bytes.
fn behavior(number: usize) -> Behavior {
    let mut behavior = Behavior::default();
    match number % 20 {
        3 => behavior.not_now = 0.5,
        7 => behavior.lose_reply = 0.2,
        11 => {
            behavior.refuse.insert(
                "InstalledApplicationList".into(),
                Refusal::mdm(12021, "The command is not supported on this device"),
            );
        }
        13 => {
            behavior.quirks = Quirks {
                binary_plist: true,
                no_content_type: true,
                ..Quirks::default()
            };
        }
        17 => behavior.sleeps = 0.7,
        _ => {}
    }
    behavior
}

async fn enrollment_url(engine: &Engine, ownership: Ownership) -> anyhow::Result<String> {
    let new = NewEnrollmentToken {
        name: format!("Demonstration, {ownership}"),
        unit: None,
        terms: TokenTerms {
            ownership,
            platforms: BTreeSet::new(),
            serials: BTreeSet::new(),
            max_uses: None,
            expires_at: engine.now().plus(Duration::from_secs(24 * 3600)),
        },
    };
    let created = engine.create_enrollment_token(&operator(), new).await?;
    Ok(format!("{}/profile", created.url.expose()))
}

/// One device is lost when the curtain rises.
async fn stage(engine: &Engine) -> anyhow::Result<()> {
    let by = operator();
    let phones = enrolled(engine, 500).await;
    for (device, _) in phones {
        let order = |command: Command| Order {
            command,
            reason: Some("Reported lost on the train".into()),
            lifetime: None,
        };
        let lost = EnableLostMode {
            message: Some("This phone is lost. Please call the service desk.".into()),
            phone_number: Some("+44 20 7946 0000".into()),
            footnote: None,
        };
        // Only supervised phones and tablets can be put into lost mode; take the first that can.
        if engine
            .send_command(&by, device, None, order(lost.into()))
            .await
            .is_ok()
        {
            engine
                .label_device(&by, device, None, "Reported lost".into())
                .await?;
            let sound = order(PlayLostModeSound {}.into());
            if let Err(error) = engine.send_command(&by, device, None, sound).await {
                tracing::debug!(%error, "no sound");
            }
            break;
        }
    }
    Ok(())
}

async fn enrolled(engine: &Engine, limit: u32) -> Vec<(DeviceId, Ownership)> {
    let filter = DeviceFilter {
        state: Some(domain::DeviceState::Enrolled),
        ..DeviceFilter::default()
    };
    let order = DeviceOrder {
        sort: DeviceSort::Name,
        descending: false,
    };
    engine
        .list_devices(&operator(), filter, order, None, limit)
        .await
        .map(|page| {
            page.devices
                .into_iter()
                .map(|device| (device.id, device.ownership))
                .collect()
        })
        .unwrap_or_default()
}
