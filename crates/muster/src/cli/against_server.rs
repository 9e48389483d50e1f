//! The command line against a server, with a simulated device.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Parser as _;
use domain::{Ownership, Timestamp, scope::Scope, token::TokenTerms};
use engine::{
    Settings, SystemClock,
    enroll::NewEnrollmentToken,
    people::{NewApiToken, administrator_scopes, operator},
    push::ApnsOptions,
};
use serde_json::Value as Json;
use server::Options;
use simulator::{
    apns::StandIn,
    apple::{Device, Kind},
};
use store::DbConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{
    Cli, DemoOptions, Program, dispatch,
    exit::{Failure, Kind as Exit},
    output::{Output, tests::Printed},
};
use crate::{
    config::Config,
    node::{Node, Opening, Setup, open, passing_key},
};

struct Nothing;

impl Program for Nothing {
    async fn serve(&self, _: Config) -> anyhow::Result<()> {
        Ok(())
    }

    async fn demo(&self, _: DemoOptions) -> anyhow::Result<()> {
        Ok(())
    }

    fn openapi(&self) -> String {
        String::new()
    }
}

struct World {
    node: Node,
    _apns: StandIn,
    url: String,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let apns = StandIn::start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let mut settings = Settings::new("Example Department", url.as_str());
        settings.own_tls = true;
        let engine = open(Opening {
            database: DbConfig::sqlite(folder.path().join("muster.db")),
            settings,
            apns: ApnsOptions {
                base_url: apns.url.clone(),
                root_pem: Some(apns.ca_pem.clone()),
                ..ApnsOptions::default()
            },
            keys: passing_key(),
            clock: Arc::new(SystemClock),
        })
        .await
        .unwrap();
        let mut setup = Setup::new(engine, Options::new(url.as_str()));
        setup.listeners.push(listener);
        let node = Node::start(setup).unwrap();
        let world = Self {
            node,
            _apns: apns,
            url,
            folder,
        };
        let root = world.node.engine.authority.load().root.to_pem();
        std::fs::write(world.file("ca.pem"), root).unwrap();
        world.token("token", administrator_scopes()).await;
        std::fs::write(world.file("apns.pem"), &world._apns.push_certificate_pem).unwrap();
        std::fs::write(world.file("apns.key"), &world._apns.push_key_pem).unwrap();
        let import = format!(
            "push-certificate import {} --key {}",
            world.file("apns.pem").display(),
            world.file("apns.key").display()
        );
        world.run(&import).await.unwrap();
        world
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn token(&self, name: &str, scopes: BTreeSet<Scope>) {
        let wanted = NewApiToken {
            name: name.to_owned(),
            scopes,
            expires_at: self.in_an_hour(),
        };
        let made = self
            .node
            .engine
            .create_api_token(&operator(), wanted)
            .await
            .unwrap();
        std::fs::write(self.file(name), made.secret.expose()).unwrap();
    }

    fn in_an_hour(&self) -> Timestamp {
        self.node.engine.now().plus(Duration::from_secs(3600))
    }

    async fn enrolled(&self, seed: u64) -> Device {
        let token = NewEnrollmentToken {
            name: "test".into(),
            unit: None,
            terms: TokenTerms {
                ownership: Ownership::Corporate,
                platforms: BTreeSet::new(),
                serials: BTreeSet::new(),
                max_uses: None,
                expires_at: self.in_an_hour(),
            },
        };
        let made = self
            .node
            .engine
            .create_enrollment_token(&operator(), token)
            .await
            .unwrap();
        let ca = std::fs::read_to_string(self.file("ca.pem")).unwrap();
        let mut device = Device::new(Kind::IPhone, seed).trusting(&ca).unwrap();
        let profile = format!("{}/profile", made.url.expose());
        device.enroll_from(&profile).await.unwrap();
        device.connect().await.unwrap();
        device
    }

    async fn run(&self, line: &str) -> Result<String, Failure> {
        self.run_as("token", line).await
    }

    async fn run_as(&self, token: &str, line: &str) -> Result<String, Failure> {
        run(&self.url, &self.file(token), &self.file("ca.pem"), line).await
    }

    async fn json(&self, line: &str) -> Json {
        let text = self.run(&format!("--json {line}")).await;
        let text = text.unwrap_or_else(|failure| panic!("{line}: {failure}"));
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{line}: {text}"))
    }

    async fn fails(&self, line: &str) -> Exit {
        self.run(line).await.unwrap_err().kind
    }
}

async fn run(url: &str, token: &Path, ca: &Path, line: &str) -> Result<String, Failure> {
    let mut words: Vec<String> = ["muster", "--url", url, "--token-file"]
        .map(str::to_owned)
        .to_vec();
    words.push(token.display().to_string());
    words.extend(["--ca".to_owned(), ca.display().to_string()]);
    words.extend(line.split_whitespace().map(str::to_owned));
    let cli = Cli::try_parse_from(words).unwrap();
    let printed = Printed::default();
    let mut out = Output::to(printed.clone(), cli.global.json);
    dispatch(cli, &Nothing, &mut out).await?;
    Ok(printed.text())
}

