//! `muster secret`: escrowed secrets of devices.

use clap::Subcommand;
use domain::SecretId;
use serde_json::json;

use super::{
    client::Api,
    device,
    exit::{Failure, Result},
    output::{Column, Output},
};

/// Escrowed secrets
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// List what secrets a device has, without showing them
    List {
        /// Its id or serial number
        device: String,
    },
    /// Show a secret; who did and why is kept in the journal
    Reveal {
        /// The secret's id
        id: SecretId,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

const COLUMNS: &[Column] = &[
    Column("Kind", "kind"),
    Column("Came", "created_at"),
    Column("Replaced", "superseded_at"),
    Column("Id", "id"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: SecretCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        SecretCommand::List { device } => {
            let id = device::id_of(&device::find(api, &device).await?)?;
            let page = api.list(&["devices", &id, "secrets"], &[], true).await?;
            out.list(&page, COLUMNS)
        }
        SecretCommand::Reveal { id, reason } => {
            let path = ["secrets", &id.to_string(), "reveal"];
            let revealed = api.post(&path, &json!({"reason": reason})).await?;
            if out.json {
                return out.value(&revealed);
            }
            let value = revealed["text"]
                .as_str()
                .or_else(|| revealed["base64"].as_str())
                .ok_or_else(|| Failure::failed("the server's answer has no secret"))?;
            out.line(value)
        }
    }
}
