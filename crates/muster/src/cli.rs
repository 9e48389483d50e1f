//! The command line.

mod certificate;
mod client;
mod command;
mod configuration;
mod confirm;
mod declaration;
mod device;
mod enrollment;
pub mod exit;
pub mod installation;
mod journal;
mod journal_file;
mod local;
mod order;
pub mod output;
mod parameters;
mod secret;
mod token;
mod unit;
mod until;
mod webhook;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::{
    client::{Api, Connection},
    confirm::Confirmation,
    exit::Result,
    output::Output,
};
use crate::config::{Config, ConfigError};

/// Muster manages an organisation's devices.
#[derive(Debug, Parser)]
#[command(name = "muster", version, about, max_term_width = 100, after_help = exit::EXPLAINED)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands share.
#[derive(Debug, Args)]
pub struct Global {
    /// Configuration file of this machine's installation [default: muster.toml here or in /etc/muster]
    #[arg(long, env = "MUSTER_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Which server to talk to.
    #[command(flatten)]
    pub connection: Connection,
}

/// Options of the demonstration
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// How many simulated devices enrol
    #[arg(long, default_value_t = 200)]
    pub devices: usize,
    /// Port on loopback; any free one if left out
    #[arg(long)]
    pub port: Option<u16>,
    /// Keep the data in this folder instead of a throw-away one
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    #[command(next_help_heading = "Server")]
    Serve,
    /// Run a server with simulated devices on this machine, to look around
    Demo(DemoOptions),
    /// Measure speed and size of a server on this machine
    #[command(hide = true)]
    Bench(crate::bench::BenchOptions),
    /// Look at the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Print a new link that signs an administrator in, once
    #[command(visible_alias = "init")]
    Link {
        /// Which administrator, when there are several
        #[arg(long)]
        name: Option<String>,
    },
    /// Copy everything into a file while the server runs
    Backup {
        /// The file to write
        file: PathBuf,
        /// Write a form that restores into SQLite and PostgreSQL alike
        #[arg(long)]
        portable: bool,
    },
    /// Fill an empty database from a backup
    Restore {
        /// The backup
        file: PathBuf,
        /// Whether to ask.
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Look for damage in the database and the journal
    Check,
    /// The certificate that lets Muster wake Apple devices: with --url the server's, otherwise that of this machine's installation
    #[command(subcommand, visible_alias = "push")]
    PushCertificate(local::PushCommand),
    /// Muster's own certificate authority
    #[command(subcommand)]
    Ca(local::CaCommand),
    /// What happened, and proving it
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Print the description of the admin API (OpenAPI 3.1)
    Openapi,
    /// Devices
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Commands that were sent, and what can be sent
    #[command(subcommand)]
    Command(command::CommandCommand),
    /// API tokens
    #[command(subcommand, visible_alias = "api-token")]
    Token(token::TokenCommand),
    /// How devices come in
    #[command(subcommand)]
    Enrollment(enrollment::EnrollmentCommand),
    /// Declarations of declarative management
    #[command(subcommand)]
    Declaration(declaration::DeclarationCommand),
    /// Deliveries of the journal to other systems
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Escrowed secrets of devices
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// The organisation tree
    #[command(subcommand)]
    Unit(unit::UnitCommand),
    /// Certificates that were issued to devices
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// Print whom the API token belongs to and what it may do
    Whoami,
}

/// What the command line cannot do by itself: the whole program at work.
pub trait Program {
    /// Runs the server until it is told to stop.
    fn serve(&self, config: Config) -> impl Future<Output = anyhow::Result<()>>;
    /// Runs the demonstration until it is told to stop.
    fn demo(&self, options: DemoOptions) -> impl Future<Output = anyhow::Result<()>>;
    /// The description of the admin API.
    fn openapi(&self) -> String;
}

/// Runs a command, and tells the person why when it was not done.
///
/// # Errors
/// Why it was not done; [`exit::Failure::exit_code`] is for the operating system.
pub async fn run(cli: Cli, program: &impl Program) -> Result<()> {
    let json = cli.global.json;
    let mut out = Output::stdout(json);
    let done = dispatch(cli, program, &mut out).await;
    if let Err(failure) = &done {
        // Nobody is left to tell when even this cannot be written.
        let _ = failure.write_to(&mut std::io::stderr(), json);
    }
    done
}

