//! The `muster` binary.

use std::process::ExitCode;

use clap::Parser as _;
use muster::{
    cli::{self, Cli, DemoOptions, Program},
    config::{Config, Logging},
    demo, logging, serve,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli::run(cli, &Whole).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit_code(),
    }
}

/// The whole program at work.
struct Whole;

impl Program for Whole {
    async fn serve(&self, config: Config) -> anyhow::Result<()> {
        logging::start(&config.logging)?;
        serve::serve(&config).await
    }

    async fn demo(&self, options: DemoOptions) -> anyhow::Result<()> {
        logging::start(&Logging {
            level: "warn".into(),
            ..Logging::default()
        })?;
        demo::run(options).await
    }

    fn openapi(&self) -> String {
        server::api::openapi_json()
    }
}
