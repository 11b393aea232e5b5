//! Keeping in one vault what another one keeps, sealed as it is.
//!
//! Invariant: here as there, a file that has its final name is whole and durable.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use actors::domain::{AudioKey, StoredCopy};
use actors::ports::VaultError;

use super::LocalVault;
use super::folder::VaultFolder;
use crate::vault::disk::{Doing, FILE_MODE, blocking, sync_folder};
use crate::vault::segments::{HEADER_BYTES, sealed_bytes};

impl LocalVault {
    /// Takes a copy over from another vault, and says how many bytes that wrote; none where it is here already.
    ///
    /// Begin and length are compared with what such a copy has. What is between is not opened, so that no key is
    /// needed: whoever plays it or checks it looks at every byte.
    pub async fn take_over(
        &self,
        from: &Self,
        key: &AudioKey,
        copy: &StoredCopy,
    ) -> Result<u64, VaultError> {
        let (here, there) = (&self.sources.folder, &from.sources.folder);
        let (here, there) = (Arc::clone(here), Arc::clone(there));
        let (key, copy) = (key.clone(), copy.clone());
        blocking(move || take_over(&here, &there, &key, &copy)).await
    }
}

fn take_over(
    here: &VaultFolder,
    there: &VaultFolder,
    key: &AudioKey,
    copy: &StoredCopy,
) -> Result<u64, VaultError> {
    let destination = here.sealed_copy(key, copy.id);
    if find(&destination, copy).doing("looking for a copy")?.is_some() {
        return Ok(0);
    }
    let Some(mut found) = open(&there.sealed_copy(key, copy.id)).doing("opening a copy")? else {
        return Err(VaultError::Missing);
    };
    let bytes = whole(&found, copy).doing("reading a copy")?;
    let bytes = bytes.ok_or(VaultError::Damaged { segment: 0 })?;
    let owner = here.owner().doing("creating a copy")?;
    owner.confirm().doing("creating a copy")?;
    here.create_for(&key.business).doing("creating a business's folder")?;
    let unfinished = here.unfinished_copy(key, copy.id);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let mut file = options.open(&unfinished).doing("creating a copy")?;
    let written = io::copy(&mut found, &mut file).doing("writing a copy")?;
    if written != bytes {
        return Err(VaultError::Damaged { segment: 0 });
    }
    file.sync_all().doing("syncing a copy")?;
    fs::rename(&unfinished, &destination).doing("naming a copy")?;
    sync_folder(&here.of_business(&key.business)).doing("syncing a copy's name")?;
    Ok(bytes)
}

/// How long the file is, if it is there and as long as it should be.
fn find(file: &Path, copy: &StoredCopy) -> io::Result<Option<u64>> {
    open(file)?.map_or(Ok(None), |file| whole(&file, copy))
}

fn open(file: &Path) -> io::Result<Option<File>> {
    match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn whole(file: &File, copy: &StoredCopy) -> io::Result<Option<u64>> {
    let bytes = file.metadata()?.len();
    let mut header = [0; HEADER_BYTES];
    if bytes < HEADER_BYTES as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut header, 0)?;
    Ok((sealed_bytes(&header, copy.length) == Some(bytes)).then_some(bytes))
}
