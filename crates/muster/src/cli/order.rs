//! Telling a device what to do: `muster device lock|wipe|command`.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::{
    client::Api,
    command,
    confirm::Confirmation,
    device::{find, id_of},
    exit::{Failure, Result},
    output::{Output, text_at},
    parameters::{self, Parameter},
};

/// How often a command that is waited for is looked at.
const POLL: Duration = Duration::from_secs(1);

/// How a command is sent
#[derive(Debug, Args)]
pub struct Sending {
    /// Its id or serial number
    pub device: String,
    #[command(flatten)]
    pub confirmation: Confirmation,
    /// Wait until the device answered
    #[arg(long)]
    pub wait: bool,
}

/// Lock
#[derive(Debug, Args)]
pub struct Lock {
    #[command(flatten)]
    pub sending: Sending,
    /// Why; kept in the journal
    #[arg(long)]
    pub reason: String,
    /// Six digits that unlock a Mac, or @FILE
    #[arg(long)]
    pub pin: Option<String>,
    /// Shown on the lock screen
    #[arg(long)]
    pub message: Option<String>,
    /// Shown on the lock screen
    #[arg(long)]
    pub phone_number: Option<String>,
}

/// Wipe
#[derive(Debug, Args)]
pub struct Wipe {
    #[command(flatten)]
    pub sending: Sending,
    /// Why; kept in the journal
    #[arg(long)]
    pub reason: String,
    /// Six digits for a Mac, or @FILE
    #[arg(long)]
    pub pin: Option<String>,
    /// Keep the eSIM
    #[arg(long)]
    pub preserve_data_plan: bool,
}

/// Any command
#[derive(Debug, Args)]
pub struct Send {
    #[command(flatten)]
    pub sending: Sending,
    /// Name of the command, such as restart_device
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// NAME=VALUE, NAME=@FILE, or NAME:=JSON
    #[arg(value_name = "PARAMETER")]
    pub parameters: Vec<Parameter>,
    /// Why; needed by commands that can destroy or expose something
    #[arg(long)]
    pub reason: Option<String>,
}

/// Locks a device.
///
/// # Errors
/// What the server says, or that nobody confirmed.
pub(super) async fn lock(lock: Lock, api: &Api, out: &mut Output) -> Result<()> {
    let mut body = Map::new();
    body.insert("type".into(), json!("device_lock"));
    body.insert("reason".into(), json!(lock.reason));
    for (name, value) in [
        ("pin", lock.pin),
        ("message", lock.message),
        ("phone_number", lock.phone_number),
    ] {
        if let Some(value) = value {
            body.insert(name.into(), parameters::text(&value)?.into());
        }
    }
    send(api, out, lock.sending, body, Some("Lock")).await
}

/// Erases a device.
///
/// # Errors
/// What the server says, or that nobody confirmed.
pub(super) async fn wipe(wipe: Wipe, api: &Api, out: &mut Output) -> Result<()> {
    let mut body = Map::new();
    body.insert("type".into(), json!("erase_device"));
    body.insert("reason".into(), json!(wipe.reason));
    if let Some(pin) = wipe.pin {
        body.insert("pin".into(), parameters::text(&pin)?.into());
    }
    if wipe.preserve_data_plan {
        body.insert("preserve_data_plan".into(), json!(true));
    }
    send(api, out, wipe.sending, body, Some("Erase everything on")).await
}

/// Sends any command.
///
/// # Errors
/// What the server says, or that nobody confirmed.
pub(super) async fn any(any: Send, api: &Api, out: &mut Output) -> Result<()> {
    let meta = apple::commands::find(&any.kind).ok_or_else(|| {
        Failure::usage(format!(
            "there is no command {:?}; `muster command types` lists them",
            any.kind
        ))
    })?;
    let hazardous = meta.hazard != domain::command::Hazard::None;
    if hazardous && any.reason.is_none() {
        return Err(Failure::usage(format!("{} needs --reason", meta.name)));
    }
    let mut body = parameters::object(meta, &any.parameters)?;
    body.insert("type".into(), json!(meta.name));
    if let Some(reason) = any.reason {
        body.insert("reason".into(), json!(reason));
    }
    let title = format!("{}:", meta.title);
    send(api, out, any.sending, body, hazardous.then_some(&title)).await
}

async fn send(
    api: &Api,
    out: &mut Output,
    sending: Sending,
    body: Map<String, Json>,
    dangerous: Option<&str>,
) -> Result<()> {
    let device = find(api, &sending.device).await?;
    let id = id_of(&device)?;
    if let Some(what) = dangerous {
        let serial = text_at(&device, "serial");
        let name = text_at(&device, "name");
        // A device that never told its serial number is confirmed by its id.
        let word = if serial.is_empty() { &id } else { &serial };
        sending
            .confirmation
            .ask(&format!("{what} {name} (serial number {serial})?"), word)?;
    }
    let command = api
        .post(&["devices", &id, "commands"], &Json::Object(body))
        .await?;
    if !sending.wait {
        return out.object(&command, command::FIRST);
    }
    let finished = wait(api, &id_of(&command)?).await?;
    out.object(&finished, command::FIRST)?;
    match text_at(&finished, "state").as_str() {
        "acknowledged" => Ok(()),
        state => Err(Failure::failed(format!("the command ended as {state}"))),
    }
}

/// Until a command is finished.
async fn wait(api: &Api, id: &str) -> Result<Json> {
    let spinner = indicatif::ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    loop {
        let command = api.get(&["commands", id], &[]).await?;
        let state = text_at(&command, "state");
        if state
            .parse()
            .is_ok_and(domain::command::CommandState::is_final)
        {
            spinner.finish_and_clear();
            return Ok(command);
        }
        spinner.set_message(format!("{state}; the device has not answered yet"));
        tokio::time::sleep(POLL).await;
    }
}
