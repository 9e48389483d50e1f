//! Commands that work on this machine's installation, without a server: links, certificates,
//! backups.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Subcommand, ValueEnum};
use domain::{
    Secret,
    journal::{Head, Verifier},
};
use engine::{Clock as _, SystemClock, people};
use indicatif::ProgressBar;
use serde_json::json;
use store::Journal as _;

use super::{
    client::Api,
    confirm::Confirmation,
    exit::{Failure, Kind, Result},
    installation,
    journal_file::SignedBy,
    output::{Column, Output, text_at},
};
use crate::config::Config;

/// The certificate that lets Muster wake Apple devices
#[derive(Debug, Subcommand)]
pub enum PushCommand {
    /// Make a key and print the certificate signing request
    #[command(visible_alias = "csr")]
    Request,
    /// Take in the certificate that Apple issued
    Import {
        /// The certificate (PEM)
        certificate: PathBuf,
        /// Its key (PEM), when the request was not made here
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Show the topic and the expiry
    Show,
}

/// Muster's own certificate authority
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Show its certificates
    Show,
    /// Print a certificate (PEM)
    Export {
        /// Which
        #[arg(value_enum, default_value = "root")]
        which: CaCertificate,
    },
    /// Write the root's private key to a file and remove it from the database
    RootOffline {
        /// A new file on a medium that you lock away
        file: PathBuf,
    },
    /// Bring the root's private key back, to make a new issuing authority
    RootOnline {
        /// The file that root-offline wrote
        file: PathBuf,
    },
}

/// A certificate of the authority
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CaCertificate {
    /// The trust anchor
    Root,
    /// The one that issues
    Issuing,
    /// Both, issuing first
    Chain,
}

/// Prints a new sign-in link.
///
/// # Errors
/// When there are several administrators and none is named.
pub(super) async fn link(config: &Config, name: Option<&str>, out: &mut Output) -> Result<()> {
    let engine = installation::engine(config).await?;
    let link = engine.operator_sign_in_link(name).await?;
    let address = format!("{}{}", config.console_url(), link.path().expose());
    if out.json {
        let name = &link.admin.name;
        return out.value(&json!({"url": address, "name": name, "expires_at": link.expires_at}));
    }
    out.line(&address)?;
    out.line(&format!(
        "It signs {} in, once, until {}.",
        link.admin.name, link.expires_at
    ))
}

const PUSH_COLUMNS: &[Column] = &[
    Column("Topic", "topic"),
    Column("Expires", "not_after"),
    Column("Serial number", "serial"),
    Column("For new devices", "current"),
];

/// Runs a command about the push certificate of a server.
///
/// # Errors
/// What the server says.
pub(super) async fn remote_push(command: PushCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        PushCommand::Request => {
            let path = ["push-certificates", "request"];
            let request = api.post(&path, &json!({})).await?;
            out.write(text_at(&request, "csr_pem").as_bytes())
        }
        PushCommand::Import { certificate, key } => {
            let body = json!({
                "certificate_pem": installation::read(&certificate)?,
                "key_pem": key.as_deref().map(installation::read).transpose()?,
            });
            let imported = api.post(&["push-certificates", "import"], &body).await?;
            out.object(&imported, &["topic", "not_after", "serial"])
        }
        PushCommand::Show => {
            let page = api.get(&["push-certificates"], &[]).await?;
            out.list(&page, PUSH_COLUMNS)
        }
    }
}

/// Runs a command about the push certificate of this machine's installation.
///
/// # Errors
/// When the certificate does not fit.
pub(super) async fn push(command: PushCommand, config: &Config, out: &mut Output) -> Result<()> {
    let engine = installation::engine(config).await?;
    let operator = people::operator();
    match command {
        PushCommand::Request => {
            let request = engine.push_certificate_request(&operator).await?;
            out.write(request.as_bytes())
        }
        PushCommand::Import { certificate, key } => {
            let certificate = installation::read(&certificate)?;
            let key = key
                .as_deref()
                .map(installation::read)
                .transpose()?
                .map(Secret::new);
            let imported = engine
                .import_push_certificate(&operator, &certificate, key)
                .await?;
            let shown = json!({"topic": imported.topic, "not_after": imported.not_after, "serial": imported.serial});
            out.object(&shown, &["topic", "not_after", "serial"])
        }
        PushCommand::Show => {
            let items: Vec<_> = engine
                .push_certificates(&operator)
                .await?
                .into_iter()
                .map(|one| json!({"topic": one.topic, "not_after": one.not_after, "serial": one.serial, "current": one.current}))
                .collect();
            out.list(&json!({"items": items, "next": null}), PUSH_COLUMNS)
        }
    }
}

