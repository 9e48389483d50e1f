//! `muster declaration`: declarations of declarative management.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::{
    client::Api,
    confirm::Confirmation,
    device,
    exit::{Failure, Result},
    output::{Column, Output},
};

/// Declarations
#[derive(Debug, Subcommand)]
pub enum DeclarationCommand {
    /// List declarations
    List,
    /// Show a declaration and whom it is for
    Show {
        /// Its identifier
        identifier: String,
    },
    /// Write a declaration: JSON as Apple describes it, with Type, Identifier and Payload
    Put {
        /// File with the declaration; - reads standard input
        file: PathBuf,
    },
    /// Say whom a declaration is for; replaces what was said before
    Assign(Assign),
    /// Withdraw a declaration from all devices
    Delete {
        /// Its identifier
        identifier: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// Whom a declaration is for
#[derive(Debug, Args)]
pub struct Assign {
    /// Its identifier
    pub identifier: String,
    /// These devices, by id or serial number
    #[arg(long)]
    pub device: Vec<String>,
    /// All devices
    #[arg(long, conflicts_with = "device")]
    pub everybody: bool,
    /// No device
    #[arg(long, conflicts_with_all = ["device", "everybody"])]
    pub nobody: bool,
}

const COLUMNS: &[Column] = &[
    Column("Identifier", "identifier"),
    Column("Kind", "kind"),
    Column("Type", "type"),
    Column("Changed", "updated_at"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: DeclarationCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        DeclarationCommand::List => {
            let page = api.list(&["declarations"], &[], true).await?;
            out.list(&page, COLUMNS)
        }
        DeclarationCommand::Show { identifier } => {
            let found = api.get(&["declarations", &identifier], &[]).await?;
            out.value(&found)
        }
        DeclarationCommand::Put { file } => {
            let document = read(&file)?;
            let identifier = document["Identifier"]
                .as_str()
                .ok_or_else(|| Failure::usage(format!("{}: it has no Identifier", file.display())))?
                .to_owned();
            let stored = api.put(&["declarations", &identifier], &document).await?;
            out.object(&stored, &["identifier", "kind", "type"])
        }
        DeclarationCommand::Assign(assign) => {
            if assign.device.is_empty() && !assign.everybody && !assign.nobody {
                return Err(Failure::usage("say --device, --everybody or --nobody"));
            }
            let mut targets = Vec::new();
            if assign.everybody {
                targets.push(json!({"device_id": null, "channel": "device"}));
            }
            for device in &assign.device {
                let id = device::id_of(&device::find(api, device).await?)?;
                targets.push(json!({"device_id": id, "channel": "device"}));
            }
            let path = ["declarations", &assign.identifier, "targets"];
            api.put(&path, &json!({"targets": targets})).await?;
            out.say("assigned")
        }
        DeclarationCommand::Delete {
            identifier,
            confirmation,
        } => {
            confirmation.ask("Every device drops what it declares.", &identifier)?;
            api.delete(&["declarations", &identifier]).await?;
            out.say("withdrawn")
        }
    }
}

fn read(file: &std::path::Path) -> Result<Json> {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::file(file, error))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}
