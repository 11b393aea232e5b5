//! `hearback backup`: a service that can be restored, taken while it runs.
//!
//! Most copies are taken over before the snapshot is made, so that between it and the last of its copies there is
//! little time in which one of them could be evicted, expire, or be erased. If one is, another snapshot is made, which
//! knows of that; and where they go on going, the last one is told.
//!
//! Invariant: what the snapshot says is present is in the backup, but for what the vault itself has lost.

mod folder;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::domain::Timestamp;
use actors::ports::{Catalog, Custody, PresentCopy, Vault, VaultError};
use anyhow::{Context, ensure};
use clap::Args;
use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::time::Instant;

use self::folder::{BackupFolder, Secret};
use crate::app::Foundation;
use crate::catalog::SqliteCatalog;
use crate::cli::progress::Progress;
use crate::config::{Config, auth_secret};
use crate::telemetry;
use crate::vault::keys::MasterKey;
use crate::vault::local::LocalVault;
use crate::vault::owner::VaultOwner;
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Folder of the backup: one that does not exist, an empty one, or that of an earlier backup, which is brought up
    /// to date. Restored by being copied to data.dir of a service.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Keep the master key and the signing secret in it too. Whoever has it can then listen to everything.
    #[arg(long)]
    with_keys: bool,
    /// Print what was done as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Copies that are listed at a time.
const PAGE: u32 = 256;
/// Copies that are taken over at a time: each waits for the disk to have it.
const AT_ONCE: usize = 4;
const SNAPSHOTS_MAX: usize = 3;
const LEFTOVERS_PAGE: usize = 1_000;
/// As the service names them in `data.dir`.
const SECRETS: [&str; 2] = ["master.key", "auth.secret"];

pub(super) async fn run(config: &Config, options: Options) -> anyhow::Result<()> {
    telemetry::start(&config.log)?;
    let began = Instant::now();
    let foundation = Foundation::at(config, Arc::new(SystemClock)).await?;
    foundation.recognise_vault(&config.vault_dir()).await?;
    let folder = BackupFolder::take(&options.folder, config)?;
    let theirs = folder.settings(config);
    let owner = VaultOwner::take(&theirs.vault_dir()).context("the backup's folder")?;
    // It belongs to the snapshot that is made now, and that knows no vault.
    owner.say("").context("the backup's folder")?;
    refuse_another(&foundation, &folder).await?;
    let mut backup = Backup {
        from: foundation.vault(config, None),
        to: foundation.vault(&theirs, Some(owner)),
        progress: Progress::start(),
        done: Done::default(),
        foundation,
        folder,
    };
    let made = backup.make(config, options.with_keys).await;
    backup.progress.clear();
    made?;
    backup.foundation.catalog.close().await;
    if options.json {
        backup.tell_programs(began);
    } else {
        backup.tell_people(config);
    }
    let lost = backup.done.lost.len();
    ensure!(
        lost == 0,
        "{lost} copies are missing or damaged in the vault and in no backup here: hearback vault check says more"
    );
    Ok(())
}

/// An empty database that took the place of a lost one must not empty the backup too.
async fn refuse_another(foundation: &Foundation, folder: &BackupFolder) -> anyhow::Result<()> {
    let Some(snapshot) = folder.snapshot() else { return Ok(()) };
    let earlier = SqliteCatalog::open_file(&snapshot).await?;
    let (theirs, ours) = (earlier.born_at().await?, foundation.catalog.born_at().await?);
    earlier.close().await;
    ensure!(
        theirs == ours,
        "{} is the backup of another database, made {theirs} and not {ours}: restore it, or name another folder",
        folder.path().display(),
    );
    Ok(())
}

#[derive(Default)]
struct Done {
    /// What the snapshot names.
    copies: u64,
    bytes: u64,
    /// What of it had to be brought.
    copied: u64,
    copied_bytes: u64,
    removed: u64,
    /// Recordings whose copies the vault has lost.
    lost: Vec<String>,
    with_keys: bool,
    /// Secrets of an earlier backup were removed.
    forgot_keys: bool,
}

struct Backup {
    foundation: Foundation,
    folder: BackupFolder,
    from: LocalVault,
    to: LocalVault,
    progress: Progress,
    done: Done,
}

impl Backup {
    async fn make(&mut self, config: &Config, with_keys: bool) -> anyhow::Result<()> {
        let live = Arc::clone(&self.foundation.catalog);
        self.bring(&live).await?;
        self.snapshot().await?;
        let secrets = if with_keys { self.secrets(config).await? } else { Vec::new() };
        let published = self.folder.publish(&secrets).context("the snapshot")?;
        self.done.with_keys = with_keys;
        if !with_keys {
            self.done.forgot_keys = self.folder.forget_secrets(&SECRETS)?;
        }
        self.clear_out(&published).await
    }