#[tokio::test]
async fn a_device_is_found_by_its_serial_number_asked_locked_and_wiped() {
    let world = World::start().await;
    let mut phone = world.enrolled(1).await;
    let serial = phone.hardware().serial_number.clone();
    let table = world.run("device list").await.unwrap();
    assert!(
        table.contains(&serial) && table.contains("enrolled"),
        "{table}"
    );
    let listed = world
        .json("device list --platform ios --all --sort -last_seen")
        .await;
    assert_eq!(listed["items"][0]["serial"], serial);
    assert_eq!(
        world.json("device list --platform macos").await["items"],
        serde_json::json!([])
    );
    let shown = world.run(&format!("device show {serial}")).await.unwrap();
    assert!(
        shown.contains("iPhone") && shown.contains("active"),
        "{shown}"
    );
    let facts = world.run(&format!("device facts {serial}")).await.unwrap();
    assert!(
        facts.contains("Observed") && facts.lines().count() > 10,
        "{facts}"
    );
    assert!(world.run("device export").await.unwrap().contains(&serial));
    assert!(world.run("device counts").await.unwrap().contains("ios"));
    let types = world.json(&format!("device command-types {serial}")).await;
    assert!(
        types["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["name"] == "device_lock" && one["fits"] == true)
    );
    let labelled = world.json(&format!("device label {serial} Ada")).await;
    assert_eq!(labelled["user_label"], "Ada");
    world
        .run(&format!("device refresh {serial}"))
        .await
        .unwrap();
    let reports = world.json(&format!("device reports {serial}")).await;
    let mut sent = String::new();
    for report in reports["items"].as_array().unwrap() {
        let id = report["id"].as_str().unwrap();
        let line = format!("device report {serial} {id}");
        sent += &world.run(&line).await.unwrap();
    }
    assert!(sent.contains("<plist"), "{reports}");
    assert!(
        world
            .run(&format!("certificate list {serial}"))
            .await
            .unwrap()
            .contains("CN=")
    );

    let lock = format!("device lock {serial} --reason lost --message Hello");
    let refused = world.run(&lock).await;
    assert!(
        refused.is_err_and(|failure| failure.kind == Exit::Usage),
        "nobody confirmed"
    );
    let locked = world.json(&format!("{lock} --yes")).await;
    let id = locked["id"].as_str().unwrap();
    let cancelled = world.json(&format!("command cancel {id}")).await;
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(
        world.fails(&format!("command cancel {id}")).await,
        Exit::Conflict
    );
    assert_eq!(
        world
            .fails(&format!(
                "device command {serial} set_firmware_password new_password=x --reason y --yes"
            ))
            .await,
        Exit::Conflict,
        "a phone has no firmware password"
    );
    let wipe = format!("device wipe {serial} --reason stolen --yes --wait");
    let list = format!("device commands {serial}");
    let answer = async {
        while world.json(&list).await["items"][0]["type"] != "erase_device" {}
        phone.connect().await.unwrap();
    };
    let both = async { tokio::join!(world.json(&wipe), answer) };
    let (wiped, ()) = tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .unwrap();
    assert_eq!(wiped["state"], "acknowledged", "{wiped}");
    let secrets = world.json(&format!("secret list {serial}")).await;
    if let Some(secret) = secrets["items"][0]["id"].as_str() {
        let revealed = world
            .run(&format!("secret reveal {secret} --reason test"))
            .await
            .unwrap();
        assert!(!revealed.trim().is_empty());
    }
}

#[tokio::test]
async fn tokens_declarations_and_webhooks_are_made_listed_and_removed() {
    let world = World::start().await;
    assert!(world.run("whoami").await.unwrap().contains("devices:wipe"));
    let made = world
        .json("token create --name reports --scope devices:read --expires 30d")
        .await;
    assert!(made["secret"].as_str().unwrap().starts_with("muster_"));
    let id = made["id"].as_str().unwrap();
    assert!(world.run("token list").await.unwrap().contains("reports"));
    world.run(&format!("token revoke {id}")).await.unwrap();
    assert_eq!(
        world.fails(&format!("token revoke {id}")).await,
        Exit::NotFound
    );

    let made = world
        .run(
            "enrollment token create --name ipads --ownership corporate --platform ipados --uses 2",
        )
        .await
        .unwrap();
    assert!(
        made.starts_with(&format!("{}/enroll/", world.url)),
        "{made}"
    );
    let tokens = world.json("enrollment token list").await;
    let id = tokens["items"][0]["id"].as_str().unwrap();
    world
        .run(&format!("enrollment token revoke {id}"))
        .await
        .unwrap();

    let file = world.file("passcode.json");
    std::fs::write(
        &file,
        r#"{"Type":"com.apple.configuration.passcode.settings","Identifier":"org.example.passcode","Payload":{"RequirePasscode":true}}"#,
    )
    .unwrap();
    world
        .run(&format!("declaration put {}", file.display()))
        .await
        .unwrap();
    world
        .run("declaration assign org.example.passcode --everybody")
        .await
        .unwrap();
    assert!(
        world
            .run("declaration list")
            .await
            .unwrap()
            .contains("org.example.passcode")
    );
    let shown = world.json("declaration show org.example.passcode").await;
    assert_eq!(shown["targets"][0]["device_id"], Json::Null);
    world
        .run("declaration delete org.example.passcode --yes")
        .await
        .unwrap();
    assert_eq!(
        world.fails("declaration show org.example.passcode").await,
        Exit::NotFound
    );

    let made = world
        .json("webhook add https://hooks.example.org/x --kind device.")
        .await;
    let id = made["id"].as_str().unwrap();
    assert!(
        world
            .run(&format!("webhook rotate-secret {id}"))
            .await
            .unwrap()
            .starts_with("muster_whsec_")
    );
    assert_eq!(
        world.json(&format!("webhook disable {id}")).await["enabled"],
        false
    );
    assert_eq!(
        world.json(&format!("webhook enable {id}")).await["enabled"],
        true
    );
    assert_eq!(
        world.json(&format!("webhook replay {id} --after 0")).await["cursor"],
        0
    );
    world.json(&format!("webhook deliveries {id}")).await;
    assert!(
        world
            .run("webhook list")
            .await
            .unwrap()
            .contains("hooks.example.org")
    );
    world
        .run(&format!("webhook remove {id} --yes"))
        .await
        .unwrap();
    assert_eq!(
        world.fails("webhook add http://127.0.0.1/").await,
        Exit::Usage,
        "our own network"
    );

    assert!(
        world
            .run("push-certificate show")
            .await
            .unwrap()
            .contains("com.apple.mgmt")
    );
    assert!(
        world
            .run("push-certificate request")
            .await
            .unwrap()
            .contains("CERTIFICATE REQUEST")
    );
    assert!(
        world
            .run("command types")
            .await
            .unwrap()
            .contains("erase_device")
    );
}

#[tokio::test]
async fn a_journal_that_was_exported_is_proved_and_a_changed_one_is_not() {
    let world = World::start().await;
    for index in 0..3 {
        world
            .node
            .engine
            .add_admin(&operator(), &format!("Person {index}"))
            .await
            .unwrap();
    }
    world.node.engine.seal_journal().await.unwrap();
    world.node.engine.checkpoint_now().await.unwrap();
    let listed = world.json("journal list --kind admin. --all").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    let file = world.file("journal.ndjson");
    world
        .run(&format!("journal export {}", file.display()))
        .await
        .unwrap();
    let proof = world
        .json(&format!("journal verify {}", file.display()))
        .await;
    assert_eq!(proof["first"], 1);
    assert!(proof["signed_up_to"].as_u64().unwrap() > 0, "{proof}");
    assert_eq!(
        world
            .fails(&format!("journal export {}", file.display()))
            .await,
        Exit::Failure,
        "never overwrites"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("Person 1", "Person 9")).unwrap();
    let failure = world
        .run(&format!("journal verify {}", file.display()))
        .await
        .unwrap_err();
    assert!(failure.message.contains("was changed"), "{failure}");
}

#[tokio::test]
async fn every_way_to_fail_has_its_exit_code() {
    let world = World::start().await;
    assert_eq!(
        world
            .fails("device show 018f0000-0000-7000-8000-000000000000")
            .await,
        Exit::NotFound
    );
    assert_eq!(world.fails("device show NOBODY").await, Exit::NotFound);
    std::fs::write(world.file("stranger"), format!("muster_{}", "A".repeat(43))).unwrap();
    let failure = world.run_as("stranger", "device list").await.unwrap_err();
    assert_eq!(failure.kind, Exit::Denied);
    world
        .token("reader", BTreeSet::from([Scope::DevicesRead]))
        .await;
    assert!(world.run_as("reader", "device list").await.is_ok());
    let failure = world.run_as("reader", "token list").await.unwrap_err();
    assert_eq!(failure.kind, Exit::Denied);
    assert!(failure.message.contains("tokens:write"), "{failure}");
    assert_eq!(
        world
            .fails("device list --seen-before 2020-01-01T00:00:00Z --sort colour")
            .await,
        Exit::Usage
    );
    assert_eq!(
        world.fails("device command X no_such_command").await,
        Exit::Usage
    );
    let token = world.file("token");
    let ca = world.file("ca.pem");
    let nobody = run("https://127.0.0.1:1", &token, &ca, "device list")
        .await
        .unwrap_err();
    assert_eq!(nobody.kind, Exit::Unavailable);
    let missing = run(&world.url, &world.file("none"), &ca, "device list")
        .await
        .unwrap_err();
    assert_eq!(missing.kind, Exit::Failure);
}
