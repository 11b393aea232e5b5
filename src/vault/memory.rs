//! What is kept of decrypted audio, so that what many listen to is read and opened once.
//!
//! A recording of up to 8 MiB is kept whole, a larger one in parts of 1 MiB; the least useful leave first.
//!
//! Invariant: what is kept was verified, or sealed just now, and is found only under all that its seal names.
//! Invariant: once a copy is being discarded nothing of it is found, and nothing of it is put here any more, also not
//! by who began to read it before.
//! Invariant: however many ask for a part, it is loaded once; a load goes on without those who asked for it, and one
//! that failed is not remembered.

mod place;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actors::domain::{AudioKey, ByteRange, CopyId, Playable, Version};
use actors::ports::VaultError;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture, Shared};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::room::{Room, Taken};
use place::{AnyonesPlace, Place, PlaceOf};

/// Recordings up to this are kept in one piece: 35 minutes of MP3.
pub(super) const WHOLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Larger ones are kept in parts of this.
pub(super) const PART_BYTES: u64 = 1024 * 1024;
/// What a shard holds at least: it keeps nothing that is larger than all of it.
const SHARD_BYTES_MIN: u64 = 64 * 1024 * 1024;
const SHARDS_MAX: u64 = 16;
/// For keeping account, not a bound.
const RECORDING_BYTES_TYPICAL: u64 = 512 * 1024;
/// What keeping something costs beside its bytes.
const PLACE_BYTES: u64 = 512;

/// Cheap to clone; all clones are the same memory.
#[derive(Clone)]
pub(super) struct Memory {
    kept: Option<Arc<Kept>>,
    room: Room,
    state: Arc<Mutex<State>>,
}

type Kept = Cache<Place, Bytes, ByBytes>;
type Load = Shared<BoxFuture<'static, Result<Bytes, Arc<VaultError>>>>;

#[derive(Default)]
struct State {
    loads: HashMap<Place, Load>,
    in_use: HashMap<CopyId, Use>,
    /// The largest index under which anything was ever kept.
    index_max: u32,
    closed: bool,
}

#[derive(Default)]
struct Use {
    users: usize,
    discarded: bool,
}

/// What is loaded and kept in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    index: u32,
    pub(super) range: ByteRange,
}

/// Held by whoever has a copy open, and by whoever discards it.
pub(super) struct InUse {
    copy: CopyId,
    state: Arc<Mutex<State>>,
}

impl Memory {
    /// Keeps so many bytes, none if 0, and takes room for them.
    pub(super) fn of(bytes_max: u64, room: Room) -> Self {
        let kept = (bytes_max > 0).then(|| Arc::new(cache(bytes_max)));
        Self { kept, room, state: Arc::default() }
    }

    /// What of the range is kept in one with its first byte.
    pub(super) fn at_hand(&self, playable: &Playable, range: ByteRange) -> Option<Bytes> {
        let length = playable.copy.length;
        if range.first > range.last || range.last >= length {
            return None;
        }
        let part = self.part(length, range.first)?;
        let bytes = self.find(playable, part)?;
        Some(part.cut(&bytes, range))
    }

    /// The part that a byte lies in; `None` for a byte behind the end, and where nothing is kept at all.
    pub(super) fn part(&self, length: u64, at: u64) -> Option<Part> {
        self.kept.as_ref()?;
        if at >= length {
            return None;
        }
        if length <= WHOLE_BYTES_MAX {
            return Some(Part { index: 0, range: ByteRange { first: 0, last: length - 1 } });
        }
        let index = at / PART_BYTES;
        let (first, behind) = (index * PART_BYTES, (index + 1) * PART_BYTES);
        let range = ByteRange { first, last: behind.min(length) - 1 };
        Some(Part { index: u32::try_from(index).ok()?, range })
    }

    /// Finds a part, or loads it, or waits with whoever loads it; `None` where there is no room to load it into.
    ///
    /// Whoever asks has the copy in use.
    pub(super) async fn get<F>(
        &self,
        playable: &Playable,
        part: Part,
        load: impl FnOnce(Taken) -> F,
    ) -> Option<Result<Bytes, VaultError>>
    where
        F: Future<Output = Result<Bytes, VaultError>> + Send + 'static,
    {
        if let Some(bytes) = self.find(playable, part) {
            return Some(Ok(bytes));
        }
        let loading = {
            let mut state = self.state();
            let place = Place::of(playable, part.index);
            if let Some(loading) = state.loads.get(&place) {
                loading.clone()
            } else if let Some(bytes) = self.find(playable, part) {
                return Some(Ok(bytes));
            } else {
                let load = load(self.room.take(part.range.length())?);
                let _in_use = self.enter(&mut state, playable.copy.id);
                let loading = Loading { place: place.clone(), memory: self.clone(), _in_use };
                let load = loading.begin(load);
                state.loads.insert(place, load.clone());
                load
            }
        };
        Some(loading.await.map_err(|error| same_again(&error)))
    }

    /// To be said before a copy is opened.
    pub(super) fn using(&self, copy: CopyId) -> InUse {
        self.enter(&mut self.state(), copy)
    }

