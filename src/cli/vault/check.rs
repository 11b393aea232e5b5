//! `hearback vault check`: every copy, read to its end.

use std::io;
use std::sync::Arc;

use actors::domain::Playable;
use actors::ports::{Catalog, Custody, Order, PresentCopy, Vault, VaultError};
use anyhow::Context;

use crate::app::Foundation;
use crate::cli::progress::Progress;
use crate::config::Config;
use crate::vault::local::LocalVault;
use crate::vault::owner::VaultOwner;
use crate::world::SystemClock;

/// Copies that are listed at a time.
const PAGE: u32 = 256;

pub(super) async fn run(config: &Config, repair: bool) -> anyhow::Result<()> {
    let foundation = Foundation::at(config, Arc::new(SystemClock)).await?;
    foundation.recognise_vault(&config.vault_dir()).await?;
    let (repair, owner) = if repair { Repair::begin(config)? } else { (Repair::Nothing, None) };
    let mut check = Check {
        vault: foundation.vault(config, owner),
        progress: Progress::start(),
        found: Found::default(),
        foundation,
        repair,
    };
    let checked = check.all().await;
    check.progress.clear();
    checked?;
    check.sum_up();
    check.foundation.catalog.close().await;
    let Found { damaged, missing, unreadable, .. } = check.found;
    anyhow::ensure!(damaged + missing + unreadable == 0, "not every copy is sound");
    Ok(())
}

/// What is done about copies that are bad.
enum Repair {
    Nothing,
    /// No service runs, and none can until this ends.
    Here,
    /// The service that owns the vault is told.
    ByOrder,
}

impl Repair {
    fn begin(config: &Config) -> anyhow::Result<(Self, Option<VaultOwner>)> {
        match VaultOwner::take(&config.vault_dir()) {
            Ok(owner) => Ok((Self::Here, Some(owner))),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok((Self::ByOrder, None)),
            Err(error) => Err(error).context("vault.dir"),
        }
    }
}

#[derive(Default)]
struct Found {
    copies: u64,
    bytes: u64,
    damaged: u64,
    missing: u64,
    unreadable: u64,
}

struct Check {
    foundation: Foundation,
    vault: LocalVault,
    repair: Repair,
    progress: Progress,
    found: Found,
}

impl Check {
    async fn all(&mut self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let page = self.foundation.catalog.present_copies(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.audio.recording);
            for copy in page {
                self.one(copy).await?;
            }
        }
    }

    async fn one(&mut self, present: PresentCopy) -> anyhow::Result<()> {
        let Found { copies, bytes, .. } = self.found;
        self.progress.show(|| format!("{copies} copies, {bytes} bytes"));
        self.found.copies += 1;
        let Err(error) = self.read(&present).await else {
            self.found.bytes += present.copy.length;
            return Ok(());
        };
        // It may have been evicted, erased or fetched anew since it was listed.
        if !self.foundation.catalog.is_held(&present.audio, present.copy.id).await? {
            self.found.copies -= 1;
            return Ok(());
        }
        match error {
            VaultError::Missing => self.found.missing += 1,
            VaultError::Damaged { .. } => self.found.damaged += 1,
            VaultError::Io { .. } | VaultError::Keys(_) | VaultError::KeysAway(_) => {
                self.found.unreadable += 1;
            }
        }
        let next = self.mend(&present, &error).await?;
        self.say(&format!("{}\t{error}; {next}", present.audio.recording));
        Ok(())
    }

    async fn read(&self, present: &PresentCopy) -> Result<(), VaultError> {
        let PresentCopy { audio, copy, .. } = present;
        let playable = Playable { key: audio.clone(), copy: copy.clone() };
        self.vault.verify(&playable).await
    }

    /// Does what is to be done about a bad copy, and says what happens next.
    async fn mend(
        &self,
        present: &PresentCopy,
        error: &VaultError,
    ) -> anyhow::Result<&'static str> {
        if !error.is_damage() {
            return Ok("it is left as it is");
        }
        if present.status.gone().is_some() {
            return Ok("Twilio no longer has it: restore the vault's files from a backup");
        }
        let PresentCopy { call, audio, copy, .. } = present;
        let foundation = &self.foundation;
        match &self.repair {
            Repair::Nothing => Ok("it is fetched again when somebody plays it, or with --repair"),
            Repair::Here => {
                foundation.catalog.withdraw_copy(audio, copy.id).await?;
                self.vault.discard(audio, copy.id).await?;
                Ok("withdrawn: it is fetched again when somebody plays it")
            }
            Repair::ByOrder => {
                let (call, recording) = (call.clone(), audio.recording);
                let order = Order::Mend { call, recording, copy: copy.id };
                foundation.catalog.place_order(&order, foundation.clock.now()).await?;
                Ok("the running service is told, and replaces it")
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn say(&self, line: &str) {
        self.progress.clear();
        println!("{line}");
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn sum_up(&self) {
        let Found { copies, bytes, damaged, missing, unreadable } = self.found;
        println!("the master key is the one that sealed what is here");
        println!(
            "{copies} copies checked, {bytes} bytes sound; {damaged} damaged, {missing} missing, {unreadable} unreadable"
        );
    }
}
