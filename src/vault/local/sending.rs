//! Sending a copy to a listener: out of memory where it is kept there, else from disk, one piece ahead of who listens.
//!
//! Invariant: a listener that stops taking holds the piece that it was given and at most one more. Where room is
//! scarce, it is one segment and nothing ahead.
//! Invariant: nothing is read ahead for who has not come for a second piece: players ask for all and hang up at once.

use std::sync::{Arc, OnceLock};

use actors::domain::{ByteRange, Playable};
use actors::ports::{AudioStream, VaultError};
use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio_util::task::AbortOnDropHandle;

use super::folder::VaultFolder;
use super::reader::{DiskReads, Reader};
use super::reads::Reads;
use crate::vault::disk::Doing;
use crate::vault::keys::KeyRing;
use crate::vault::memory::{InUse, Memory, Part};
use crate::vault::room::{Room, Taken};
use crate::vault::segments::SEGMENT_BYTES;

/// What one visit to the disk reads for a listener.
const PIECE_BYTES: u64 = 512 * 1024;

/// What all sending stands on.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) folder: Arc<VaultFolder>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) reads: DiskReads,
    pub(super) counts: Arc<Reads>,
    pub(super) memory: Memory,
    pub(super) room: Room,
}

impl Sources {
    /// Room for the next piece of a range, and how long it may be at most: a segment where room is scarce.
    pub(super) fn room_for(&self, range: ByteRange) -> (u64, Taken) {
        let segment = u64::from(SEGMENT_BYTES);
        let bytes_max = PIECE_BYTES.min(range.length() + segment);
        let (bytes_max, taken) = match self.room.take(bytes_max) {
            Some(taken) => (bytes_max, taken),
            None => (segment, self.room.take_anyway(segment)),
        };
        (bytes_max, taken.lent())
    }
}

/// A copy that is being sent, opened when something of it must be read from disk.
struct Sent {
    sources: Sources,
    playable: Playable,
    reader: OnceLock<Reader>,
    _in_use: InUse,
}

/// Bytes and what is wanted behind them.
type Next = (Bytes, Option<ByteRange>);

/// Reads the first piece, then the others as they are asked for. The range lies within the copy.
pub(super) async fn send(
    sources: Sources,
    playable: &Playable,
    range: ByteRange,
) -> Result<AudioStream, VaultError> {
    let sent = Sent::of(sources, playable);
    let (first, rest) = Arc::clone(&sent).piece(range).await?;
    let first = stream::iter([Ok(first)]);
    let Some(rest) = rest else { return Ok(first.boxed()) };
    let listener = Listener { sent, next: Ahead::Nothing(Some(rest)) };
    Ok(first.chain(stream::try_unfold(listener, Listener::take)).boxed())
}

/// Reads all of it from disk, whatever is kept in memory.
pub(super) async fn verify(sources: Sources, playable: &Playable) -> Result<(), VaultError> {
    let sent = Sent::of(sources, playable);
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut rest = ByteRange::whole(playable.copy.length);
    while let Some(range) = rest {
        let (bytes_max, taken) = sent.sources.room_for(range);
        let (bytes, left) = Arc::clone(&sent).read(range, bytes_max, taken).await?;
        hash.update(&bytes);
        rest = left;
    }
    let same = hash.finish().as_ref() == playable.copy.sha256;
    if same { Ok(()) } else { Err(VaultError::Damaged { segment: 0 }) }
}

/// Where a listener is.
struct Listener {
    sent: Arc<Sent>,
    next: Ahead,
}

enum Ahead {
    /// Nothing is read ahead of what is still wanted.
    Nothing(Option<ByteRange>),
    /// Given up with the listener.
    Reading(AbortOnDropHandle<Result<Next, VaultError>>),
}

impl Listener {
    async fn take(self) -> Result<Option<(Bytes, Self)>, VaultError> {
        let Self { sent, next } = self;
        let (bytes, rest) = match next {
            Ahead::Nothing(None) => return Ok(None),
            Ahead::Nothing(Some(range)) => Arc::clone(&sent).piece(range).await?,
            Ahead::Reading(task) => {
                task.await.map_err(std::io::Error::other).doing("reading a copy")??
            }
        };
        let next = match rest {
            Some(range) if sent.is_worth_reading_ahead(range) => {
                let task = tokio::spawn(Arc::clone(&sent).piece(range));
                Ahead::Reading(AbortOnDropHandle::new(task))
            }
            rest => Ahead::Nothing(rest),
        };
        Ok(Some((bytes, Self { sent, next })))
    }
}

impl Sent {
    fn of(sources: Sources, playable: &Playable) -> Arc<Self> {
        let _in_use = sources.memory.using(playable.copy.id);
        Arc::new(Self { sources, playable: playable.clone(), reader: OnceLock::new(), _in_use })
    }

    /// Not where it is in memory already, nor where others need the room.
    fn is_worth_reading_ahead(&self, range: ByteRange) -> bool {
        let Sources { memory, room, .. } = &self.sources;
        let first = ByteRange { first: range.first, last: range.first };
        memory.at_hand(&self.playable, first).is_none() && room.has(PIECE_BYTES)
    }

    async fn piece(self: Arc<Self>, range: ByteRange) -> Result<Next, VaultError> {
        let Sources { memory, counts, .. } = &self.sources;
        if let Some(part) = memory.part(self.playable.copy.length, range.first) {
            let mut loads = false;
            let load = |taken| {
                loads = true;
                Arc::clone(&self).part(part, taken)
            };
            if let Some(bytes) = memory.get(&self.playable, part, load).await {
                let bytes = bytes?;
                if !loads {
                    counts.note_memory();
                }
                return Ok((part.cut(&bytes, range), part.rest(range)));
            }
        }
        let (bytes_max, taken) = self.sources.room_for(range);
        self.read(range, bytes_max, taken).await
    }

    async fn part(self: Arc<Self>, part: Part, taken: Taken) -> Result<Bytes, VaultError> {
        let (bytes, _) = self.read(part.range, u64::MAX, taken).await?;
        Ok(bytes)
    }

    async fn read(
        self: Arc<Self>,
        range: ByteRange,
        bytes_max: u64,
        taken: Taken,
    ) -> Result<Next, VaultError> {
        let counts = Arc::clone(&self.sources.counts);
        let read = self.read_from_disk(range, bytes_max, taken).await;
        counts.note_disk(&read);
        read
    }

    async fn read_from_disk(
        self: Arc<Self>,
        range: ByteRange,
        bytes_max: u64,
        taken: Taken,
    ) -> Result<Next, VaultError> {
        let Sources { keys, reads, .. } = &self.sources;
        let cipher = match self.reader.get() {
            Some(_) => None,
            None => Some(keys.reading_key(&self.playable.key).await?),
        };
        let (reads, sent) = (reads.clone(), Arc::clone(&self));
        let work = move |sealed: &mut Vec<u8>| {
            let reader = match (sent.reader.get(), cipher) {
                (None, Some(cipher)) => {
                    let reader = Reader::open(&sent.sources.folder, cipher, &sent.playable)?;
                    sent.reader.get_or_init(|| reader)
                }
                (Some(reader), _) => reader,
                (None, None) => unreachable!("what was open stays open"),
            };
            reader.read(range, bytes_max, taken, sealed)
        };
        reads.run(work).await
    }
}
