//! `muster device`: what devices there are, what they reported, what they shall do.

use clap::{Args, Subcommand};
use domain::{DeviceId, DeviceState, Ownership, Platform, ReportId, Timestamp};
use serde_json::{Value as Json, json};

use super::{
    client::Api,
    exit::{Failure, Kind, Result},
    order::{self, Lock, Send, Wipe},
    output::{Column, Output, text_at},
};

const COLUMNS: &[Column] = &[
    Column("Serial number", "serial"),
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

const ENROLLMENTS: &[Column] = &[
    Column("Channel", "channel"),
    Column("Kind", "kind"),
    Column("State", "state"),
    Column("User", "user_short_name"),
    Column("Since", "activated_at"),
    Column("Ended", "ended_at"),
    Column("Why", "end_reason"),
];

const FACTS: &[Column] = &[
    Column("About", "category"),
    Column("Fact", "fact"),
    Column("Value", "value"),
    Column("Observed", "observed_at"),
    Column("Assurance", "assurance"),
];

const DECLARATIONS: &[Column] = &[
    Column("Identifier", "identifier"),
    Column("Status", "status"),
    Column("Observed", "observed_at"),
];

const REPORTS: &[Column] = &[
    Column("Message", "kind"),
    Column("Received", "received_at"),
    Column("Bytes", "length"),
    Column("Cut off", "truncated"),
    Column("Id", "id"),
];

const OFFERS: &[Column] = &[
    Column("Type", "name"),
    Column("Title", "title"),
    Column("Hazard", "hazard"),
    Column("Fits", "fits"),
    Column("Why not", "reason"),
];

const COUNTS: &[Column] = &[
    Column("Platform", "platform"),
    Column("State", "state"),
    Column("Ownership", "ownership"),
    Column("Devices", "count"),
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
    /// Show how a device stands with its declarations
    Declarations {
        /// Its id or serial number
        device: String,
    },
    /// List the raw reports of a device, newest first
    Reports {
        /// Its id or serial number
        device: String,
    },
    /// Print a raw report as the device sent it
    Report {
        /// The device's id or serial number
        device: String,
        /// The report's id
        report: ReportId,
    },
    /// List the commands that a device can take, and why not the others
    CommandTypes {
        /// Its id or serial number
        device: String,
    },
    /// Say whose device it is
    Label {
        /// Its id or serial number
        device: String,
        /// The person's name
        user: String,
    },
    /// Print all devices as CSV
    Export(Selection),
    /// Print how many devices there are, of which kinds
    Counts,
    /// List the commands of a device, newest first
    Commands {
        /// Its id or serial number
        device: String,
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
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

/// Which devices
#[derive(Debug, Args)]
pub struct Selection {
    /// Text in the name, serial number, model or user
    #[arg(long, short)]
    pub search: Option<String>,
    /// Only this platform
    #[arg(long)]
    pub platform: Option<Platform>,
    /// Only devices in this state
    #[arg(long)]
    pub state: Option<DeviceState>,
    /// Only devices of this ownership
    #[arg(long)]
    pub ownership: Option<Ownership>,
    /// Only supervised devices, or only others
    #[arg(long)]
    pub supervised: Option<bool>,
    /// Only this version of the operating system
    #[arg(long)]
    pub os_version: Option<String>,
    /// Only devices not seen since: a date and time
    #[arg(long)]
    pub seen_before: Option<Timestamp>,
    /// name, serial, model, os_version, last_seen or enrolled_at; with - in front the other way
    #[arg(long, default_value = "name", allow_hyphen_values = true)]
    pub sort: String,
}

/// What to list
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub selection: Selection,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
    /// All of them, however many
    #[arg(long)]
    pub all: bool,
}

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: DeviceCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        DeviceCommand::List(list) => {
            let page = api.list(&["devices"], &list.query(), list.all).await?;
            out.list(&page, COLUMNS)
        }
        DeviceCommand::Show { device } => {
            let mut device = find(api, &device).await?;
            if out.json {
                return out.value(&device);
            }
            let enrollments = device["enrollments"].take();
            out.object(
                &device,
                &["id", "name", "serial", "platform", "os_version", "state"],
            )?;
            out.list(&json!({"items": enrollments}), ENROLLMENTS)
        }
        DeviceCommand::Facts { device } => {
            let id = id_of(&find(api, &device).await?)?;
            let sheets = api.get(&["devices", &id, "facts"], &[]).await?;
            if out.json {
                return out.value(&sheets);
            }
            out.list(&json!({"items": facts(&sheets)}), FACTS)
        }
        DeviceCommand::Declarations { device } => {
            let id = id_of(&find(api, &device).await?)?;
            let page = api.get(&["devices", &id, "declarations"], &[]).await?;
            out.list(&page, DECLARATIONS)
        }
        DeviceCommand::Reports { device } => {
            let id = id_of(&find(api, &device).await?)?;
            let page = api.get(&["devices", &id, "reports"], &[]).await?;
            out.list(&page, REPORTS)
        }
        DeviceCommand::Report { device, report } => {
            let id = id_of(&find(api, &device).await?)?;
            let path = ["devices", &id, "reports", &report.to_string()];
            api.download(&path, &[], |bytes| out.write(bytes)).await
        }
        DeviceCommand::CommandTypes { device } => {
            let id = id_of(&find(api, &device).await?)?;
            let page = api.get(&["devices", &id, "command-types"], &[]).await?;
            out.list(&page, OFFERS)
        }
        DeviceCommand::Label { device, user } => {
            let id = id_of(&find(api, &device).await?)?;
            let changed = api
                .patch(&["devices", &id], &json!({"user_label": user}))
                .await?;
            out.object(&changed, &["id", "name", "serial", "user_label"])
        }
        DeviceCommand::Export(selection) => {
            let query = selection.query();
            api.download(&["devices.csv"], &query, |bytes| out.write(bytes))
                .await
        }
        DeviceCommand::Counts => {
            let counts = api.get(&["fleet", "counts"], &[]).await?;
            if out.json {
                return out.value(&counts);
            }
            out.list(&json!({"items": counts["devices"]}), COUNTS)?;
            out.line(&format!("not seen for a week: {}", counts["silent"]))
        }
        DeviceCommand::Commands { device, limit } => {
            let id = id_of(&find(api, &device).await?)?;
            let query = [("limit", limit.to_string())];
            let page = api.get(&["devices", &id, "commands"], &query).await?;
            out.list(&page, COMMAND_COLUMNS)
        }
        DeviceCommand::Refresh { device } => {
            let id = id_of(&find(api, &device).await?)?;
            api.post(&["devices", &id, "refresh"], &json!({})).await?;
            out.say("asked")
        }
        DeviceCommand::Lock(lock) => order::lock(lock, api, out).await,
        DeviceCommand::Wipe(wipe) => order::wipe(wipe, api, out).await,
        DeviceCommand::Command(any) => order::any(any, api, out).await,
    }
}

