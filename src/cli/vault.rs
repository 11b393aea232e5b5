//! `hearback vault …`

mod check;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use secrecy::zeroize::Zeroizing;

use crate::app::Foundation;
use crate::config::Config;
use crate::telemetry;
use crate::vault::keys::MasterKey;
use crate::vault::owner::VaultOwner;
use crate::world::SystemClock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read every copy to its end and compare it with what was stored. Works beside a running service.
    ///
    /// Exits with 1 if a copy is missing or damaged, or the master key is not the one that sealed them.
    Check {
        /// Withdraw what is missing or damaged, so that it is fetched again, where Twilio still has it.
        #[arg(long)]
        repair: bool,
    },
    /// Exchange the master key. The service must be stopped. Recordings are not read or written.
    ///
    /// Backups of the database that were made before need the key that was used before.
    RotateKey {
        /// File with the new key: 32 bytes as 64 hex digits or base64. `openssl rand -hex 32` makes one.
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
}

pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    match command {
        Command::Check { repair } => check::run(config, repair).await,
        Command::RotateKey { new_key_file } => rotate_key(config, &new_key_file).await,
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn rotate_key(config: &Config, file: &Path) -> anyhow::Result<()> {
    let foundation = Foundation::lay(config, Arc::new(SystemClock)).await?;
    foundation.recognise_vault(&config.vault_dir()).await?;
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
    let new = MasterKey::parse(&text).with_context(|| {
        format!(
            "{} holds no key: expected are 64 hex digits, or base64 of 32 bytes",
            file.display()
        )
    })?;
    let owner = VaultOwner::take(&config.vault_dir());
    let _owner = owner.context("the master key is exchanged only while no service runs")?;
    let count = foundation.exchange_master_key(config, &new).await?;
    foundation.catalog.close().await;
    println!("{count} keys and tokens are sealed with the new master key");
    if config.makes_master_key() {
        println!("{} holds it from now on; back it up", config.master_key_file().display());
    } else {
        println!("set HEARBACK_VAULT__MASTER_KEY_FILE={} before the next start", file.display());
    }
    Ok(())
}
