//! What all calls' actors together were asked and found out. It outlives each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cheap to clone; all clones are the same counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    asks: AtomicU64,
    joined: AtomicU64,
    damaged: AtomicU64,
}

/// Since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsksView {
    /// Requests that reached a call's actor; what is played off the shelf does not.
    pub asks_total: u64,
    /// Those that found a fetch under way, and cost none of their own.
    pub joined_total: u64,
    /// Copies that could not be read back as they were sealed.
    pub damaged_total: u64,
}

impl Counts {
    pub(super) fn asked(&self, joins: bool) {
        self.0.asks.fetch_add(1, Ordering::Relaxed);
        self.0.joined.fetch_add(u64::from(joins), Ordering::Relaxed);
    }

    pub(super) fn damage_found(&self) {
        self.0.damaged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn view(&self) -> AsksView {
        AsksView {
            asks_total: self.0.asks.load(Ordering::Relaxed),
            joined_total: self.0.joined.load(Ordering::Relaxed),
            damaged_total: self.0.damaged.load(Ordering::Relaxed),
        }
    }
}
