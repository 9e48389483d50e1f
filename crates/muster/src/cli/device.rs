//! `muster device`: what devices there are, what they reported, what they shall do.

use std::time::Duration;

use clap::{Args, Subcommand};
use domain::{DeviceId, DeviceState, Ownership, Platform};
use serde_json::{Map, Value as Json, json};

use super::{
    client::Api,
    command,
    confirm::Confirmation,
    exit::{Failure, Kind, Result},
    output::{Column, Output, text_at},
    parameters::{self, Parameter},
};

/// How often a command that is waited for is looked at.
const POLL: Duration = Duration::from_secs(1);

const COLUMNS: &[Column] = &[
    Column("Serial number", "serial_number"),
    Column("Name", "name"),
    Column("Platform", "platform"),
    Column("Version", "os_version"),
    Column("Model", "model"),
    Column("Ownership", "ownership"),
    Column("State", "state"),
    Column("Last seen", "last_seen_at"),
    Column("Id", "id"),
];

const COMMAND_COLUMNS: &[Column] = &[
    Column("Command", "type"),
    Column("State", "state"),
    Column("Queued", "created_at"),
    Column("Finished", "finished_at"),
    Column("Reason", "reason"),
    Column("Id", "id"),
];

/// Devices
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List devices
    List(List),
    /// Show a device
    Show {
        /// Its id or serial number
        device: String,
    },
    /// Show what a device reported
    Facts {
        /// Its id or serial number
        device: String,
    },
    /// List the commands of a device, newest first
    Commands {
        /// Its id or serial number
        device: String,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Ask a device for its facts now
    Refresh {
        /// Its id or serial number
        device: String,
    },
    /// Lock a device
    Lock(Lock),
    /// Erase a device; nothing on it can be brought back
    Wipe(Wipe),
    /// Send any command; `muster command types` lists them
    Command(Send),
}

/// What to list
#[derive(Debug, Args)]
pub struct List {
    /// Text in the name, serial number, model or user
    #[arg(long, short)]
    pub search: Option<String>,
    /// Only these platforms
    #[arg(long)]
    pub platform: Vec<Platform>,
    /// Only devices in this state
    #[arg(long)]
    pub state: Vec<DeviceState>,
    /// Only devices of this ownership
    #[arg(long)]
    pub ownership: Vec<Ownership>,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// All of them, however many
    #[arg(long)]
    pub all: bool,
}

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

/// Runs one.
///
/// # Errors
/// What the server says.
pub async fn run(command: DeviceCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        DeviceCommand::List(list) => {
            let page = api.list(&["devices"], &list.query(), list.all).await?;
            out.list(&page, COLUMNS)
        }
        DeviceCommand::Show { device } => {
            let device = find(api, &device).await?;
            out.object(
                &device,
                &[
                    "id",
                    "name",
                    "serial_number",
                    "platform",
                    "os_version",
                    "state",
                ],
            )
        }
        DeviceCommand::Facts { device } => {
            let id = id_of(&find(api, &device).await?)?;
            let facts = api.get(&["devices", &id, "facts"], &[]).await?;
            out.value(&facts)
        }
        DeviceCommand::Commands { device, limit } => {
            let id = id_of(&find(api, &device).await?)?;
            let query = [("limit", limit.to_string())];
            let page = api.get(&["devices", &id, "commands"], &query).await?;
            out.list(&page, COMMAND_COLUMNS)
        }
        DeviceCommand::Refresh { device } => {
            let id = id_of(&find(api, &device).await?)?;
            let answer = api.post(&["devices", &id, "refresh"], &json!({})).await?;
            if out.json {
                out.value(&answer)
            } else {
                out.line("asked")
            }
        }
        DeviceCommand::Lock(lock) => {
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
        DeviceCommand::Wipe(wipe) => {
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
        DeviceCommand::Command(any) => {
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
    }
}

impl List {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.search.clone().map(|text| ("search", text)));
        query.extend(
            self.platform
                .iter()
                .map(|word| ("platform", word.to_string())),
        );
        query.extend(self.state.iter().map(|word| ("state", word.to_string())));
        query.extend(
            self.ownership
                .iter()
                .map(|word| ("ownership", word.to_string())),
        );
        query
    }
}

/// A device by its id or serial number.
pub(super) async fn find(api: &Api, text: &str) -> Result<Json> {
    if text.parse::<DeviceId>().is_ok() {
        return api.get(&["devices", text], &[]).await;
    }
    let query = [("search", text.to_owned()), ("limit", "50".to_owned())];
    let page = api.get(&["devices"], &query).await?;
    let found = with_serial(&page, text)?;
    api.get(&["devices", &found], &[]).await
}

fn with_serial(page: &Json, serial: &str) -> Result<String> {
    let mut ids = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|device| text_at(device, "serial_number").eq_ignore_ascii_case(serial))
        .map(id_of);
    match (ids.next(), ids.next()) {
        (Some(id), None) => id,
        (Some(_), Some(_)) => Err(Failure::new(
            Kind::Conflict,
            format!("several devices have the serial number {serial}; use the id"),
        )),
        (None, _) => Err(Failure::new(
            Kind::NotFound,
            format!("there is no device with the id or serial number {serial}"),
        )),
    }
}

pub(super) fn id_of(object: &Json) -> Result<String> {
    object["id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::failed("the server's answer has no id"))
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
        let serial = text_at(&device, "serial_number");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_names_exactly_one_device() {
        let page = json!({"items": [
            {"id": "1", "serial_number": "C02XYZ"},
            {"id": "2", "serial_number": "C02XYZ1"},
            {"id": "3", "serial_number": "TWICE"},
            {"id": "4", "serial_number": "TWICE"},
            {"id": "5", "serial_number": null},
        ]});
        assert_eq!(with_serial(&page, "c02xyz").unwrap(), "1");
        assert_eq!(
            with_serial(&page, "TWICE").unwrap_err().kind,
            Kind::Conflict
        );
        assert_eq!(
            with_serial(&page, "C02XY").unwrap_err().kind,
            Kind::NotFound
        );
    }
}
