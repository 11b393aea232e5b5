//! What was written of a copy that is not sealed yet, in memory, for those who listen while it arrives.
//!
//! Of a copy that is too long to be kept whole only the end is in memory; what is before it is in the file already.
//!
//! Invariant: a block leaves memory only when it is sealed and written.
//! Invariant: readers share the bytes; what is written is copied once, when the block that it lies in is full.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use actors::domain::ByteRange;
use actors::ports::{UnsealedCopy, VaultError};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::behind::Behind;
use crate::vault::memory::WHOLE_BYTES_MAX;
use crate::vault::segments::SEGMENT_BYTES;

/// As much as a segment holds, so that what is written says which blocks may leave.
const BLOCK_BYTES: usize = SEGMENT_BYTES as usize;
/// Up to this everything stays in memory.
const WHOLE_BLOCKS: usize = WHOLE_BYTES_MAX as usize / BLOCK_BYTES;
/// How much of a longer copy does: 2 MiB.
const TAIL_BLOCKS: usize = 32;
/// A block in so many pieces is made one, so that a source which sends single bytes costs no more than another.
const PIECES_MAX: usize = 32;

pub(super) struct Tail {
    held: RwLock<Option<Held>>,
    behind: Option<Behind>,
}

/// The writer's end. Whoever reads finds nothing any more when it is dropped.
pub(super) struct TailWriter(Arc<Tail>);

enum Found {
    Here(Bytes),
    /// In the file, up to the first block that is here.
    Behind {
        last: u64,
    },
}

#[derive(Default)]
struct Held {
    /// How many blocks have left memory.
    released: usize,
    /// All full.
    blocks: VecDeque<Bytes>,
    /// The beginning of the next block, as it came.
    pieces: Vec<Bytes>,
    pieces_bytes: usize,
}

impl TailWriter {
    /// Everything stays in memory where there is no file to read it from.
    pub(super) fn new(behind: Option<Behind>) -> Self {
        Self(Arc::new(Tail { held: RwLock::new(Some(Held::default())), behind }))
    }

    /// All that was written, if all of it is here.
    pub(super) fn whole(&self) -> Option<Vec<Bytes>> {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref().filter(|held| held.released == 0)?;
        Some(held.blocks.iter().chain(&held.pieces).cloned().collect())
    }

    pub(super) fn reader(&self) -> Arc<Tail> {
        Arc::clone(&self.0)
    }

    pub(super) fn append(&self, mut bytes: Bytes) {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_mut() else { return };
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(BLOCK_BYTES - held.pieces_bytes));
            held.pieces_bytes += piece.len();
            held.pieces.push(piece);
            if held.pieces_bytes == BLOCK_BYTES {
                let block = held.join_pieces();
                held.blocks.push_back(block);
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
        self.0.held.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Held {
    fn join_pieces(&mut self) -> Bytes {
        let mut joined = BytesMut::with_capacity(BLOCK_BYTES);
        self.pieces.drain(..).for_each(|piece| joined.extend_from_slice(&piece));
        self.pieces_bytes = 0;
        joined.freeze()
    }

    /// The bytes from `offset` on that lie together, or where they are.
    fn from(&self, offset: u64) -> Option<Found> {
        let offset = usize::try_from(offset).ok()?;
        let Some(block) = (offset / BLOCK_BYTES).checked_sub(self.released) else {
            return Some(Found::Behind { last: (self.released * BLOCK_BYTES) as u64 - 1 });
        };
        if let Some(block) = self.blocks.get(block) {
            return Some(Found::Here(block.slice(offset % BLOCK_BYTES..)));
        }
        let mut before = offset - (self.released + self.blocks.len()) * BLOCK_BYTES;
        for piece in &self.pieces {
            if before < piece.len() {
                return Some(Found::Here(piece.slice(before..)));
            }
            before -= piece.len();
        }
        None
    }
}

impl Tail {
    /// So many segments are sealed and written by now.
    pub(super) fn written(&self, segments: u32) {
        if self.behind.is_none() {
            return;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_mut() else { return };
        let blocks = held.released + held.blocks.len();
        if blocks > WHOLE_BLOCKS {
            let leaving = (segments as usize).min(blocks - TAIL_BLOCKS);
            held.blocks.drain(..leaving.saturating_sub(held.released));
            held.released = held.released.max(leaving);
        }
    }

    fn find(&self, offset: u64) -> Option<Found> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.from(offset)
    }
}

#[async_trait]
impl UnsealedCopy for Tail {
    async fn read(&self, range: ByteRange) -> Result<Bytes, VaultError> {
        match (self.find(range.first).ok_or(VaultError::Missing)?, &self.behind) {
            (Found::Here(mut bytes), _) => {
                bytes.truncate(usize::try_from(range.length()).unwrap_or(usize::MAX));
                Ok(bytes)
            }
            (Found::Behind { last }, Some(behind)) => {
                behind.read(ByteRange { last: range.last.min(last), ..range }).await
            }
            (Found::Behind { .. }, None) => Err(VaultError::Missing),
        }
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
            let writer = TailWriter::new(None);
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
        let writer = TailWriter::new(None);
        let tail = writer.reader();
        let first = ByteRange { first: 0, last: 0 };
        assert!(matches!(read(&tail, first), Err(VaultError::Missing)));
        writer.append(Bytes::from_static(b"a"));
        assert_eq!(read(&tail, first).expect("it is there"), "a");
        drop(writer);
        assert!(matches!(read(&tail, first), Err(VaultError::Missing)));
    }
}