impl List {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = self.selection.query();
        // Whoever wants all of them wants few round trips.
        let limit = if self.all { 500 } else { self.limit };
        query.push(("limit", limit.to_string()));
        query
    }
}

impl Selection {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("sort", self.sort.clone())];
        query.extend(self.search.clone().map(|text| ("q", text)));
        query.extend(self.platform.map(|word| ("platform", word.to_string())));
        query.extend(self.state.map(|word| ("state", word.to_string())));
        query.extend(self.ownership.map(|word| ("ownership", word.to_string())));
        query.extend(self.supervised.map(|yes| ("supervised", yes.to_string())));
        query.extend(self.os_version.clone().map(|text| ("os_version", text)));
        query.extend(self.seen_before.map(|at| ("seen_before", at.to_string())));
        query
    }
}

/// The facts of all categories, each in a row.
fn facts(sheets: &Json) -> Vec<Json> {
    let sheets = sheets["items"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows = Vec::new();
    for sheet in sheets {
        for (key, fact) in sheet["facts"].as_object().into_iter().flatten() {
            let mut row = fact.clone();
            row["category"] = sheet["category"].clone();
            row["fact"] = json!(key);
            rows.push(row);
        }
    }
    rows
}

/// A device by its id or serial number.
pub(super) async fn find(api: &Api, text: &str) -> Result<Json> {
    if text.parse::<DeviceId>().is_ok() {
        return api.get(&["devices", text], &[]).await;
    }
    let query = [("q", text.to_owned()), ("limit", "50".to_owned())];
    let page = api.get(&["devices"], &query).await?;
    let found = with_serial(&page, text)?;
    api.get(&["devices", &found], &[]).await
}

fn with_serial(page: &Json, serial: &str) -> Result<String> {
    let mut ids = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|device| text_at(device, "serial").eq_ignore_ascii_case(serial))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_rows() {
        let sheets = json!({"items": [{"category": "hardware", "facts": {
            "battery": {"value": 0.5, "observed_at": "2026-01-01T00:00:00Z"},
        }}]});
        let rows = facts(&sheets);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["category"], "hardware");
        assert_eq!(rows[0]["fact"], "battery");
        assert_eq!(rows[0]["value"], 0.5);
    }

    #[test]
    fn a_serial_number_names_exactly_one_device() {
        let page = json!({"items": [
            {"id": "1", "serial": "C02XYZ"},
            {"id": "2", "serial": "C02XYZ1"},
            {"id": "3", "serial": "TWICE"},
            {"id": "4", "serial": "TWICE"},
            {"id": "5", "serial": null},
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
