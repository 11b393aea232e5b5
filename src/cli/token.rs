//! `hearback token …`

use std::time::Duration;

use actors::domain::BusinessId;
use actors::ports::Clock;
use clap::Subcommand;

use crate::auth::{Authority, Role};
use crate::cli::span::parse_span;
use crate::config::{Config, auth_secret};
use crate::world::SystemClock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print one token, and nothing else.
    Mint {
        #[arg(long, value_name = "ID")]
        business: BusinessId,
        #[arg(long, value_enum)]
        role: Role,
        /// Seconds, or a number with s, m, h or d.
        #[arg(long, default_value = "1h", value_parser = parse_span)]
        ttl: Duration,
    },
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) fn run(config: &Config, command: &Command) -> anyhow::Result<()> {
    let Command::Mint { business, role, ttl } = command;
    let authority = Authority::new(config, &auth_secret(config)?)?;
    println!("{}", authority.mint(business, *role, SystemClock.now(), *ttl)?);
    Ok(())
}