/// Runs a command about the certificate authority.
///
/// # Errors
/// When the installation cannot be opened.
pub(super) async fn ca(command: CaCommand, config: &Config, out: &mut Output) -> Result<()> {
    let engine = installation::engine(config).await?;
    let authority = engine.authority.load();
    let [issuing, root] = authority.chain();
    match command {
        CaCommand::Show => {
            let describe = |which: &str, certificate: &pki::Certificate| {
                json!({
                    "certificate": which,
                    "subject": certificate.subject().to_string(),
                    "not_after": certificate.not_after(),
                    "serial": certificate.serial_hex(),
                    "sha256": hex::encode(certificate.fingerprint()),
                })
            };
            let items = [describe("root", root), describe("issuing", issuing)];
            const COLUMNS: &[Column] = &[
                Column("Certificate", "certificate"),
                Column("Subject", "subject"),
                Column("Expires", "not_after"),
                Column("SHA-256", "sha256"),
            ];
            out.list(&json!({"items": items, "next": null}), COLUMNS)
        }
        CaCommand::RootOffline { file } => {
            let operator = people::operator();
            let pem = engine.root_key(&operator).await?;
            write_new_secret(&file, pem.expose())?;
            // Only now, when the file is on its medium.
            engine.forget_root_key(&operator).await?;
            out.say(&format!(
                "The root's key is in {} and no longer in the database.",
                file.display()
            ))
        }
        CaCommand::RootOnline { file } => {
            let pem = Secret::new(installation::read(&file)?);
            engine.restore_root_key(&people::operator(), &pem).await?;
            out.say("The root's key is in the database again.")
        }
        CaCommand::Export { which } => {
            let text = match which {
                CaCertificate::Root => root.to_pem(),
                CaCertificate::Issuing => issuing.to_pem(),
                CaCertificate::Chain => format!("{}{}", issuing.to_pem(), root.to_pem()),
            };
            out.write(text.as_bytes())
        }
    }
}

/// Copies everything into a file.
///
/// # Errors
/// When the file exists or cannot be written.
pub(super) async fn backup(
    config: &Config,
    file: &Path,
    portable: bool,
    out: &mut Output,
) -> Result<()> {
    if file.exists() {
        return Err(Failure::new(
            Kind::Conflict,
            format!("{} exists; a backup never overwrites", file.display()),
        ));
    }
    let db = installation::existing_database(config).await?;
    let spinner = spinner("copying");
    let now = SystemClock.now();
    let moved = if portable {
        db.dump(file, now).await
    } else {
        db.backup(file, now).await
    };
    spinner.finish_and_clear();
    let moved = moved?;
    db.close().await;
    if out.json {
        return out.value(&json!({"file": file, "bytes": moved.bytes, "rows": moved.rows}));
    }
    out.line(&format!("{}: {} bytes", file.display(), moved.bytes))?;
    out.line("What is sealed in it opens with the key-encryption key only; keep that elsewhere.")
}

/// Fills an empty database from a backup.
///
/// # Errors
/// When the database is not empty, or the file is damaged.
pub(super) async fn restore(
    config: &Config,
    file: &Path,
    confirmation: &Confirmation,
    out: &mut Output,
) -> Result<()> {
    if !file.is_file() {
        return Err(Failure::new(
            Kind::NotFound,
            format!("there is no file {}", file.display()),
        ));
    }
    confirmation.ask(
        &format!(
            "The database becomes what it was in {}. Stop the server first.",
            file.display()
        ),
        "restore",
    )?;
    std::fs::create_dir_all(&config.server.data_dir)
        .map_err(|error| Failure::file(&config.server.data_dir, error))?;
    let db = store::Db::open(&config.database()?).await?;
    let spinner = spinner("restoring");
    let moved = db.restore(file, SystemClock.now()).await;
    spinner.finish_and_clear();
    let moved = moved?;
    db.close().await;
    if out.json {
        return out.value(&json!({"file": file, "bytes": moved.bytes, "rows": moved.rows}));
    }
    out.line("restored")
}

/// Looks for damage in the database and follows the journal's chain.
///
/// # Errors
/// [`Kind::Failure`] when something is wrong.
pub(super) async fn check(config: &Config, out: &mut Output) -> Result<()> {
    let db = installation::existing_database(config).await?;
    let checkpoints = db
        .read(|tx| Box::pin(async move { tx.checkpoints_after(0, u32::MAX).await }))
        .await?;
    // Who signed is checked by `journal verify` against a key that is kept elsewhere; here each
    // signature must come from a key that signed checkpoints of this journal at all.
    let signers = SignedBy::stored(&db).await?;
    let mut verifier = Verifier::new(Head::EMPTY, checkpoints);
    let progress = spinner("checking");
    let mut report = db
        .check(|event| {
            progress.set_message(format!("event {}", event.seq));
            verifier
                .event(event, &|checkpoint, statement| {
                    signers.signed(checkpoint, statement)
                })
                .map_err(|broken| broken.to_string())
        })
        .await?;
    progress.finish_and_clear();
    db.close().await;
    if report.problems.is_empty()
        && let Err(broken) = verifier.finish()
    {
        report.problems.push(broken.to_string());
    }
    if out.json {
        out.value(&json!({"problems": report.problems, "events": report.events}))?;
    } else {
        for problem in &report.problems {
            out.line(problem)?;
        }
    }
    match report.problems.len() {
        0 => out.say(&format!(
            "nothing is wrong; the journal's {} events follow one another",
            report.events
        )),
        1 => Err(Failure::failed("one problem was found")),
        many => Err(Failure::failed(format!("{many} problems were found"))),
    }
}

fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    spinner.set_message(message);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
/// Writes a secret to a file that must not exist, readable by its owner alone, through to the medium.
fn write_new_secret(file: &Path, text: &str) -> Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| Failure::file(file, error))?;
    out.write_all(text.as_bytes())
        .and_then(|()| out.sync_all())
        .map_err(|error| Failure::file(file, error))
}
