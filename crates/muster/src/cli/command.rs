//! `muster command`: commands that were sent, and what can be sent.

use clap::Subcommand;
use domain::CommandId;
use serde_json::json;

use super::{
    client::Api,
    exit::Result,
    output::{Column, Output},
};

/// Fields that come first when a command is shown.
pub(super) const FIRST: &[&str] = &["id", "device_id", "type", "state", "reason", "created_at"];

/// Commands
#[derive(Debug, Subcommand)]
pub enum CommandCommand {
    /// Show a command
    Show {
        /// Its id
        id: CommandId,
    },
    /// Take a command back that the device has not received
    Cancel {
        /// Its id
        id: CommandId,
    },
    /// List the commands that can be sent
    Types,
}

/// Lists the commands that can be sent; needs no server.
///
/// # Errors
/// When it cannot be written.
pub(super) fn types(out: &mut Output) -> Result<()> {
    let items: Vec<_> = apple::commands::ALL
        .iter()
        .map(|meta| {
            let parameters: Vec<_> = meta
                .parameters
                .iter()
                .map(|parameter| match parameter.required {
                    true => format!("{} (required)", parameter.name),
                    false => parameter.name.to_owned(),
                })
                .collect();
            json!({
                "type": meta.name,
                "title": meta.title,
                "description": meta.description,
                "hazard": meta.hazard,
                "parameters": parameters,
            })
        })
        .collect();
    const COLUMNS: &[Column] = &[
        Column("Type", "type"),
        Column("Title", "title"),
        Column("Hazard", "hazard"),
        Column("Parameters", "parameters"),
    ];
    out.list(&json!({"items": items, "next": null}), COLUMNS)
}

/// Runs one that needs a server.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: CommandCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        CommandCommand::Show { id } => {
            let command = api.get(&["commands", &id.to_string()], &[]).await?;
            out.object(&command, FIRST)
        }
        CommandCommand::Cancel { id } => {
            let path = ["commands", &id.to_string(), "cancel"];
            let command = api.post(&path, &json!({})).await?;
            out.object(&command, FIRST)
        }
        CommandCommand::Types => types(out),
    }
}
