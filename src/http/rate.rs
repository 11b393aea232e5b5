//! How often a caller may ask: bursts pass, a flood is told to slow down.
//!
//! A caller is a subject of a business, or whoever holds a link for one recording. Whoever has no
//! credentials is not counted: behind a proxy all strangers share one address, so that a limit on it would be one on
//! everybody.
//!
//! Invariant: what is remembered is bounded; callers beyond the bound share one pace instead of having none.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::problem::Problem;

/// Callers at a time whose pace is known apart, as counted at each sweep.
const CALLERS_MAX: usize = 100_000;
/// After so many requests those who could burst again are forgotten: they are as good as new.
const SWEEP_EVERY: u32 = 10_000;
/// The pace of all who came when there were too many.
const EVERYBODY_ELSE: u64 = 0;

/// What is hashed again is a keyed hash already.
type Paces = RateLimiter<
    u64,
    DefaultKeyedStateStore<u64, foldhash::fast::RandomState>,
    DefaultClock,
    NoOpMiddleware<<DefaultClock as Clock>::Instant>,
>;

pub(crate) struct RateLimit {
    /// By a keyed hash of the caller, which nobody outside can aim at another's.
    paces: Paces,
    hasher: RandomState,
    clock: DefaultClock,
    requests: AtomicU32,
    crowded: AtomicBool,
}

impl RateLimit {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            paces: RateLimiter::dashmap_with_hasher(quota, foldhash::fast::RandomState::default()),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
            requests: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
        }
    }

    pub(super) fn admit(&self, caller: &str) -> Result<(), Problem> {
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            self.sweep();
        }
        let key = if self.crowded.load(Ordering::Relaxed) {
            EVERYBODY_ELSE
        } else {
            self.hasher.hash_one(caller)
        };
        self.paces.check_key(&key).map_err(|early| Problem::RateLimited {
            retry_after: early.wait_time_from(self.clock.now()),
        })
    }

    fn sweep(&self) {
        self.paces.retain_recent();
        self.paces.shrink_to_fit();
        self.crowded.store(self.paces.len() >= CALLERS_MAX, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(burst: u32) -> RateLimit {
        let per_second = NonZeroU32::new(1).expect("not zero");
        RateLimit::new(per_second, NonZeroU32::new(burst).expect("not zero"))
    }

    #[test]
    fn a_flood_of_one_caller_slows_nobody_else() {
        let limit = limit(3);
        let admitted = (0..10).filter(|_| limit.admit("acme/ann").is_ok()).count();
        assert_eq!(admitted, 3);
        for other in ["acme/bob", "globex/ann"] {
            assert!(limit.admit(other).is_ok(), "{other}");
        }
    }

    #[test]
    fn those_who_could_burst_again_are_forgotten() {
        let second = NonZeroU32::new(1_000_000).expect("not zero");
        let limit = RateLimit::new(second, second);
        for n in 0..SWEEP_EVERY * 3 {
            assert!(limit.admit(&n.to_string()).is_ok());
        }
        // Those who came just before a sweep may still be there after it.
        assert!(limit.paces.len() < 2 * SWEEP_EVERY as usize, "{}", limit.paces.len());
    }
}