    /// Makes a snapshot with all copies that it names, and does not publish it.
    async fn snapshot(&mut self) -> anyhow::Result<()> {
        for left in (0..SNAPSHOTS_MAX).rev() {
            let file = self.folder.empty_place()?;
            self.foundation.catalog.snapshot(&file).await.context("making a snapshot")?;
            let snapshot = SqliteCatalog::open_file(&file).await?;
            snapshot.forget_vault().await?;
            let gone = self.bring(&snapshot).await?;
            let used = snapshot.vault_use().await?;
            (self.done.copies, self.done.bytes) = (used.copies, used.bytes);
            let mut settled = true;
            self.done.lost.clear();
            for PresentCopy { audio, copy, .. } in gone {
                if self.foundation.catalog.is_held(&audio, copy.id).await? {
                    self.done.lost.push(audio.recording.to_string());
                } else if left == 0 {
                    snapshot.withdraw_copy(&audio, copy.id).await?;
                    self.done.copies -= 1;
                    self.done.bytes -= copy.length;
                } else {
                    settled = false;
                }
            }
            snapshot.close().await;
            if settled {
                break;
            }
        }
        Ok(())
    }

    /// Takes over what a catalog says is present, and returns what could not be had.
    async fn bring(&mut self, catalog: &SqliteCatalog) -> anyhow::Result<Vec<PresentCopy>> {
        let (mut after, mut gone) = (None, Vec::new());
        loop {
            let page = catalog.present_copies(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(gone) };
            after = Some(last.audio.recording);
            let (from, to) = (&self.from, &self.to);
            let taking = stream::iter(page).map(|present| async move {
                (to.take_over(from, &present.audio, &present.copy).await, present)
            });
            let mut taken = taking.buffer_unordered(AT_ONCE);
            while let Some((outcome, present)) = taken.next().await {
                match outcome {
                    Ok(bytes) => {
                        self.done.copied += u64::from(bytes > 0);
                        self.done.copied_bytes += bytes;
                    }
                    Err(VaultError::Missing | VaultError::Damaged { .. }) => gone.push(present),
                    Err(error) => return Err(error.into()),
                }
                let Done { copied, copied_bytes, .. } = self.done;
                self.progress.show(|| format!("{copied} copies taken over, {copied_bytes} bytes"));
            }
        }
    }

    /// As files that a service finds in its `data.dir`, wherever this one has them from. The master key is the one of
    /// the snapshot: it may have been exchanged meanwhile.
    async fn secrets(&self, config: &Config) -> anyhow::Result<Vec<Secret>> {
        let file = config.master_key_file();
        let master = match config.makes_master_key() {
            true => std::fs::read_to_string(&file).context("the master key")?.into(),
            false => config.vault.master_key.clone(),
        };
        let snapshot = SqliteCatalog::open_file(&self.folder.snapshot_to_follow()).await?;
        let fits = MasterKey::load_or_make(Some(master.clone()), &file, &snapshot).await;
        snapshot.close().await;
        fits.context("the master key was exchanged meanwhile; make the backup again")?;
        let [key, secret] = SECRETS;
        Ok(vec![
            Secret { file: key, text: master },
            Secret { file: secret, text: auth_secret(config)? },
        ])
    }

    /// What the snapshot does not name was evicted, expired or erased since it was taken over.
    async fn clear_out(&mut self, snapshot: &Path) -> anyhow::Result<()> {
        let snapshot = SqliteCatalog::open_file(snapshot).await?;
        loop {
            let ever = Timestamp::from_millis(i64::MAX);
            let found = self.to.leftovers(ever, LEFTOVERS_PAGE).await?;
            let full = found.len() == LEFTOVERS_PAGE;
            for file in found {
                if file.unfinished || !snapshot.is_held(&file.key, file.id).await? {
                    self.to.discard(&file.key, file.id).await?;
                    self.done.removed += 1;
                }
            }
            if !full {
                break;
            }
        }
        snapshot.close().await;
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn tell_programs(&self, began: Instant) {
        let Done { copies, bytes, copied, copied_bytes, removed, lost, with_keys, .. } = &self.done;
        let told = json!({
            "folder": self.folder.path(), "copies": copies, "bytes": bytes,
            "copied": copied, "copied_bytes": copied_bytes, "removed": removed,
            "lost": lost, "with_keys": with_keys,
            "seconds": began.elapsed().as_secs_f64(),
        });
        println!("{told}");
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn tell_people(&self, config: &Config) {
        let Done { copies, bytes, copied, removed, lost, with_keys, forgot_keys, .. } = &self.done;
        for recording in lost {
            println!("{recording}\tits copy is missing or damaged in the vault");
        }
        let folder = self.folder.path().display();
        println!(
            "{copies} copies, {bytes} bytes of audio, in {folder}: {copied} new, {removed} removed"
        );
        if *with_keys {
            println!("the keys are in it: whoever has it can listen to everything");
            return;
        }
        if *forgot_keys {
            println!("the keys that an earlier backup kept are removed from it");
        }
        let [master, secret] = keepers(config);
        println!(
            "no keys are in it. Keep them elsewhere: without {master} nobody can read this backup,"
        );
        println!("and without {secret} tokens and links that are in use end");
    }
}

/// Where the secrets are that a backup without them needs.
fn keepers(config: &Config) -> [String; 2] {
    let file = |file: PathBuf| file.display().to_string();
    let master = match config.makes_master_key() {
        true => file(config.master_key_file()),
        false => "the setting vault.master_key".to_owned(),
    };
    let secret = match config.auth.secret.expose_secret().is_empty() {
        true => file(config.data.dir.join("auth.secret")),
        false => "the setting auth.secret".to_owned(),
    };
    [master, secret]
}
