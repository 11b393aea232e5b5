//! Writing a copy: unfinished under one name, durable under the other, or gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use actors::domain::{AudioKey, CopyId, Version};
use actors::ports::{VaultError, VaultWriter};
use async_trait::async_trait;
use bytes::Bytes;

use super::folder::VaultFolder;
use crate::vault::cipher::{Cipher, random};
use crate::vault::disk::{Doing, FILE_MODE, blocking, sync_folder};
use crate::vault::owner::VaultOwner;
use crate::vault::segments::{SEGMENT_BYTES, Sealer};

/// So many bytes are gathered before a thread is asked to seal and write them.
const BATCH_BYTES: usize = 4 * SEGMENT_BYTES as usize;

/// Moves its file to a blocking thread for each batch and takes it back afterwards. A caller that goes
/// away in between leaves the file with that thread, which then removes it.
pub(super) struct LocalWriter {
    /// `None` once something failed: what is half written is never continued.
    part: Option<Part>,
    batch: Vec<u8>,
}

impl LocalWriter {
    pub(super) const fn new(part: Part) -> Self {
        Self { part: Some(part), batch: Vec::new() }
    }

    fn take_part(&mut self) -> Result<Part, VaultError> {
        let failed = || io::Error::other("an earlier write failed or was given up");
        self.part.take().ok_or_else(failed).doing("writing a copy")
    }
}

#[async_trait]
impl VaultWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        self.batch.extend_from_slice(&bytes);
        if self.batch.len() < BATCH_BYTES {
            return Ok(());
        }
        let mut part = self.take_part()?;
        let mut batch = std::mem::take(&mut self.batch);
        let (part, batch) = blocking(move || {
            part.append(&batch)?;
            batch.clear();
            Ok((part, batch))
        })
        .await?;
        self.part = Some(part);
        self.batch = batch;
        Ok(())
    }

    async fn seal(mut self: Box<Self>) -> Result<(), VaultError> {
        let mut part = self.take_part()?;
        let batch = std::mem::take(&mut self.batch);
        blocking(move || {
            part.append(&batch)?;
            part.seal()
        })
        .await
    }
}

/// A file on its way.
pub(super) struct Part {
    file: File,
    sealer: Sealer,
    sealed: Vec<u8>,
    name: UnsealedName,
    destination: PathBuf,
    business: PathBuf,
    /// Keeps the vault ours for as long as something is written to it.
    _owner: Arc<VaultOwner>,
}

impl Part {
    pub(super) fn create(
        folder: &VaultFolder,
        cipher: Cipher,
        key: &AudioKey,
        version: Version,
        id: CopyId,
    ) -> Result<Self, VaultError> {
        let owner = folder.owner().doing("creating a copy")?;
        owner.confirm().doing("creating a copy")?;
        folder.create_for(&key.business).doing("creating a business's folder")?;
        let path = folder.unfinished_copy(key, id);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        let file = options.open(&path).doing("creating a copy")?;
        let sealer = Sealer::new(cipher, key, version, SEGMENT_BYTES, random());
        let mut part = Self {
            file,
            name: UnsealedName(Some(path)),
            destination: folder.sealed_copy(key, id),
            business: folder.of_business(&key.business),
            sealed: Vec::new(),
            sealer,
            _owner: owner,
        };
        part.file.write_all(&part.sealer.header()).doing("writing a copy")?;
        Ok(part)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.sealed.clear();
        self.sealer.push(bytes, &mut self.sealed);
        self.file.write_all(&self.sealed).doing("writing a copy")
    }

    /// Makes the file durable, then its name. Neither sync is tried twice: after a failed one the kernel
    /// may call pages clean that never reached the disk.
    fn seal(mut self) -> Result<(), VaultError> {
        self.sealed.clear();
        self.sealer.finish(&mut self.sealed);
        self.file.write_all(&self.sealed).doing("writing a copy")?;
        self.file.sync_all().doing("syncing a copy")?;
        self.name.rename(self.destination).doing("naming a copy")?;
        sync_folder(&self.business).doing("syncing a copy's name")?;
        self.name.keep();
        Ok(())
    }
}

/// A name that goes away with this, unless it is kept.
struct UnsealedName(Option<PathBuf>);

impl UnsealedName {
    fn rename(&mut self, to: PathBuf) -> io::Result<()> {
        if let Some(name) = &mut self.0 {
            fs::rename(&name, &to)?;
            *name = to;
        }
        Ok(())
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for UnsealedName {
    /// Unlinks at once, on whichever thread: nobody may find the file once its writer is gone.
    fn drop(&mut self) {
        let Some(name) = &self.0 else { return };
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = %name.display(), "an unsealed copy stays behind");
            }
            Ok(()) | Err(_) => {}
        }
    }
}
