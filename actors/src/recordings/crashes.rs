//! Which actors crashed, how often, and how long they are left alone.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::board::Posting;
use crate::domain::{CallKey, Timestamp};

const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Shorter than askers wait to be let through.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// So long without a crash, and it is forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_mins(10);
/// Remembered at most; the oldest go first.
const REMEMBERED_MAX: usize = 1_000;

#[derive(Default)]
pub(super) struct Crashes {
    remembered: BTreeMap<CallKey, Crash>,
    total: u64,
}

struct Crash {
    count: u32,
    error: String,
    at: Timestamp,
}

/// A call whose actor crashed lately.
#[derive(Debug, Clone)]
pub struct CrashView {
    pub key: CallKey,
    pub count: u32,
    pub error: String,
    pub at: Timestamp,
}

impl Crash {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at) >= FORGIVEN_AFTER
    }
}

impl Crashes {
    /// Forgets crashes of long ago, and the oldest where there are too many. Returns whose they were.
    pub(super) fn forgive(&mut self, now: Timestamp) -> Vec<CallKey> {
        let mut forgiven: Vec<CallKey> = self
            .remembered
            .extract_if(.., |_, crash| crash.is_over(now))
            .map(|(key, _)| key)
            .collect();
        while self.remembered.len() >= REMEMBERED_MAX
            && let Some(oldest) =
                self.remembered.iter().min_by_key(|(_, crash)| crash.at).map(|(key, _)| key.clone())
        {
            self.remembered.remove(&oldest);
            forgiven.push(oldest);
        }
        forgiven
    }

    /// Remembers a crash. Says how many there were, and how long to wait before the next start.
    pub(super) fn record(&mut self, key: &CallKey, error: &str, now: Timestamp) -> (u32, Duration) {
        self.total += 1;
        let first = Crash { count: 0, error: String::new(), at: now };
        let crash = self.remembered.entry(key.clone()).or_insert(first);
        crash.count += 1;
        crash.error = error.to_owned();
        crash.at = now;
        let doubled = PAUSE_FIRST.saturating_mul(1 << (crash.count - 1).min(16));
        (crash.count, doubled.min(PAUSE_MAX))
    }

    /// Writes on a posting what its call's actors went through.
    pub(super) fn mark(&self, key: &CallKey, mut posting: Posting, now: Timestamp) -> Posting {
        if let Some(crash) = self.remembered.get(key).filter(|crash| !crash.is_over(now)) {
            posting.restarts = crash.count;
            posting.last_error = Some(crash.error.clone());
        }
        posting
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn view(&self) -> Vec<CrashView> {
        let view = |(key, crash): (&CallKey, &Crash)| CrashView {
            key: key.clone(),
            count: crash.count,
            error: crash.error.clone(),
            at: crash.at,
        };
        self.remembered.iter().map(view).collect()
    }
}
