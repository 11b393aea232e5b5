//! Working with files so that what was done stays done, and what failed says so.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::resume_unwind;
use std::path::Path;

use actors::ports::VaultError;
use tokio::task::JoinError;

pub(super) const FOLDER_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;

/// Runs file work on a thread that may block. Once begun it runs to its end, whether or not anybody
/// still waits for it.
pub(super) async fn blocking<T, W>(work: W) -> Result<T, VaultError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, VaultError> + Send + 'static,
{
    ended(tokio::task::spawn_blocking(work).await)
}

/// What became of work on such a thread. Its panic is ours.
pub(super) fn ended<T>(work: Result<Result<T, VaultError>, JoinError>) -> Result<T, VaultError> {
    match work {
        Ok(result) => result,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(stopping) => Err(io::Error::other(stopping)).doing("waiting for the disk"),
        },
    }
}

/// Creates a folder only we can enter, and those above it. When this returns, a power cut does not
/// take it away.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = parent_of(folder);
    create_folder(parent)?;
    unless(io::ErrorKind::AlreadyExists, DirBuilder::new().mode(FOLDER_MODE).create(folder))?;
    sync_folder(parent)
}

/// Makes durable which names the folder holds.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Takes one kind of failure for success.
pub(super) fn unless(harmless: io::ErrorKind, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == harmless => Ok(()),
        other => other,
    }
}

/// Says what was being done when it failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, VaultError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, VaultError> {
        self.map_err(|source| VaultError::Io { doing, source })
    }
}
