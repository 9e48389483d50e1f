//! `muster unit`: the organisation tree.

use clap::Subcommand;
use domain::UnitId;
use serde_json::json;

use super::{
    client::Api,
    exit::Result,
    output::{Column, Output},
};

/// The organisation tree
#[derive(Debug, Subcommand)]
pub enum UnitCommand {
    /// List units
    List,
    /// Add a unit
    Add {
        /// Its name
        name: String,
        /// The unit above
        #[arg(long)]
        parent: Option<UnitId>,
    },
    /// Give a unit another name
    Rename {
        /// Its id
        id: UnitId,
        /// The new name
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    Column("Name", "name"),
    Column("Above", "parent_id"),
    Column("Made", "created_at"),
    Column("Id", "id"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: UnitCommand, api: &Api, out: &mut Output) -> Result<()> {
    let unit = match command {
        UnitCommand::List => {
            let page = api.list(&["units"], &[], true).await?;
            return out.list(&page, COLUMNS);
        }
        UnitCommand::Add { name, parent } => {
            api.post(&["units"], &json!({"name": name, "parent_id": parent}))
                .await?
        }
        UnitCommand::Rename { id, name } => {
            api.patch(&["units", &id.to_string()], &json!({"name": name}))
                .await?
        }
    };
    out.object(&unit, &["name", "id", "parent_id"])
}
