//! Reading a copy from disk: some segments at a time, each verified before any of it is let out.

use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::domain::{AudioKey, ByteRange, Playable, Version};
use actors::ports::VaultError;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::folder::VaultFolder;
use crate::vault::cipher::Cipher;
use crate::vault::disk::{Doing, blocking};
use crate::vault::room::Taken;
use crate::vault::segments::{HEADER_BYTES, Opener, Piece};

/// How many visits to the disk there are at once; the others queue, so that a slow disk cannot take every thread.
const DISK_READS_MAX: usize = 64;
/// Of one visit, queueing included.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// So much is read before it is opened: little enough to be in the processor's cache still.
const STEP_BYTES: u64 = 64 * 1024;

/// The vault's reads from disk, a bounded number at a time.
#[derive(Clone)]
pub(super) struct DiskReads {
    places: Arc<Semaphore>,
    /// What sealed bytes are read into: at most one for each place.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Default for DiskReads {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(DISK_READS_MAX)), spare: Arc::default() }
    }
}

impl DiskReads {
    /// The place is taken until the thread is done, even if nobody waits for it any more.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, VaultError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Vec<u8>) -> Result<T, VaultError> + Send + 'static,
    {
        let Self { places, spare } = self.clone();
        let visit = async move {
            let place = places.acquire_owned().await.expect("the semaphore is never closed");
            blocking(move || {
                let _place = place;
                let lock = || spare.lock().unwrap_or_else(PoisonError::into_inner);
                let mut sealed = lock().pop().unwrap_or_default();
                let result = work(&mut sealed);
                lock().push(sealed);
                result
            })
            .await
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(READ_DEADLINE, visit).await.map_err(late).doing("reading a copy")?
    }
}

/// An open copy. Unlinking the file does not disturb it.
pub(super) struct Reader {
    file: Arc<File>,
    opener: Opener,
}

impl Reader {
    pub(super) fn open(
        folder: &VaultFolder,
        cipher: Cipher,
        playable: &Playable,
    ) -> Result<Self, VaultError> {
        let copy = &playable.copy;
        let file = match File::open(folder.sealed_copy(&playable.key, copy.id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                folder.confirm().doing("opening a copy")?;
                return Err(VaultError::Missing);
            }
            other => other.doing("opening a copy")?,
        };
        let file_bytes = file.metadata().doing("opening a copy")?.len();
        let mut header = [0; HEADER_BYTES];
        read_exactly(&file, &mut header, 0, 0)?;
        let opener =
            Opener::new(cipher, &playable.key, copy.version, copy.length, &header, file_bytes)?;
        Ok(Self { file: Arc::new(file), opener })
    }

    /// Of what is written by now; nothing behind that may be asked for.
    pub(super) fn of_unfinished(
        file: Arc<File>,
        cipher: Cipher,
        key: &AudioKey,
        version: Version,
        header: &[u8; HEADER_BYTES],
    ) -> Result<Self, VaultError> {
        Ok(Self { file, opener: Opener::of_unfinished(cipher, key, version, header)? })
    }

    /// Reads what of a range lies in its first `bytes_max`, all of it verified, and says what is left. `sealed` is for
    /// the sealed bytes: what is in it before and afterwards is worthless.
    pub(super) fn read(
        &self,
        range: ByteRange,
        bytes_max: u64,
        room: Taken,
        sealed: &mut Vec<u8>,
    ) -> Result<(Bytes, Option<ByteRange>), VaultError> {
        let piece = self.opener.piece(range, bytes_max);
        let mut audio = room.buffer(piece.opened.length() as usize);
        self.fill(&piece, &mut audio, sealed)?;
        Ok((audio.freeze().slice(piece.wanted), piece.rest))
    }

    fn fill(
        &self,
        piece: &Piece,
        mut audio: &mut [u8],
        sealed: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        let mut rest = Some(piece.opened);
        while let Some(range) = rest {
            let step = self.opener.piece(range, STEP_BYTES);
            sealed.resize(step.sealed_bytes, 0);
            read_exactly(&self.file, sealed, step.offset, step.segments.start)?;
            let (opened, behind) = mem::take(&mut audio).split_at_mut(step.wanted.len());
            self.opener.open(&step, sealed, opened)?;
            (audio, rest) = (behind, step.rest);
        }
        Ok(())
    }
}

/// Fills the buffer. A file that ends before was cut under us, and one that the disk cannot give back is as bad.
fn read_exactly(
    file: &File,
    buffer: &mut [u8],
    offset: u64,
    segment: u64,
) -> Result<(), VaultError> {
    match file.read_exact_at(buffer, offset) {
        Err(error) if is_of_the_file(&error) => {
            tracing::error!(%error, "a sealed file cannot be read");
            Err(VaultError::Damaged { segment })
        }
        other => other.doing("reading a copy"),
    }
}

/// Whether another file in its place could be read: not where descriptors or permissions are missing.
fn is_of_the_file(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::IsADirectory)
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO)
}
