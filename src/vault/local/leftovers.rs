//! Finding files that were not written for a while, however many there are.
//!
//! Invariant: at most two folders are open, and no folder's content is held in memory.

use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;

use actors::domain::{BusinessId, Timestamp};
use actors::ports::SealedAudio;

use super::folder::{VaultFolder, parse_file_name};

/// One pass through the vault, business by business.
pub(super) struct Round {
    businesses: ReadDir,
    files: Option<(BusinessId, ReadDir)>,
}

/// Goes on with a round, or begins one. A round ends where fewer than `limit` are found.
pub(super) fn list(
    folder: &VaultFolder,
    round: &mut Option<Round>,
    older_than: Timestamp,
    limit: usize,
) -> io::Result<Vec<SealedAudio>> {
    let mut current = match round.take() {
        Some(current) => current,
        None => Round { businesses: fs::read_dir(folder.dir())?, files: None },
    };
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((audio, written_at)) = current.next()? else { return Ok(found) };
        if written_at < older_than {
            found.push(audio);
        }
    }
    *round = Some(current);
    Ok(found)
}

impl Round {
    fn next(&mut self) -> io::Result<Option<(SealedAudio, Timestamp)>> {
        loop {
            if let Some((business, files)) = &mut self.files {
                match files.next().transpose()? {
                    None => self.files = None,
                    Some(entry) => {
                        if let Some(found) = sealed_audio(business, &entry)? {
                            return Ok(Some(found));
                        }
                    }
                }
            } else {
                let Some(entry) = self.businesses.next().transpose()? else { return Ok(None) };
                self.files = files_of_business(&entry)?;
            }
        }
    }
}

/// The files of a business; `None` for what is no business's folder, or no longer there.
fn files_of_business(entry: &DirEntry) -> io::Result<Option<(BusinessId, ReadDir)>> {
    let Some(business) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
        return Ok(None);
    };
    if !entry.file_type()?.is_dir() {
        return Ok(None);
    }
    let files = unless_gone(fs::read_dir(entry.path()))?;
    Ok(files.map(|files| (business, files)))
}

fn sealed_audio(
    business: &BusinessId,
    entry: &DirEntry,
) -> io::Result<Option<(SealedAudio, Timestamp)>> {
    let name = entry.file_name();
    let Some(audio) = name.to_str().and_then(|name| parse_file_name(business, name)) else {
        return Ok(None);
    };
    let Some(metadata) = unless_gone(entry.metadata())?.filter(fs::Metadata::is_file) else {
        return Ok(None);
    };
    let written_at_ms = metadata.mtime() * 1_000 + metadata.mtime_nsec() / 1_000_000;
    Ok(Some((audio, Timestamp::from_millis(written_at_ms))))
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
