//! Writing a copy: unfinished under one name, durable under the other, or gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use actors::domain::{AudioKey, CopyId, Version};
use actors::ports::{UnsealedCopy, VaultError, VaultWriter};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::behind::Behind;
use super::folder::VaultFolder;
use super::sending::Sources;
use super::tail::TailWriter;
use crate::vault::cipher::{Cipher, random};
use crate::vault::disk::{Doing, FILE_MODE, blocking, ended, sync_folder};
use crate::vault::memory::{InUse, Memory};
use crate::vault::owner::VaultOwner;
use crate::vault::segments::{SEGMENT_BYTES, Sealer};

/// So many bytes are gathered before a thread is asked to seal and write them.
const BATCH_BYTES: usize = 4 * SEGMENT_BYTES as usize;

/// Gives its file to a blocking thread for each batch, and takes it back before the next. The name it keeps, so that
/// the file is gone when it is dropped, whoever is writing to it.
pub(super) struct LocalWriter {
    part: Whereabouts,
    name: UnsealedName,
    batch: Vec<u8>,
    tail: TailWriter,
    copy: Named,
}

/// What is being written, and the memory that it goes to in the end.
pub(super) struct Named {
    pub(super) key: AudioKey,
    pub(super) version: Version,
    pub(super) id: CopyId,
    pub(super) memory: Memory,
    pub(super) in_use: InUse,
}

enum Whereabouts {
    Here(Part),
    Writing(JoinHandle<Result<Part, VaultError>>),
    /// Something failed: what is half written is never continued.
    Lost,
}

impl LocalWriter {
    pub(super) fn new((part, name): (Part, UnsealedName), sources: Sources, copy: Named) -> Self {
        let behind = Behind {
            sources,
            key: copy.key.clone(),
            version: copy.version,
            file: Arc::clone(&part.file),
            header: part.sealer.header(),
            reader: OnceLock::new(),
        };
        let (part, batch) = (Whereabouts::Here(part), Vec::new());
        Self { part, name, batch, tail: TailWriter::new(Some(behind)), copy }
    }
}

impl Whereabouts {
    /// Waits for the batch that is being written.
    async fn here(self) -> Result<Part, VaultError> {
        match self {
            Self::Here(part) => Ok(part),
            Self::Writing(writing) => ended(writing.await),
            Self::Lost => Err(io::Error::other("an earlier write failed or was given up"))
                .doing("writing a copy"),
        }
    }
}

#[async_trait]
impl VaultWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), VaultError> {
        self.batch.extend_from_slice(&bytes);
        self.tail.append(bytes);
        if self.batch.len() >= BATCH_BYTES {
            let part = std::mem::replace(&mut self.part, Whereabouts::Lost);
            let mut part = part.here().await?;
            let (batch, tail) = (std::mem::take(&mut self.batch), self.tail.reader());
            self.part = Whereabouts::Writing(tokio::task::spawn_blocking(move || {
                part.append(&batch)?;
                tail.written(part.sealer.sealed_segments());
                Ok(part)
            }));
        }
        Ok(())
    }

    fn unsealed(&self) -> Arc<dyn UnsealedCopy> {
        self.tail.reader()
    }

    async fn seal(self: Box<Self>) -> Result<(), VaultError> {
        let Self { part, name, batch, tail, copy } = *self;
        let mut part = part.here().await?;
        blocking(move || {
            part.append(&batch)?;
            part.seal(name)
        })
        .await?;
        // Not for whoever gave up meanwhile: nobody would have it forgotten.
        blocking(move || {
            if let Some(audio) = tail.whole() {
                copy.memory.keep_sealed(&copy.key, copy.version, copy.id, &audio);
            }
            drop(copy.in_use);
            Ok(())
        })
        .await
    }
}

/// A file on its way.
pub(super) struct Part {
    file: Arc<File>,
    sealer: Sealer,
    sealed: Vec<u8>,
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
    ) -> Result<(Self, UnsealedName), VaultError> {
        let owner = folder.owner().doing("creating a copy")?;
        owner.confirm().doing("creating a copy")?;
        folder.create_for(&key.business).doing("creating a business's folder")?;
        let path = folder.unfinished_copy(key, id);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        let file = options.open(&path).doing("creating a copy")?;
        let name = UnsealedName(Some(path));
        let sealer = Sealer::new(cipher, key, version, SEGMENT_BYTES, random());
        let mut part = Self {
            file: Arc::new(file),
            destination: folder.sealed_copy(key, id),
            business: folder.of_business(&key.business),
            sealed: Vec::new(),
            sealer,
            _owner: owner,
        };
        part.file.write_all(&part.sealer.header()).doing("writing a copy")?;
        Ok((part, name))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.sealed.clear();
        self.sealer.push(bytes, &mut self.sealed);
        self.file.write_all(&self.sealed).doing("writing a copy")
    }

    /// Makes the file durable, then its name. Neither sync is tried twice: after a failed one the kernel
    /// may call pages clean that never reached the disk.
    fn seal(mut self, mut name: UnsealedName) -> Result<(), VaultError> {
        self.sealed.clear();
        self.sealer.finish(&mut self.sealed);
        self.file.write_all(&self.sealed).doing("writing a copy")?;
        self.file.sync_all().doing("syncing a copy")?;
        name.rename(self.destination).doing("naming a copy")?;
        sync_folder(&self.business).doing("syncing a copy's name")?;
        name.keep();
        Ok(())
    }
}

/// A name that goes away with this, unless it is kept.
pub(super) struct UnsealedName(Option<PathBuf>);

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
