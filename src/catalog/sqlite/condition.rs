//! How the database answered lately, for those who must not wait for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use actors::ports::{CatalogError, Condition};
use tokio::time::Instant;

/// A full disk can be read, and is away for whoever writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    Read,
    Write,
}

pub(super) struct Answers {
    since: Instant,
    /// When the last good one came, in milliseconds since then.
    good_at_ms: AtomicU64,
    is_away: [AtomicBool; 2],
    away: AtomicU64,
}

impl Answers {
    /// The database was opened just now.
    pub(super) fn begin() -> Self {
        Self {
            since: Instant::now(),
            good_at_ms: AtomicU64::new(0),
            is_away: Default::default(),
            away: AtomicU64::new(0),
        }
    }

    /// A refusal is an answer, too.
    pub(super) fn note<T>(&self, work: Work, answer: &Result<T, CatalogError>) {
        let is_away = matches!(answer, Err(CatalogError::Away(_)));
        self.is_away[work as usize].store(is_away, Ordering::Relaxed);
        if is_away {
            self.away.fetch_add(1, Ordering::Relaxed);
        } else {
            self.good_at_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    pub(super) fn condition(&self) -> Condition {
        let silent_ms = self.now_ms().saturating_sub(self.good_at_ms.load(Ordering::Relaxed));
        Condition {
            silent_for: Duration::from_millis(silent_ms),
            is_away: self.is_away.iter().any(|is_away| is_away.load(Ordering::Relaxed)),
            away_total: self.away.load(Ordering::Relaxed),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
