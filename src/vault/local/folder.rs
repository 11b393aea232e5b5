//! The vault's folder: whose it is, and how copies are named in it.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use actors::domain::{AudioKey, BusinessId, CopyId, Format};
use actors::ports::SealedAudio;

use crate::vault::disk::{FOLDER_MODE, sync_folder, unless};
use crate::vault::owner::VaultOwner;

pub(super) struct VaultFolder {
    dir: PathBuf,
    /// Businesses whose folders were made durable by this process: at most all there are.
    durable: Mutex<HashSet<BusinessId>>,
    /// `None` where it is another's, or was given up.
    owner: Mutex<Option<Arc<VaultOwner>>>,
}

const UNFINISHED: &str = ".part";

impl VaultFolder {
    pub(super) fn owned(dir: PathBuf, owner: VaultOwner) -> Self {
        Self { dir, durable: Mutex::default(), owner: Mutex::new(Some(Arc::new(owner))) }
    }

    pub(super) fn unowned(dir: PathBuf) -> Self {
        Self { dir, durable: Mutex::default(), owner: Mutex::default() }
    }

    /// What whoever writes or removes holds while doing so.
    pub(super) fn owner(&self) -> io::Result<Arc<VaultOwner>> {
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        owner.clone().ok_or_else(|| io::Error::other("this process does not own the vault"))
    }

    /// Whether what is not here is missing; see `VaultOwner::confirm`. Nothing is said once it was given up.
    pub(super) fn confirm(&self) -> io::Result<()> {
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        owner.map_or(Ok(()), |owner| owner.confirm())
    }

    /// The vault is free when those that hold its owner by now are done.
    pub(super) fn give_up(&self) {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn of_business(&self, business: &BusinessId) -> PathBuf {
        self.dir.join(business.as_str())
    }

    pub(super) fn sealed_copy(&self, key: &AudioKey, id: CopyId) -> PathBuf {
        self.of_business(&key.business).join(file_name(key, id))
    }

    pub(super) fn unfinished_copy(&self, key: &AudioKey, id: CopyId) -> PathBuf {
        self.of_business(&key.business).join(file_name(key, id) + UNFINISHED)
    }

    /// Creates a business's folder, durable on return, so that no copy can be lost with it.
    ///
    /// A folder that is already there is synced too: who created it may have died before syncing.
    pub(super) fn create_for(&self, business: &BusinessId) -> io::Result<()> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.of_business(business);
        let created = DirBuilder::new().mode(FOLDER_MODE).create(folder);
        if created.is_ok() || !durable.contains(business) {
            unless(io::ErrorKind::AlreadyExists, created)?;
            sync_folder(&self.dir)?;
            durable.insert(business.clone());
        }
        Ok(())
    }
}

fn file_name(key: &AudioKey, id: CopyId) -> String {
    format!("{}.{}.{id}", key.recording, key.format.as_str())
}

/// Reads a file's name; `None` for a file that is none of ours.
pub(super) fn parse_file_name(business: &BusinessId, name: &str) -> Option<SealedAudio> {
    let sealed_name = name.strip_suffix(UNFINISHED);
    let unfinished = sealed_name.is_some();
    let sealed_name = sealed_name.unwrap_or(name);
    let mut words = sealed_name.split('.');
    let recording = words.next()?.parse().ok()?;
    let format = parse_format(words.next()?)?;
    let id = CopyId::parse(words.next()?)?;
    let key = AudioKey { business: business.clone(), recording, format };
    // Naming it again refuses spellings we do not use, and anything behind.
    (file_name(&key, id) == sealed_name).then_some(SealedAudio { key, id, unfinished })
}

fn parse_format(text: &str) -> Option<Format> {
    [Format::Mp3].into_iter().find(|format| format.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_what_it_holds_and_nothing_else_passes_for_one() {
        let business: BusinessId = "acme".parse().expect("an id");
        let recording = "RE0123456789abcdef0123456789abcdef".parse().expect("a SID");
        let key = AudioKey { business: business.clone(), recording, format: Format::Mp3 };
        let id = CopyId::from_bits(0xab);
        let name = file_name(&key, id);
        assert_eq!(name, format!("{recording}.mp3.000000000000000000000000000000ab"));
        for (name, unfinished) in [(name.clone(), false), (format!("{name}.part"), true)] {
            let expected = SealedAudio { key: key.clone(), id, unfinished };
            assert_eq!(parse_file_name(&business, &name), Some(expected));
        }
        let upper = name.replace("ab", "AB");
        let signed = name.replace(".000", ".+00");
        let longer = format!("{name}.x");
        for foreign in ["", ".owner", "notes.txt", &upper, &signed, &longer, &name[..40]] {
            assert_eq!(parse_file_name(&business, foreign), None, "{foreign}");
        }
    }
}
