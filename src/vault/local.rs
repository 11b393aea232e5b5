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

mod behind;
mod duplicate;
mod folder;
mod leftovers;
mod reader;
mod reads;
mod sending;
mod tail;
mod writer;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use actors::domain::{AudioKey, ByteRange, CopyId, Playable, Timestamp, Version};
use actors::ports::{AudioStream, SealedAudio, Vault, VaultError, VaultReads, VaultWriter};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::disk::{Doing, blocking, sync_folder, unless};
use super::keys::KeyRing;
use super::memory::Memory;
use super::owner::VaultOwner;
use super::room::Room;
use folder::VaultFolder;
use leftovers::Round;
use reader::DiskReads;
use reads::Reads;
use sending::Sources;
use writer::{LocalWriter, Named, Part};

#[derive(Debug, Clone)]
pub struct LocalVaultConfig {
    /// Created where it does not exist. All of it must lie on one file system.
    pub dir: PathBuf,
    /// How much decrypted audio is kept in memory; 0: none. From 16 MiB on it keeps recordings of any length.
    pub memory_bytes: u64,
}

pub struct LocalVault {
    sources: Sources,
    /// Where the last listing of leftovers stopped.
    round: Arc<Mutex<Option<Round>>>,
}

/// Audio in the clear that listeners may hold although it is not kept, beside as much as is kept.
const LENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl LocalVault {
    /// Takes the folder into possession. Blocks on the disk, as starting a service may. Where another
    /// process owns it the error's kind is `ResourceBusy`.
    pub fn open(config: LocalVaultConfig, keys: Arc<KeyRing>) -> Result<Self, VaultError> {
        let owner = VaultOwner::take(&config.dir).doing("taking possession of the vault")?;
        Ok(Self::owned(config, owner, keys))
    }

    /// The vault of a folder that is ours already.
    pub fn owned(config: LocalVaultConfig, owner: VaultOwner, keys: Arc<KeyRing>) -> Self {
        Self::of(VaultFolder::owned(config.dir, owner), config.memory_bytes, keys)
    }

    /// Only for reading: whoever owns the folder goes on doing so.
    pub fn unowned(config: LocalVaultConfig, keys: Arc<KeyRing>) -> Self {
        Self::of(VaultFolder::unowned(config.dir), config.memory_bytes, keys)
    }

    /// Writes and removes nothing from now on, so that another process may own the folder; whoever is
    /// reading a copy reads on. Nothing is kept in memory any more: nobody would say what is discarded.
    pub fn give_up(&self) {
        self.sources.folder.give_up();
        self.sources.memory.close();
        self.sources.keys.remember_nothing();
    }

    fn of(folder: VaultFolder, memory_bytes: u64, keys: Arc<KeyRing>) -> Self {
        let room = Room::of(memory_bytes.saturating_mul(2).saturating_add(LENT_BYTES_MAX));
        let memory = Memory::of(memory_bytes, room.clone());
        let (folder, reads) = (Arc::new(folder), DiskReads::default());
        let counts = Arc::<Reads>::default();
        let sources = Sources { folder, keys, reads, counts, memory, room };
        Self { sources, round: Arc::default() }
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
        let cipher = self.sources.keys.recording_key(key).await?;
        let (sources, key) = (self.sources.clone(), key.clone());
        let (memory, in_use) = (sources.memory.clone(), sources.memory.using(id));
        let copy = Named { key: key.clone(), version, id, memory, in_use };
        let folder = sources.folder.clone();
        let part = blocking(move || Part::create(&folder, cipher, &key, version, id)).await?;
        Ok(Box::new(LocalWriter::new(part, sources, copy)))
    }

    async fn read(&self, playable: &Playable, range: ByteRange) -> Result<AudioStream, VaultError> {
        if range.first > range.last || range.last >= playable.copy.length {
            return Err(io::Error::from(io::ErrorKind::InvalidInput)).doing("reading past the end");
        }
        match self.at_hand(playable, range) {
            Some(bytes) if bytes.len() as u64 == range.length() => {
                self.sources.counts.note_memory();
                Ok(stream::iter([Ok(bytes)]).boxed())
            }
            Some(_) | None => sending::send(self.sources.clone(), playable, range).await,
        }
    }

    async fn verify(&self, playable: &Playable) -> Result<(), VaultError> {
        sending::verify(self.sources.clone(), playable).await
    }

    fn at_hand(&self, playable: &Playable, range: ByteRange) -> Option<Bytes> {
        self.sources.memory.at_hand(playable, range)
    }

    fn reads(&self) -> VaultReads {
        self.sources.counts.view()
    }

    async fn discard(&self, key: &AudioKey, id: CopyId) -> Result<(), VaultError> {
        let forgetting = self.sources.memory.discarding(id);
        self.sources.keys.forget(key);
        let folder = &self.sources.folder;
        let business = folder.of_business(&key.business);
        let names = [folder.sealed_copy(key, id), folder.unfinished_copy(key, id)];
        let owner = folder.owner().doing("removing a copy")?;
        blocking(move || {
            let _forgetting = forgetting;
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
        let (folder, round) = (self.sources.folder.clone(), self.round.clone());
        blocking(move || {
            let mut round = round.lock().unwrap_or_else(PoisonError::into_inner);
            leftovers::list(&folder, &mut round, older_than, limit).doing("listing the vault")
        })
        .await
    }
}
