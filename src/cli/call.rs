//! `hearback call …`: what becomes of a call by an operator's decision.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{BusinessId, CallKey, CallSid};
use actors::ports::{Custody, Order, OrderOutcome, Vault};
use anyhow::Context;
use clap::{Args, Subcommand};
use tokio::time::{Instant, sleep};

use crate::app::Foundation;
use crate::config::Config;
use crate::telemetry;
use crate::vault::owner::VaultOwner;
use crate::world::SystemClock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Erase a call: its recordings, keys, numbers and times. Only its name stays, so that nothing brings it back.
    ///
    /// A running service does it within 5 seconds; where none runs it is done at once. Nothing is deleted at Twilio.
    /// Backups keep what they hold.
    Erase {
        #[command(flatten)]
        which: Which,
        /// Say that it is meant: it cannot be undone.
        #[arg(long)]
        yes: bool,
    },
    /// Keep a call's recordings whatever the retention says, and refuse to erase it. Noticed within 5 seconds.
    Hold(Which),
    /// End a legal hold. What is past its retention by then is deleted within a minute.
    Release(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    #[arg(long, value_name = "ID")]
    business: BusinessId,
    /// Any leg names the whole call.
    #[arg(value_name = "CA…")]
    call: CallSid,
}

/// How long `erase` waits for the running service.
const ERASED_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(100);

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let foundation = Foundation::at(config, Arc::new(SystemClock)).await?;
    let now = foundation.clock.now();
    match command {
        Command::Erase { which, yes } => {
            anyhow::ensure!(yes, "erasing cannot be undone; say --yes if it is meant");
            let sid = which.call;
            erase(config, &foundation, which.key()).await?;
            println!("call {sid} erased");
        }
        Command::Hold(which) => {
            let sid = which.call;
            foundation.catalog.set_hold(&which.key(), true, now).await?;
            println!("call {sid} is under legal hold");
        }
        Command::Release(which) => {
            let sid = which.call;
            foundation.catalog.set_hold(&which.key(), false, now).await?;
            println!("call {sid} is under legal hold no longer");
        }
    }
    foundation.catalog.close().await;
    Ok(())
}

impl Which {
    fn key(self) -> CallKey {
        CallKey { business: self.business, call: self.call }
    }
}

async fn erase(config: &Config, foundation: &Foundation, call: CallKey) -> anyhow::Result<()> {
    foundation.recognise_vault(&config.vault_dir()).await?;
    match VaultOwner::take(&config.vault_dir()) {
        Ok(owner) => erase_here(config, foundation, owner, &call).await,
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => order(foundation, call).await,
        Err(error) => Err(error).context("vault.dir"),
    }
}

async fn erase_here(
    config: &Config,
    foundation: &Foundation,
    owner: VaultOwner,
    call: &CallKey,
) -> anyhow::Result<()> {
    let vault = foundation.vault(config, Some(owner));
    for (audio, id) in foundation.catalog.erase(call, foundation.clock.now()).await? {
        vault.discard(&audio, id).await?;
    }
    Ok(())
}

/// The service that owns the vault does it.
async fn order(foundation: &Foundation, call: CallKey) -> anyhow::Result<()> {
    let (catalog, now) = (&foundation.catalog, foundation.clock.now());
    let id = catalog.place_order(&Order::Erase(call), now).await?;
    let ordered = Instant::now();
    while ordered.elapsed() < ERASED_WITHIN {
        match catalog.order_outcome(id).await? {
            Some(OrderOutcome::Done) => return Ok(()),
            Some(OrderOutcome::Refused(why)) => anyhow::bail!("{why}"),
            None => sleep(ASK_AGAIN).await,
        }
    }
    anyhow::bail!(
        "it is not erased after {} s; the order stays, and is done as soon as the service that owns vault.dir can",
        ERASED_WITHIN.as_secs(),
    )
}
