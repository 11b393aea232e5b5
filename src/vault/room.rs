//! Room for audio in the clear: how much of it is in memory at a time, whoever holds it.
//!
//! Invariant: what was taken is given back when its last holder lets go of it, be that the memory, a listener or both.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Shared by all that hold audio in the clear.
#[derive(Clone)]
pub(super) struct Room(Arc<Space>);

struct Space {
    bytes_max: u64,
    taken: AtomicU64,
    /// Buffers of `REUSED_BYTES` that nobody holds: the kernel need not find, and clear, memory for every piece.
    spare: Mutex<Vec<Box<[u8]>>>,
}

/// A buffer that is about as large as this is used again.
const REUSED_BYTES: usize = 512 * 1024;
const SPARE_MAX: usize = 64;

/// A part of the room, until this is dropped.
pub(super) struct Taken {
    bytes: u64,
    of: Room,
    to_lend: bool,
}

/// A part of the room with audio in it.
pub(super) struct Buffer {
    /// Longer than `length` where it was used before.
    bytes: Box<[u8]>,
    length: usize,
    taken: Taken,
}

impl Room {
    pub(super) fn of(bytes_max: u64) -> Self {
        let (taken, spare) = (AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Space { bytes_max, taken, spare }))
    }

    /// `None` where it would be more than there is.
    pub(super) fn take(&self, bytes: u64) -> Option<Taken> {
        let more = |taken: u64| taken.checked_add(bytes).filter(|all| *all <= self.0.bytes_max);
        self.0.taken.try_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Taken { bytes, of: self.clone(), to_lend: false })
    }

    /// Also beyond what there is: for the least that a listener needs to get on.
    pub(super) fn take_anyway(&self, bytes: u64) -> Taken {
        self.0.taken.fetch_add(bytes, Ordering::Relaxed);
        Taken { bytes, of: self.clone(), to_lend: false }
    }

    /// Whether so much could be taken now.
    pub(super) fn has(&self, bytes: u64) -> bool {
        self.taken().saturating_add(bytes) <= self.0.bytes_max
    }

    fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }
}

impl Taken {
    /// For what is sent and not kept: its buffer may be one that was used before, and larger.
    pub(super) const fn lent(mut self) -> Self {
        self.to_lend = true;
        self
    }

    /// A buffer of that length, however much was taken for it before its length was known. What is in it is worthless.
    pub(super) fn buffer(self, length: usize) -> Buffer {
        let spare = &self.of.0.spare;
        let fits = self.to_lend && (REUSED_BYTES / 2..=REUSED_BYTES).contains(&length);
        let used = fits.then(|| spare.lock().unwrap_or_else(PoisonError::into_inner).pop());
        let fresh = || vec![0; if fits { REUSED_BYTES } else { length }].into_boxed_slice();
        let bytes = used.flatten().unwrap_or_else(fresh);
        let exact = self.of.take_anyway(bytes.len() as u64);
        Buffer { bytes, length, taken: exact }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.of.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Buffer {
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == REUSED_BYTES {
            let mut spare = self.taken.of.0.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < SPARE_MAX {
                spare.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}
