//! `muster enrollment token`: secrets that let devices enrol.

use clap::{Args, Subcommand};
use domain::{EnrollmentTokenId, Ownership, Platform, UnitId};
use serde_json::json;

use super::{
    client::Api,
    exit::Result,
    output::{Column, Output, text_at},
    until::Until,
};

/// Enrollment
#[derive(Debug, Subcommand)]
pub enum EnrollmentCommand {
    /// Secrets that let devices enrol
    #[command(subcommand)]
    Token(TokenCommand),
}

/// Enrollment tokens
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; its address is shown this once
    Create(Create),
    /// List tokens
    List {
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// All of them, however many
        #[arg(long)]
        all: bool,
    },
    /// Revoke a token
    Revoke {
        /// Its id
        id: EnrollmentTokenId,
    },
}

/// What a token permits
#[derive(Debug, Args)]
pub struct Create {
    /// What it is for
    #[arg(long)]
    pub name: String,
    /// Who owns the devices: corporate, cope or personal
    #[arg(long)]
    pub ownership: Ownership,
    /// Only these platforms
    #[arg(long, value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Only these serial numbers
    #[arg(long, value_delimiter = ',')]
    pub serial: Vec<String>,
    /// At most this many devices
    #[arg(long)]
    pub uses: Option<u32>,
    /// When it stops working: a date and time, or from now, such as 7d
    #[arg(long, default_value = "7d")]
    pub expires: Until,
    /// The unit that devices join
    #[arg(long)]
    pub unit: Option<UnitId>,
}

const COLUMNS: &[Column] = &[
    Column("Name", "name"),
    Column("Ownership", "ownership"),
    Column("Platforms", "platforms"),
    Column("Uses", "uses"),
    Column("Of", "max_uses"),
    Column("Expires", "expires_at"),
    Column("Revoked", "revoked_at"),
    Column("Id", "id"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: EnrollmentCommand, api: &Api, out: &mut Output) -> Result<()> {
    let EnrollmentCommand::Token(command) = command;
    match command {
        TokenCommand::Create(create) => {
            let body = json!({
                "name": create.name,
                "ownership": create.ownership,
                "platforms": create.platform,
                "serials": create.serial,
                "max_uses": create.uses,
                "expires_at": create.expires.at(),
                "unit_id": create.unit,
            });
            let made = api.post(&["enrollment-tokens"], &body).await?;
            if out.json {
                return out.value(&made);
            }
            out.line(&text_at(&made, "url"))?;
            out.line("Whoever opens this address can enrol a device. It is not shown again.")
        }
        TokenCommand::List { limit, all } => {
            let query = [("limit", limit.to_string())];
            let page = api.list(&["enrollment-tokens"], &query, all).await?;
            out.list(&page, COLUMNS)
        }
        TokenCommand::Revoke { id } => {
            let path = ["enrollment-tokens", &id.to_string(), "revoke"];
            api.post(&path, &json!({})).await?;
            out.say("revoked")
        }
    }
}