async fn dispatch(cli: Cli, program: &impl Program, out: &mut Output) -> Result<()> {
    let Global {
        config,
        connection,
        json: _,
    } = cli.global;
    let load = || Config::load(config.as_deref(), std::env::vars());
    let configured = || -> Result<Config, ConfigError> { load() };
    let api = || Api::connect(&connection);
    let remote = connection.url.is_some();
    match cli.command {
        Command::Serve => Ok(program.serve(configured()?).await?),
        Command::Demo(options) => Ok(program.demo(options).await?),
        Command::Bench(options) => Ok(crate::bench::run(options).await?),
        Command::Config(command) => configuration::run(&command, load, out),
        Command::Link { name } => local::link(&configured()?, name.as_deref(), out).await,
        Command::Backup { file, portable } => {
            local::backup(&configured()?, &file, portable, out).await
        }
        Command::Restore { file, confirmation } => {
            local::restore(&configured()?, &file, &confirmation, out).await
        }
        Command::Check => local::check(&configured()?, out).await,
        Command::PushCertificate(command) if remote => {
            local::remote_push(command, &api()?, out).await
        }
        Command::PushCertificate(command) => local::push(command, &configured()?, out).await,
        Command::Ca(command) => local::ca(command, &configured()?, out).await,
        Command::Openapi => out.write(program.openapi().as_bytes()),
        Command::Journal(command) => match command {
            journal::JournalCommand::List(list) => journal::list(list, &api()?, out).await,
            journal::JournalCommand::Tail(which) => journal::tail(which, &api()?, out).await,
            journal::JournalCommand::Export { file, .. } if remote => {
                journal::download(&file, &api()?, out).await
            }
            journal::JournalCommand::Export { file, after } => {
                journal::export(&file, after, &configured()?, out).await
            }
            journal::JournalCommand::Verify { file, key } => {
                journal::verify(&file, key.as_deref(), out)
            }
        },
        Command::Device(command) => device::run(command, &api()?, out).await,
        Command::Command(command::CommandCommand::Types) => command::types(out),
        Command::Command(command) => command::run(command, &api()?, out).await,
        Command::Token(command) => token::run(command, &api()?, out).await,
        Command::Enrollment(command) => enrollment::run(command, &api()?, out).await,
        Command::Declaration(command) => declaration::run(command, &api()?, out).await,
        Command::Webhook(command) => webhook::run(command, &api()?, out).await,
        Command::Unit(command) => unit::run(command, &api()?, out).await,
        Command::Secret(command) => secret::run(command, &api()?, out).await,
        Command::Certificate(command) => certificate::run(command, &api()?, out).await,
        Command::Whoami => {
            let me = api()?.get(&["me"], &[]).await?;
            out.object(&me, &["actor", "scopes"])
        }
    }
}

#[cfg(test)]
mod against_server;

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
    }

    #[test]
    fn the_tree_is_sound_and_explains_its_exit_codes() {
        Cli::command().debug_assert();
        let help = Cli::command().render_help().to_string();
        assert!(help.contains("5  not possible now"), "{help}");
    }

    #[test]
    fn every_command_of_the_guides_is_understood() {
        const ID: &str = "018f0000-0000-7000-8000-000000000000";
        for line in [
            "muster serve --config /etc/muster/muster.toml",
            "muster demo --devices 1000",
            "muster config check",
            "muster config example",
            "muster link",
            "muster init --name Ada",
            "muster backup --config /etc/muster/muster.toml /var/backups/muster/monday.db",
            "muster restore /var/backups/muster/monday.db --yes",
            "muster check --json",
            "muster push-certificate request",
            "muster push csr",
            "muster push import certificate.pem",
            "muster push-certificate show",
            "muster ca export issuing",
            "muster journal verify export.jsonl --key key.pem",
            "muster journal export export.jsonl",
            "muster journal list --kind command. --limit 5",
            "muster openapi",
            "muster device list --search lost --platform ios --state enrolled --ownership personal --all --json",
            "muster --url https://mdm.example.org device show C02XYZ",
            "muster device lock C02XYZ --reason lost --pin @pin --yes --wait",
            "muster device wipe C02XYZ --reason stolen",
            "muster device command C02XYZ restart_device notify_user=true",
            "muster command types",
            "muster token create --name x --scope devices:read,devices:lock --expires 30d",
            "muster api-token list",
            "muster enrollment token create --name x --ownership corporate --platform ios,ipados --uses 5",
            "muster declaration assign com.example.a --device C02XYZ --device C02ABC",
            "muster webhook add https://hooks.example.org/ --kind device.",
            "muster secret list C02XYZ",
            "muster unit list",
            "muster unit add Field",
            "muster ca root-offline /media/safe/root.pem",
            "muster device list --sort -last_seen",
            "muster certificate list C02XYZ",
            "muster whoami",
        ] {
            assert!(
                parse(line).is_ok(),
                "{line}: {:?}",
                Cli::try_parse_from(line.split_whitespace())
            );
        }
        for line in [
            "command show",
            "command cancel",
            "token revoke",
            "webhook remove",
            "webhook deliveries",
        ] {
            assert!(parse(&format!("muster {line} {ID}")).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_before_anything_happens() {
        for (line, kind) in [
            (
                "muster device wipe C02XYZ",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "muster device lock C02XYZ",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "muster secret reveal 018f0000-0000-7000-8000-000000000000",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "muster token create --name x",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "muster token create --name x --scope everything",
                ErrorKind::ValueValidation,
            ),
            ("muster device list --limit 501", ErrorKind::ValueValidation),
            (
                "muster device list --platform symbian",
                ErrorKind::ValueValidation,
            ),
            ("muster command show C02XYZ", ErrorKind::ValueValidation),
            (
                "muster enrollment token create --name x --ownership mine",
                ErrorKind::ValueValidation,
            ),
            (
                "muster declaration assign a --device x --everybody",
                ErrorKind::ArgumentConflict,
            ),
            (
                "muster webhook replay 018f0000-0000-7000-8000-000000000000",
                ErrorKind::MissingRequiredArgument,
            ),
            ("muster erase everything", ErrorKind::InvalidSubcommand),
            ("muster serve --unknown", ErrorKind::UnknownArgument),
        ] {
            assert_eq!(parse(line).err(), Some(kind), "{line}");
        }
    }

    #[test]
    fn a_token_cannot_be_given_where_other_users_see_it() {
        assert_eq!(
            parse("muster --token muster_x device list").err(),
            Some(ErrorKind::UnknownArgument)
        );
    }
}