    /// Forgets a copy. It must not be possible to open it any more when what this returns is dropped.
    pub(super) fn discarding(&self, copy: CopyId) -> InUse {
        let in_use = self.using(copy);
        let mut state = self.state();
        state.in_use.entry(copy).or_default().discarded = true;
        if let Some(kept) = &self.kept {
            for index in 0..=state.index_max {
                kept.remove(&AnyonesPlace { copy, index });
            }
        }
        in_use
    }

    /// Forgets everything, and keeps nothing from now on.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        if let Some(kept) = &self.kept {
            kept.clear();
        }
    }

    /// Keeps a recording that was sealed just now, if it is kept whole and there is room: nobody need read it from disk.
    /// Whoever sealed it has had it in use since before there was a file.
    pub(super) fn keep_sealed(
        &self,
        key: &AudioKey,
        version: Version,
        copy: CopyId,
        audio: &[Bytes],
    ) {
        let length = audio.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if self.kept.is_none() || !(1..=WHOLE_BYTES_MAX).contains(&length) {
            return;
        }
        let Some(taken) = self.room.take(length) else { return };
        let mut buffer = taken.buffer(length as usize);
        let mut behind = &mut *buffer;
        for bytes in audio {
            let (place, rest) = behind.split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
            behind = rest;
        }
        self.keep(Place::of_whole(key.clone(), version, copy, length), &buffer.freeze());
    }

    fn keep(&self, place: Place, bytes: &Bytes) {
        let Some(kept) = &self.kept else { return };
        // What leaves for it is given back to the system when nobody waits for the lock any more.
        let mut leaving = Default::default();
        let mut state = self.state();
        let discarded = state.in_use.get(&place.copy()).is_some_and(|copy| copy.discarded);
        if !state.closed && !discarded {
            state.index_max = state.index_max.max(place.index());
            kept.insert_with_lifecycle(place, bytes.clone(), &mut leaving);
        }
        drop(state);
    }

    fn find(&self, playable: &Playable, part: Part) -> Option<Bytes> {
        self.kept.as_ref()?.get(&PlaceOf { playable, index: part.index })
    }

    fn enter(&self, state: &mut State, copy: CopyId) -> InUse {
        state.in_use.entry(copy).or_default().users += 1;
        InUse { copy, state: Arc::clone(&self.state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// What a range that begins in the part has of it, out of the part's bytes.
    pub(super) fn cut(&self, bytes: &Bytes, range: ByteRange) -> Bytes {
        let (first, last) = (range.first, range.last.min(self.range.last));
        let start = self.range.first;
        bytes.slice((first - start) as usize..=(last - start) as usize)
    }

    /// What of a range that begins in the part lies behind it.
    pub(super) fn rest(&self, range: ByteRange) -> Option<ByteRange> {
        range.after(self.range.last + 1 - range.first)
    }
}

/// A load that is under way, until this is dropped.
struct Loading {
    place: Place,
    memory: Memory,
    _in_use: InUse,
}

impl Loading {
    /// It is a task of its own: whoever waits for it may leave. It is spawned by who waits first, and not while the state
    /// is locked: a runtime that is shutting down drops at once what is spawned, and this locks the state again.
    fn begin<F>(self, load: F) -> Load
    where
        F: Future<Output = Result<Bytes, VaultError>> + Send + 'static,
    {
        let work = async move {
            let bytes = load.await.map_err(Arc::new)?;
            self.memory.keep(self.place.clone(), &bytes);
            Ok(bytes)
        };
        let ended = |ended| match ended {
            Ok(result) => result,
            Err(ended) => {
                let source = io::Error::other(ended);
                Err(Arc::new(VaultError::Io { doing: "reading a copy", source }))
            }
        };
        future::lazy(|_| tokio::spawn(work)).then(move |task| task.map(ended)).boxed().shared()
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.memory.state().loads.remove(&self.place);
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = &mut state.in_use;
        if let Some(copy) = in_use.get_mut(&self.copy) {
            copy.users -= 1;
            if copy.users == 0 {
                in_use.remove(&self.copy);
            }
        }
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Place, Bytes> for ByBytes {
    fn weight(&self, _: &Place, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + PLACE_BYTES
    }
}

fn cache(bytes_max: u64) -> Kept {
    let shards = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
    let typically = (bytes_max / RECORDING_BYTES_TYPICAL) as usize;
    let options = OptionsBuilder::new()
        // Rounded down: it would be rounded up to a power of two, which makes the shards too small.
        .shards(1 << shards.ilog2())
        .estimated_items_capacity(typically)
        .weight_capacity(bytes_max)
        .build()
        .expect("all that it needs is set");
    Cache::with_options(
        options,
        ByBytes,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}

/// The same failure for one more of those who waited for it.
fn same_again(error: &VaultError) -> VaultError {
    match error {
        VaultError::Missing => VaultError::Missing,
        VaultError::Damaged { segment } => VaultError::Damaged { segment: *segment },
        VaultError::Io { doing, source } => {
            let again = match source.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(source.kind(), source.to_string()),
            };
            VaultError::Io { doing, source: again }
        }
        VaultError::Keys(what) => VaultError::Keys(what.clone()),
        VaultError::KeysAway(what) => VaultError::KeysAway(what.clone()),
    }
}

#[cfg(test)]
mod tests;
