//! Sealed copies as files in one folder.
//!
//! ```text
//! {dir}/.owner                                       locked while a service owns the vault
//! {dir}/{business}/{RE…}.{format}.{copy id}          a sealed copy
//! {dir}/{business}/{RE…}.{format}.{copy id}.part     one being written
//! ```
//!
//! Invariant: a file has its final name only once its content is durable, and is announced only once
//! its name is.
//! Invariant: one process owns the folder; nobody else writes or removes in it.

mod folder;
mod leftovers;
mod reader;
mod tail;
mod writer;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use actors::domain::{AudioKey, ByteRange, CopyId, Playable, Timestamp, Version};
use actors::ports::{AudioStream, SealedAudio, Vault, VaultError, VaultWriter};
use async_trait::async_trait;

use super::disk::{Doing, blocking, sync_folder, unless};
use super::keys::KeyRing;
use super::owner::VaultOwner;
use folder::VaultFolder;
use leftovers::Round;
use reader::{DiskReads, Reader};
use writer::{LocalWriter, Part};

#[derive(Debug, Clone)]
pub struct LocalVaultConfig {
    /// Created where it does not exist. All of it must lie on one file system.
    pub dir: PathBuf,
}

pub struct LocalVault {
    folder: Arc<VaultFolder>,
    keys: Arc<KeyRing>,
    reads: DiskReads,
    /// Where the last listing of leftovers stopped.
    round: Arc<Mutex<Option<Round>>>,
}

impl LocalVault {
    /// Takes the folder into possession. Blocks on the disk, as starting a service may. Where another
    /// process owns it the error's kind is `ResourceBusy`.
    pub fn open(config: LocalVaultConfig, keys: Arc<KeyRing>) -> Result<Self, VaultError> {
        let owner = VaultOwner::take(&config.dir).doing("taking possession of the vault")?;
        Ok(Self::owned(config, owner, keys))
    }

    /// The vault of a folder that is ours already.
    pub fn owned(config: LocalVaultConfig, owner: VaultOwner, keys: Arc<KeyRing>) -> Self {
        Self {
            folder: Arc::new(VaultFolder::owned(config.dir, owner)),
            keys,
            reads: DiskReads::default(),
            round: Arc::default(),
        }
    }

    /// Only for reading: whoever owns the folder goes on doing so.
    pub fn unowned(config: LocalVaultConfig, keys: Arc<KeyRing>) -> Self {
        let folder = Arc::new(VaultFolder::unowned(config.dir));
        Self { folder, keys, reads: DiskReads::default(), round: Arc::default() }
    }

    /// Writes and removes nothing from now on, so that another process may own the folder; whoever is
    /// reading a copy reads on.
    pub fn give_up(&self) {
        self.folder.give_up();
    }
}

#[async_trait]
impl Vault for LocalVault {
    async fn begin(
        &self,
        key: &AudioKey,
        version: Version,
        id: CopyId,
    ) -> Result<Box<dyn VaultWriter>, VaultError> {
        let cipher = self.keys.recording_key(key).await?;
        let (folder, key) = (self.folder.clone(), key.clone());
        let part = blocking(move || Part::create(&folder, cipher, &key, version, id)).await?;
        Ok(Box::new(LocalWriter::new(part)))
    }

    async fn read(&self, playable: &Playable, range: ByteRange) -> Result<AudioStream, VaultError> {
        let cipher = self.keys.recording_key(&playable.key).await?;
        let (folder, playable) = (self.folder.clone(), playable.clone());
        let open = move || Reader::open(&folder, cipher, &playable, range);
        reader::stream(self.reads.clone(), open).await
    }

    async fn discard(&self, key: &AudioKey, id: CopyId) -> Result<(), VaultError> {
        let business = self.folder.of_business(&key.business);
        let names = [self.folder.sealed_copy(key, id), self.folder.unfinished_copy(key, id)];
        let owner = self.folder.owner().doing("removing a copy")?;
        blocking(move || {
            owner.confirm().doing("removing a copy")?;
            for name in names {
                unless(io::ErrorKind::NotFound, fs::remove_file(name)).doing("removing a copy")?;
            }
            // Also when nothing was there: whoever removed it may have died before this.
            unless(io::ErrorKind::NotFound, sync_folder(&business)).doing("syncing a removal")
        })
        .await
    }

    /// A full answer (of `limit` files) is continued by the next call, so that a sweep that keeps
    /// what it finds still gets past it; any other answer ends the round.
    async fn leftovers(
        &self,
        older_than: Timestamp,
        limit: usize,
    ) -> Result<Vec<SealedAudio>, VaultError> {
        let (folder, round) = (self.folder.clone(), self.round.clone());
        blocking(move || {
            let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
            leftovers::list(&folder, &mut round, older_than, limit).doing("listing the vault")
        })
        .await
    }
}
