//! `muster certificate`: certificates that were issued to devices.

use clap::Subcommand;
use serde_json::json;

use super::{
    client::Api,
    confirm::Confirmation,
    device,
    exit::Result,
    output::{Column, Output},
};

/// Certificates of devices
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// List the certificates that were issued to a device, newest first
    List {
        /// The device's id or serial number
        device: String,
    },
    /// Revoke a certificate; a device that shows it from now on is refused
    Revoke {
        /// SHA-256 of the certificate, 64 hexadecimal digits
        sha256: String,
        /// Why; kept in the journal
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

const COLUMNS: &[Column] = &[
    Column("Serial number", "serial"),
    Column("Subject", "subject"),
    Column("Expires", "not_after"),
    Column("Revoked", "revoked_at"),
    Column("Replaced", "superseded_at"),
    Column("SHA-256", "sha256"),
];

/// Runs one.
///
/// # Errors
/// What the server says.
pub(super) async fn run(command: CertificateCommand, api: &Api, out: &mut Output) -> Result<()> {
    match command {
        CertificateCommand::List { device } => {
            let id = device::id_of(&device::find(api, &device).await?)?;
            let page = api.get(&["certificates"], &[("device", id)]).await?;
            out.list(&page, COLUMNS)
        }
        CertificateCommand::Revoke {
            sha256,
            reason,
            confirmation,
        } => {
            confirmation.ask("The device with this certificate is shut out.", "revoke")?;
            let path = ["certificates", &sha256, "revoke"];
            api.post(&path, &json!({"reason": reason})).await?;
            out.say("revoked")
        }
    }
}
