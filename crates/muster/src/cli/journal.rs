//! `muster journal`: what happened, and proving it.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use domain::DeviceId;
use engine::people;
use serde_json::Value as Json;
use store::EventFilter;

use super::{
    client::Api,
    exit::{Failure, Result},
    installation, journal_file,
    output::{Column, Output, text_at},
};
use crate::config::Config;

/// How often new events are asked for.
const POLL: Duration = Duration::from_secs(2);
/// Events read at a time for an export.
const PAGE: u32 = 1000;

/// The journal
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// List events, newest first
    List(List),
    /// Print events as they happen
    Tail(Which),
    /// Write the journal to a file that `journal verify` proves: with --url the server's, otherwise that of this machine's installation
    Export {
        /// The file to write
        file: PathBuf,
        /// Only what comes after this event; not with --url
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
    /// Prove that an exported journal is what was written; needs nothing but the file
    Verify {
        /// The exported journal
        file: PathBuf,
        /// File with the public key that must have signed; keep it apart from the journal
        #[arg(long)]
        key: Option<PathBuf>,
    },
}

/// Which events
#[derive(Debug, Args)]
pub struct Which {
    /// Only about this device
    #[arg(long)]
    pub device: Option<DeviceId>,
    /// Only kinds that begin so, such as command.
    #[arg(long)]
    pub kind: Option<String>,
    /// Only by this party, such as admin:ID or token:ID
    #[arg(long)]
    pub actor: Option<String>,
}

/// What to list
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub which: Which,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
    /// All of them, however many
    #[arg(long)]
    pub all: bool,
}

const COLUMNS: &[Column] = &[
    Column("No.", "seq"),
    Column("When", "at"),
    Column("What", "kind"),
    Column("Who", "actor.name"),
    Column("Device", "device"),
    Column("Details", "data"),
];

/// Lists events.
///
/// # Errors
/// What the server says.
pub(super) async fn list(list: List, api: &Api, out: &mut Output) -> Result<()> {
    let mut query = list.which.query();
    let limit = if list.all { 500 } else { list.limit };
    query.push(("limit", limit.to_string()));
    let page = api
        .pages(&["journal", "events"], &query, "before", list.all)
        .await?;
    out.list(&page, COLUMNS)
}

/// Prints events as they happen, until it is interrupted.
///
/// # Errors
/// What the server says.
pub(super) async fn tail(which: Which, api: &Api, out: &mut Output) -> Result<()> {
    let mut newest = which.query();
    newest.push(("limit", "1".to_owned()));
    let page = api.get(&["journal", "events"], &newest).await?;
    let mut reached = page["items"][0]["seq"].as_u64().unwrap_or(0);
    loop {
        let mut query = which.query();
        query.push(("after", reached.to_string()));
        let page = api.get(&["journal", "events"], &query).await?;
        let events = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        for event in events {
            reached = reached.max(event["seq"].as_u64().unwrap_or(0));
            out.line(&if out.json {
                event.to_string()
            } else {
                line(event)
            })?;
        }
        if events.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Writes a server's journal to a file.
///
/// # Errors
/// When the file exists, or what the server says. A file that is not whole is removed.
pub(super) async fn download(file: &Path, api: &Api, out: &mut Output) -> Result<()> {
    let mut writer = create(file)?;
    let mut bytes = 0;
    let progress = indicatif::ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(120));
    let written = api
        .download(&["journal", "export"], &[], |chunk| {
            bytes += chunk.len();
            progress.set_message(format!("{bytes} bytes"));
            writer.write_all(chunk).map_err(Into::into)
        })
        .await
        .and_then(|()| finish(writer));
    progress.finish_and_clear();
    if written.is_err() {
        // Half a journal proves nothing, and the next attempt needs the name.
        let _ = std::fs::remove_file(file);
    }
    written?;
    out.say(&format!("{}: {bytes} bytes", file.display()))
}

fn create(file: &Path) -> Result<BufWriter<File>> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map(BufWriter::new)
        .map_err(|error| Failure::file(file, error))
}

fn finish(mut writer: BufWriter<File>) -> Result<()> {
    writer.flush()?;
    writer.get_ref().sync_all()?;
    Ok(())
}

/// Writes the journal of this machine's installation to a file.
///
/// # Errors
/// When the file exists, or the database cannot serve.
pub(super) async fn export(
    file: &Path,
    after: u64,
    config: &Config,
    out: &mut Output,
) -> Result<()> {
    let engine = installation::engine(config).await?;
    let operator = people::operator();
    engine.seal_journal().await?;
    // So that a signature covers all of it.
    engine.checkpoint_now().await?;
    let head = *engine.journal_head().borrow();
    let mut checkpoints = engine.checkpoints_after(&operator, after, u32::MAX).await?;
    checkpoints.retain(|checkpoint| checkpoint.seq <= head);
    let mut writer = create(file)?;
    let public_key = engine.authority.load().journal_key().to_vec();
    journal_file::write_head(&mut writer, &public_key, &checkpoints)?;
    let progress = indicatif::ProgressBar::new(head.saturating_sub(after));
    let mut reached = after;
    while reached < head {
        let mut events = engine
            .events_after(&operator, EventFilter::default(), reached, PAGE)
            .await?;
        events.retain(|event| event.seq <= head);
        let Some(last) = events.last() else { break };
        progress.set_position(last.seq - after);
        reached = last.seq;
        journal_file::write_events(&mut writer, &events)?;
    }
    progress.finish_and_clear();
    finish(writer)?;
    let key_id = hex::encode(pki::token::sha256(&public_key));
    out.say(&format!(
        "events {} to {reached}, signed by {key_id}",
        after + 1
    ))
}

/// Proves a file.
///
/// # Errors
/// The first place that is wrong.
pub(super) fn verify(file: &Path, key: Option<&Path>, out: &mut Output) -> Result<()> {
    let key = key
        .map(|path| std::fs::read(path).map_err(|error| Failure::file(path, error)))
        .transpose()?;
    let proof = journal_file::verify(file, key.as_deref())?;
    if out.json {
        return out.value(&proof.json());
    }
    out.line(&format!(
        "events {} to {} are as they were written; the last hash is {}",
        proof.first, proof.last, proof.hash
    ))?;
    match proof.signed_up_to {
        0 => out.line("no checkpoint is among them: nobody signed this chain")?,
        seq if seq < proof.last => {
            out.line(&format!("signed up to event {seq} by {}", proof.key_id))?
        }
        _ => out.line(&format!("signed by {}", proof.key_id))?,
    }
    if key.is_none() {
        out.line("The key came with the file: compare its id with one that you kept elsewhere.")?;
    }
    Ok(())
}

impl Which {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        query.extend(self.device.map(|id| ("device", id.to_string())));
        query.extend(self.kind.clone().map(|kind| ("kind", kind)));
        query.extend(self.actor.clone().map(|actor| ("actor", actor)));
        query
    }
}

fn line(event: &Json) -> String {
    COLUMNS
        .iter()
        .map(|Column(_, path)| text_at(event, path))
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}
