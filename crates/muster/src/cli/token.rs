//! `muster token`: bearer tokens of the admin API.

use clap::Subcommand;
use domain::{ApiTokenId, scope::Scope};
use serde_json::json;

use super::{
    client::Api,
    exit::Result,
    output::{Column, Output, text_at},
    until::Until,
};

/// API tokens
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown this once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do; can be given more than once
        #[arg(long = "scope", required = true, value_delimiter = ',')]
        scopes: Vec<Scope>,
        /// When it stops working: a date and time, or from now, such as 90d
        #[arg(long, default_value = "90d")]
        expires: Until,
    },
    /// List tokens
    List,
    /// Revoke a token
    Revoke {
        /// Its id
        id: ApiTokenId,
    },
}

const COLUMNS: &[Column] = &[
    Column("Name", "name"),
    Column("Scopes", "scopes"),
    Column("Expires", "expires_at"),
    Column("Last used", "last_used_at"),
    Column("Revoked", "revoked_at"),
    Column("Id", "id"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: TokenCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        TokenCommand::Create {
            name,
            scopes,
            expires,
        } => {
            let body = json!({"name": name, "scopes": scopes, "expires_at": expires.at()});
            let made = api.post(&["api-tokens"], &body).await?;
            if out.json {
                return out.value(&made);
            }
            out.line(&text_at(&made, "secret"))?;
            out.line("Keep it now; it is not shown again.")
        }
        TokenCommand::List => {
            let page = api.list(&["api-tokens"], &[], true).await?;
            out.list(&page, COLUMNS)
        }
        TokenCommand::Revoke { id } => {
            let path = ["api-tokens", &id.to_string(), "revoke"];
            api.post(&path, &json!({})).await?;
            out.say("revoked")
        }
    }
}
