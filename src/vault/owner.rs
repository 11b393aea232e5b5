//! Whose a vault is: one process owns it at a time, by a lock that ends with the process however that ends.
//!
//! Invariant: whoever writes or removes in a vault holds its owner, or a clone of the `Arc` around it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::disk::{FILE_MODE, create_folder};

/// Possession of a vault's folder, until it is dropped.
#[derive(Debug)]
pub struct VaultOwner {
    lock: File,
    mark: PathBuf,
}

/// How soon a successor notices that the vault is free: a part of the gap in a restart.
const ASK_AGAIN: Duration = Duration::from_millis(10);

impl VaultOwner {
    /// In every folder that ever was a vault.
    pub const MARK: &str = ".owner";
    /// What a mark says that somebody wrote who wants the vault taken, whatever it was used with.
    pub const ADOPTED: &str = "adopt";

    /// Whether somebody has owned the folder before.
    pub fn had(dir: &Path) -> bool {
        dir.join(Self::MARK).exists()
    }

    /// What the folder's mark says, if anything; `None` where it never was a vault.
    pub fn mark(dir: &Path) -> io::Result<Option<String>> {
        let mark = dir.join(Self::MARK);
        match fs::read_to_string(&mark) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(about(&mark, error)),
        }
    }

    /// Whether a process owns the folder just now. Looks only: no file is made, and no lock is kept.
    pub fn is_taken(dir: &Path) -> io::Result<bool> {
        match File::open(dir.join(Self::MARK)) {
            Ok(mark) => match mark.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(error),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates the folder where it does not exist. Blocks on the disk, as starting may. Where another
    /// process is the owner the error's kind is `ResourceBusy`.
    pub fn take(dir: &Path) -> io::Result<Self> {
        create_folder(dir).map_err(|error| about(dir, error))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mark = dir.join(Self::MARK);
        let lock = options.open(&mark).map_err(|error| about(dir, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { lock, mark }),
            Err(TryLockError::Error(error)) => Err(about(dir, error)),
            Err(TryLockError::WouldBlock) => {
                let dir = dir.display();
                let taken =
                    format!("another process owns {dir}: stop it, or set another vault.dir");
                Err(io::Error::new(io::ErrorKind::ResourceBusy, taken))
            }
        }
    }

    /// What the mark says.
    pub fn says(&self) -> io::Result<String> {
        let mut text = String::new();
        let mut file = &self.lock;
        file.rewind()?;
        file.read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }

    /// Has the mark say something else, durably. In its place: the lock is the file's.
    pub fn say(&self, text: &str) -> io::Result<()> {
        self.lock.write_all_at(text.as_bytes(), 0)?;
        self.lock.set_len(text.len() as u64)?;
        self.lock.sync_all()
    }

    /// Fails where the folder is not the one that was taken: a disk that is not mounted any more leaves another
    /// behind, of which nothing can be said to be missing, and in which nothing is kept.
    pub fn confirm(&self) -> io::Result<()> {
        let taken = self.lock.metadata()?;
        match fs::metadata(&self.mark) {
            Ok(found) if (found.dev(), found.ino()) == (taken.dev(), taken.ino()) => Ok(()),
            Ok(_) => Err(not_ours(&self.mark)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_ours(&self.mark)),
            Err(error) => Err(error),
        }
    }

    /// The same as `take`, given so long for the present owner to end.
    pub async fn take_within(dir: &Path, patience: Duration) -> io::Result<Self> {
        let asked = Instant::now();
        let mut said = false;
        loop {
            match Self::take(dir) {
                Err(error)
                    if error.kind() == io::ErrorKind::ResourceBusy
                        && asked.elapsed() < patience =>
                {
                    if !said {
                        tracing::info!(vault = %dir.display(), patience_ms = patience.as_millis() as u64,
                            "another process owns the vault; waiting for it to end");
                        said = true;
                    }
                    sleep(ASK_AGAIN).await;
                }
                taken_or_failed => return taken_or_failed,
            }
        }
    }
}

fn not_ours(mark: &Path) -> io::Error {
    let what = format!("{} is not what this process took: is its disk mounted?", mark.display());
    io::Error::other(what)
}

fn about(dir: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", dir.display()))
}
