//! `muster webhook`: deliveries of the journal to other systems.

use clap::Subcommand;
use domain::WebhookId;
use serde_json::{Value as Json, json};

use super::{
    client::Api,
    confirm::Confirmation,
    exit::{Failure, Result},
    output::{Column, Output, text_at},
};

/// Webhooks
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Deliver events to an address from now on; the signing secret is shown this once
    Add {
        /// Where to deliver
        #[arg(value_name = "ADDRESS")]
        receiver: String,
        /// Only events whose kind begins so, such as device.; can be given more than once
        #[arg(long = "kind")]
        kinds: Vec<String>,
    },
    /// List webhooks
    List,
    /// Stop delivering, without forgetting where it was
    Disable {
        /// Its id
        id: WebhookId,
    },
    /// Deliver again, beginning where it stopped
    Enable {
        /// Its id
        id: WebhookId,
    },
    /// Deliver everything after an event again
    Replay {
        /// Its id
        id: WebhookId,
        /// The number of the event; 0 for the whole journal
        #[arg(long)]
        after: u64,
    },
    /// Give it a new signing secret, which is shown this once
    RotateSecret {
        /// Its id
        id: WebhookId,
    },
    /// Send a delivery without events
    Test {
        /// Its id
        id: WebhookId,
    },
    /// List attempts, newest first
    Deliveries {
        /// Its id
        id: WebhookId,
        /// At most this many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Remove a webhook and its log
    Remove {
        /// Its id
        id: WebhookId,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

const COLUMNS: &[Column] = &[
    Column("Address", "url"),
    Column("Kinds", "kinds"),
    Column("Delivered up to", "cursor"),
    Column("Waiting", "waiting"),
    Column("Failures", "failures"),
    Column("Enabled", "enabled"),
    Column("Id", "id"),
];

const ATTEMPTS: &[Column] = &[
    Column("When", "at"),
    Column("From", "from_seq"),
    Column("To", "to_seq"),
    Column("Status", "status"),
    Column("Error", "error"),
    Column("Milliseconds", "duration_ms"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: WebhookCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        WebhookCommand::Add { receiver, kinds } => {
            let body = json!({"url": receiver, "kinds": kinds});
            let made = api.post(&["webhooks"], &body).await?;
            secret(out, &made)
        }
        WebhookCommand::RotateSecret { id } => {
            let path = ["webhooks", &id.to_string(), "rotate-secret"];
            let made = api.post(&path, &json!({})).await?;
            secret(out, &made)
        }
        WebhookCommand::List => {
            let page = api.list(&["webhooks"], &[], true).await?;
            out.list(&page, COLUMNS)
        }
        WebhookCommand::Disable { id } => switch(api, out, id, false).await,
        WebhookCommand::Enable { id } => switch(api, out, id, true).await,
        WebhookCommand::Replay { id, after } => {
            let path = ["webhooks", &id.to_string(), "replay"];
            let webhook = api.post(&path, &json!({"cursor": after})).await?;
            out.object(&webhook, &["id", "url", "cursor"])
        }
        WebhookCommand::Test { id } => {
            let path = ["webhooks", &id.to_string(), "test"];
            let attempt = api.post(&path, &json!({})).await?;
            out.object(&attempt, &["status", "error", "duration_ms"])?;
            match attempt["error"].as_str() {
                None => Ok(()),
                Some(error) => Err(Failure::failed(error)),
            }
        }
        WebhookCommand::Deliveries { id, limit } => {
            let path = ["webhooks", &id.to_string(), "deliveries"];
            let page = api.get(&path, &[("limit", limit.to_string())]).await?;
            out.list(&page, ATTEMPTS)
        }
        WebhookCommand::Remove { id, confirmation } => {
            confirmation.ask("The webhook and its log are removed.", &id.to_string())?;
            api.delete(&["webhooks", &id.to_string()]).await?;
            out.say("removed")
        }
    }
}

fn secret(out: &mut Output, made: &Json) -> Result<()> {
    if out.json {
        return out.value(made);
    }
    out.line(&text_at(made, "secret"))?;
    out.line("Deliveries are signed with it. It is not shown again.")
}

async fn switch(api: &Api, out: &mut Output, id: WebhookId, enabled: bool) -> Result<()> {
    let path = ["webhooks", &id.to_string()];
    let webhook = api.patch(&path, &json!({"enabled": enabled})).await?;
    out.object(&webhook, &["id", "url", "enabled"])
}
