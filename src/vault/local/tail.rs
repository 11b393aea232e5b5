//! What was written of a copy that is not sealed yet, in memory, for those who listen while it arrives.
//!
//! Invariant: readers share the bytes; what is written is copied once, when the block that it lies in is full.

use std::sync::{Arc, PoisonError, RwLock};

use actors::domain::ByteRange;
use actors::ports::{UnsealedCopy, VaultError};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

const BLOCK_BYTES: usize = 64 * 1024;
/// A block in so many pieces is made one, so that a source which sends single bytes costs no more than another.
const PIECES_MAX: usize = 32;

#[derive(Default)]
pub(super) struct Tail(RwLock<Option<Held>>);

/// The writer's end. Whoever reads finds nothing any more when it is dropped.
pub(super) struct TailWriter(Arc<Tail>);

#[derive(Default)]
struct Held {
    /// All full.
    blocks: Vec<Bytes>,
    /// The beginning of the next block, as it came.
    pieces: Vec<Bytes>,
    pieces_bytes: usize,
}

impl TailWriter {
    pub(super) fn new() -> Self {
        Self(Arc::new(Tail(RwLock::new(Some(Held::default())))))
    }

    pub(super) fn reader(&self) -> Arc<Tail> {
        Arc::clone(&self.0)
    }

    pub(super) fn append(&self, mut bytes: Bytes) {
        let mut held = self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_mut() else { return };
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(BLOCK_BYTES - held.pieces_bytes));
            held.pieces_bytes += piece.len();
            held.pieces.push(piece);
            if held.pieces_bytes == BLOCK_BYTES {
                let block = held.join_pieces();
                held.blocks.push(block);
            } else if held.pieces.len() == PIECES_MAX {
                let joined = held.join_pieces();
                held.pieces_bytes = joined.len();
                held.pieces.push(joined);
            }
        }
    }
}

impl Drop for TailWriter {
    fn drop(&mut self) {
        self.0.0.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Held {
    fn join_pieces(&mut self) -> Bytes {
        let mut joined = BytesMut::with_capacity(BLOCK_BYTES);
        self.pieces.drain(..).for_each(|piece| joined.extend_from_slice(&piece));
        self.pieces_bytes = 0;
        joined.freeze()
    }

    /// The bytes from `offset` on that lie together.
    fn from(&self, offset: u64) -> Option<Bytes> {
        let offset = usize::try_from(offset).ok()?;
        if let Some(block) = self.blocks.get(offset / BLOCK_BYTES) {
            return Some(block.slice(offset % BLOCK_BYTES..));
        }
        let mut before = offset - self.blocks.len() * BLOCK_BYTES;
        for piece in &self.pieces {
            if before < piece.len() {
                return Some(piece.slice(before..));
            }
            before -= piece.len();
        }
        None
    }
}

#[async_trait]
impl UnsealedCopy for Tail {
    async fn read(&self, range: ByteRange) -> Result<Bytes, VaultError> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = held.as_ref().and_then(|held| held.from(range.first));
        let mut bytes = bytes.ok_or(VaultError::Missing)?;
        bytes.truncate(usize::try_from(range.length()).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(tail: &Tail, range: ByteRange) -> Result<Bytes, VaultError> {
        futures_util::FutureExt::now_or_never(tail.read(range)).expect("it waits for nothing")
    }

    proptest! {
        #[test]
        fn whatever_was_written_is_read_however_it_came(
            chunks in prop::collection::vec(1usize..40_000, 1..60),
            from in 0.0f64..1.0,
        ) {
            let length = chunks.iter().sum::<usize>();
            let audio: Bytes = (0..length).map(|index| (index % 251) as u8).collect();
            let writer = TailWriter::new();
            let tail = writer.reader();
            let mut left = audio.clone();
            for chunk in chunks {
                writer.append(left.split_to(chunk));
            }
            let first = (length as f64 * from) as u64;
            let mut rest = Some(ByteRange { first, last: length as u64 - 1 });
            let mut heard = Vec::new();
            while let Some(range) = rest {
                let bytes = read(&tail, range).expect("it was written");
                prop_assert!(!bytes.is_empty());
                heard.extend_from_slice(&bytes);
                rest = range.after(bytes.len() as u64);
            }
            prop_assert!(heard == audio[first as usize..]);
        }
    }

    #[test]
    fn nothing_is_read_when_its_writer_is_gone_or_before_it_was_written() {
        let writer = TailWriter::new();
        let tail = writer.reader();
        let first = ByteRange { first: 0, last: 0 };
        assert!(matches!(read(&tail, first), Err(VaultError::Missing)));
        writer.append(Bytes::from_static(b"a"));
        assert_eq!(read(&tail, first).expect("it is there"), "a");
        drop(writer);
        assert!(matches!(read(&tail, first), Err(VaultError::Missing)));
    }
}
