//! Wrapped keys that were asked for a moment ago, so that not every read of a file is two queries as well.
//!
//! Invariant: nothing here opens anything without the master key, and no unwrapped key is here.
//! Invariant: a key is forgotten with the copy that is discarded, whatever becomes of that. One that was destroyed
//! without a word to us opens nothing once it is older than `CONFIRMED_FOR`, unless the store is out of reach, where
//! nothing can be destroyed either.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actors::domain::AudioKey;
use quick_cache::sync::Cache;
use tokio::time::Instant;

/// How soon a running service notices what another process did to its keys.
const CONFIRMED_FOR: Duration = Duration::from_secs(5);
const RECORDINGS_MAX: usize = 4_096;

/// The key of a recording, and that of the business which opens it.
#[derive(Clone)]
pub(super) struct Wrapped {
    pub(super) of_business: Vec<u8>,
    pub(super) of_recording: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Known {
    pub(super) wrapped: Wrapped,
    asked_at: Instant,
}

pub(super) struct Remembered {
    keys: Cache<AudioKey, Known>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often anything was forgotten.
    forgotten: u64,
    closed: bool,
}

/// What was forgotten before the store was asked: an answer from before the next forgetting is not kept.
pub(super) struct Asked {
    forgotten: u64,
    at: Instant,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { keys: Cache::new(RECORDINGS_MAX), state: Mutex::default() }
    }
}

impl Remembered {
    pub(super) fn get(&self, key: &AudioKey) -> Option<Known> {
        self.keys.get(key)
    }

    /// To be said before the store is asked.
    pub(super) fn asking(&self) -> Asked {
        Asked { forgotten: self.state().forgotten, at: Instant::now() }
    }

    pub(super) fn keep(&self, key: &AudioKey, wrapped: Wrapped, asked: &Asked) {
        let state = self.state();
        if !state.closed && state.forgotten == asked.forgotten {
            self.keys.insert(key.clone(), Known { wrapped, asked_at: asked.at });
        }
    }

    pub(super) fn forget(&self, key: &AudioKey) {
        self.state().forgotten += 1;
        self.keys.remove(key);
    }

    pub(super) fn forget_all(&self) {
        self.state().forgotten += 1;
        self.keys.clear();
    }

    /// Forgets all, and remembers nothing from now on.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.keys.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn is_confirmed(&self) -> bool {
        self.asked_at.elapsed() < CONFIRMED_FOR
    }
}
