//! Reading a copy: piece by piece, each verified before any of it is let out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{ByteRange, Playable};
use actors::ports::{AudioStream, VaultError};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::folder::VaultFolder;
use crate::vault::cipher::Cipher;
use crate::vault::disk::{Doing, blocking};
use crate::vault::segments::{HEADER_BYTES, Opener};

/// How many segments one visit to the disk reads: 256 KiB.
const PIECE_SEGMENTS: u64 = 4;
/// How many visits there are at once; the others queue, so that a slow disk cannot take every thread.
const DISK_READS_MAX: usize = 64;
/// Of one visit, queueing included.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// The vault's reads from disk, a bounded number at a time.
#[derive(Clone)]
pub(super) struct DiskReads(Arc<Semaphore>);

impl Default for DiskReads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(DISK_READS_MAX)))
    }
}

impl DiskReads {
    /// The place is taken until the thread is done, even if nobody waits for it any more.
    async fn run<T, W>(&self, work: W) -> Result<T, VaultError>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, VaultError> + Send + 'static,
    {
        let queue = self.0.clone();
        let visit = async move {
            let place = queue.acquire_owned().await.expect("the semaphore is never closed");
            blocking(move || {
                let _place = place;
                work()
            })
            .await
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(READ_DEADLINE, visit).await.map_err(late).doing("reading a copy")?
    }
}

/// An open copy, and what of it is still to be sent. Unlinking the file does not disturb it.
pub(super) struct Reader {
    file: File,
    opener: Opener,
    rest: ByteRange,
}

/// Opens a copy and reads its first piece in one visit, then the others as they are asked for.
pub(super) async fn stream<O>(reads: DiskReads, open: O) -> Result<AudioStream, VaultError>
where
    O: FnOnce() -> Result<Reader, VaultError> + Send + 'static,
{
    let (first, reader) = reads.run(move || open()?.next_piece()).await?;
    let others = stream::try_unfold(reader, move |reader| {
        let reads = reads.clone();
        async move {
            match reader {
                Some(reader) => reads.run(move || reader.next_piece()).await.map(Some),
                None => Ok(None),
            }
        }
    });
    Ok(stream::iter([Ok(first)]).chain(others).boxed())
}

impl Reader {
    pub(super) fn open(
        folder: &VaultFolder,
        cipher: Cipher,
        playable: &Playable,
        range: ByteRange,
    ) -> Result<Self, VaultError> {
        let copy = &playable.copy;
        if range.first > range.last || range.last >= copy.length {
            return Err(io::Error::from(io::ErrorKind::InvalidInput)).doing("reading past the end");
        }
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
        Ok(Self { file, opener, rest: range })
    }

    /// Reads, verifies and cuts out the next piece; gives itself back while there is more.
    fn next_piece(self) -> Result<(Bytes, Option<Self>), VaultError> {
        let piece = self.opener.piece(self.rest, PIECE_SEGMENTS);
        // Not kept: most of a reader's life is waiting for a slow client.
        let mut sealed = vec![0; piece.sealed_bytes];
        read_exactly(&self.file, &mut sealed, piece.offset, piece.segments.start)?;
        let audio = Bytes::from(self.opener.open(&piece, &sealed)?).slice(piece.wanted);
        let more = piece.rest.map(|rest| Self { rest, ..self });
        Ok((audio, more))
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
