//! The commands, one file each.

mod backup;
mod business;
mod call;
mod demo;
mod doctor;
mod health;
mod import;
mod migrate;
mod progress;
mod serve;
mod simulate_twilio;
mod span;
mod token;
mod vault;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::server::Inherited;

/// Plays back Twilio call recordings in the browser, at once and in private.
#[derive(Debug, Parser)]
#[command(name = "hearback", version, propagate_version = true)]
pub struct Cli {
    /// Settings that override the defaults; HEARBACK_SECTION__KEY variables override both.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve,
    /// Ask the running service whether it is ready: 0 if it is. For health checks.
    Health(health::Options),
    /// Run the service on a simulated Twilio with a few calls: no account needed.
    Demo(demo::Options),
    /// Run a Twilio one can play with: real HTTP, signed webhooks, faults on demand. Beside it, at /v1, an
    /// OpenAI-compatible provider that can transcribe and summarise its calls.
    SimulateTwilio(simulate_twilio::Options),
    /// Look the deployment over: what is wrong with it, how that shows, and what to do about it.
    ///
    /// Configuration, database, keys, vault, clock, Twilio, speech service, language model; and the way in: the newest
    /// recording is played through the public URL, and what a proxy drops, limits or changes is named.
    Doctor(doctor::Options),
    /// Bring the database up to date. `serve` does it too.
    Migrate,
    /// Copy database and vault of a service, running or not, into a folder from which it can be restored.
    Backup(backup::Options),
    /// Take in what Twilio recorded before anybody told this service. Works beside a running service.
    Import(import::Options),
    /// Add businesses and their Twilio credentials.
    #[command(subcommand)]
    Business(business::Command),
    /// Erase calls, and hold those that must be kept.
    #[command(subcommand)]
    Call(call::Command),
    /// Check the vault, and exchange its master key.
    #[command(subcommand)]
    Vault(vault::Command),
    /// See to verified webhooks that fit no business.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Make tokens to try things with.
    #[command(subcommand)]
    Token(token::Command),
}

impl Cli {
    /// `inherited` is what `serve` listens on, if there is such a socket.
    pub async fn run(self, inherited: Inherited) -> anyhow::Result<ExitCode> {
        let config = || Config::load(self.config.as_deref());
        match self.command {
            // It says itself how it ends.
            Command::Doctor(options) => {
                return Ok(doctor::run(self.config.as_deref(), &options).await);
            }
            Command::Serve => serve::run(&config()?, inherited).await,
            Command::Health(options) => health::run(&config()?, &options).await,
            Command::Demo(options) => demo::run(&options).await,
            Command::SimulateTwilio(options) => simulate_twilio::run(options).await,
            Command::Migrate => migrate::run(&config()?).await,
            Command::Backup(options) => backup::run(&config()?, options).await,
            Command::Import(options) => import::run(&config()?, options).await,
            Command::Business(command) => business::run(&config()?, command).await,
            Command::Call(command) => call::run(&config()?, command).await,
            Command::Vault(command) => vault::run(&config()?, command).await,
            Command::Webhook(command) => webhook::run(&config()?, command).await,
            Command::Token(command) => token::run(&config()?, &command),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
