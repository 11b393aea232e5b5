//! When a failed fetch may be tried again.
//!
//! Invariant: at most `attempts_max` attempts lie in any `window`, and what nobody waits for leaves the last to a listener.

use std::time::Duration;

use super::{Intent, PastFailure, Timestamp, Version};

#[derive(Debug, Clone)]
pub struct RetryPolicy {
    pub attempts_max: usize,
    /// Attempts older than this no longer count.
    pub window: Duration,
    /// Between the first and second, the second and third attempt; the last one repeats.
    pub pauses: Vec<Duration>,
    /// Pauses are stretched by up to this share, so that calls do not retry in step.
    pub jitter: f64,
    /// How long after hearing of completion a 404 means "not there yet".
    pub absent_grace: Duration,
    /// Between asking again within the grace; the last one repeats.
    pub absent_pauses: Vec<Duration>,
    /// How soon refused credentials are tried again.
    pub refused_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
        Self {
            attempts_max: 3,
            window: Duration::from_mins(10),
            pauses: seconds(&[2, 15]),
            jitter: 0.2,
            absent_grace: Duration::from_mins(10),
            absent_pauses: seconds(&[1, 2, 4, 8, 15, 30]),
            refused_pause: Duration::from_mins(1),
        }
    }
}

/// When attempts were made, the oldest first; never more than `attempts_max` of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts(Vec<Timestamp>);

/// What is remembered of fetching a recording when its actor or the process ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchHistory {
    pub attempts: Attempts,
    /// How the last attempt failed; `None` also when it was interrupted.
    pub failure: Option<PastFailure>,
    /// Under which version bytes may have been sent that no copy was made of. What they were is not known, so that
    /// no other bytes may have it.
    pub promised: Option<Version>,
}

/// What a failed attempt leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// By itself, at this time.
    At(Timestamp),
    /// When somebody asks, though not before this time.
    OnDemand(Timestamp),
    /// Not before the window opens again.
    Exhausted(Timestamp),
}

impl Attempts {
    /// The oldest first.
    pub const fn made_at(times: Vec<Timestamp>) -> Self {
        Self(times)
    }

    pub fn times(&self) -> &[Timestamp] {
        &self.0
    }

    pub fn last(&self) -> Option<Timestamp> {
        self.0.last().copied()
    }

    /// Those that still count.
    #[must_use]
    pub fn within_window(mut self, now: Timestamp, policy: &RetryPolicy) -> Self {
        self.0.retain(|at| now < at.plus(policy.window));
        self
    }

    /// Lets one more be made.
    pub fn make_room(&mut self, policy: &RetryPolicy) {
        let excess = (self.0.len() + 1).saturating_sub(policy.attempts_max);
        self.0.drain(..excess.min(self.0.len()));
    }

    /// How many still count.
    pub fn count(&self, now: Timestamp, policy: &RetryPolicy) -> u32 {
        let counted = self.0.iter().filter(|at| now < at.plus(policy.window)).count();
        u32::try_from(counted).unwrap_or(u32::MAX)
    }

    /// Whether what nobody waits for may be taken up: after an attempt that was interrupted with its process, the last
    /// one is left to whoever listens.
    pub fn leave_one(&self, now: Timestamp, policy: &RetryPolicy) -> bool {
        let counted = self.count(now, policy) as usize;
        counted == 0 || counted + 1 < policy.attempts_max
    }

    pub fn record(&mut self, now: Timestamp, policy: &RetryPolicy) {
        self.0.retain(|at| now < at.plus(policy.window));
        self.0.push(now);
    }

    /// The attempt that just ended was none (the source never judged it).
    pub fn forgive(&mut self) {
        self.0.pop();
    }
}

impl RetryPolicy {
    pub fn after_failure(
        &self,
        attempts: &Attempts,
        intent: Intent,
        now: Timestamp,
        chance: f64,
    ) -> Retry {
        let counted = attempts.count(now, self) as usize;
        if counted >= self.attempts_max {
            let oldest = attempts.0[attempts.0.len() - counted];
            return Retry::Exhausted(oldest.plus(self.window));
        }
        let at = now.plus(self.stretched(pause(&self.pauses, counted.saturating_sub(1)), chance));
        match intent {
            Intent::Listen => Retry::At(at),
            Intent::Prefetch | Intent::Backfill => Retry::OnDemand(at),
        }
    }

    /// When to ask again for what is not there yet; `None` when the grace is over.
    pub fn after_absence(
        &self,
        completed_at: Option<Timestamp>,
        asked: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let heard = completed_at?;
        let within = now.since(heard) < self.absent_grace;
        within.then(|| now.plus(pause(&self.absent_pauses, asked as usize)))
    }

    fn stretched(&self, pause: Duration, chance: f64) -> Duration {
        pause.mul_f64(1.0 + self.jitter * chance.clamp(0.0, 1.0))
    }
}

fn pause(pauses: &[Duration], index: usize) -> Duration {
    pauses.get(index).or(pauses.last()).copied().unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn three_attempts_in_ten_minutes_then_the_window_must_open() {
        let policy = RetryPolicy::default();
        let mut attempts = Attempts::default();
        attempts.record(at(0), &policy);
        assert_eq!(policy.after_failure(&attempts, Intent::Listen, at(1), 0.0), Retry::At(at(3)));
        attempts.record(at(3), &policy);
        assert_eq!(policy.after_failure(&attempts, Intent::Listen, at(4), 0.0), Retry::At(at(19)));
        attempts.record(at(19), &policy);
        assert_eq!(
            policy.after_failure(&attempts, Intent::Listen, at(20), 0.0),
            Retry::Exhausted(at(600))
        );
        assert_eq!(attempts.count(at(600), &policy), 2, "the window rolls");
    }

    #[test]
    fn a_prefetch_uses_one_attempt_and_leaves_the_rest_to_a_listener() {
        let policy = RetryPolicy::default();
        let mut attempts = Attempts::default();
        attempts.record(at(0), &policy);
        assert_eq!(
            policy.after_failure(&attempts, Intent::Prefetch, at(1), 0.0),
            Retry::OnDemand(at(3))
        );
    }

    #[test]
    fn absence_is_asked_again_until_the_grace_is_over() {
        let policy = RetryPolicy::default();
        let pauses: Vec<i64> = (0..8)
            .filter_map(|asked| policy.after_absence(Some(at(0)), asked, at(0)))
            .map(|next| next.as_millis() / 1_000)
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 15, 30, 30, 30]);
        assert_eq!(policy.after_absence(Some(at(0)), 9, at(600)), None);
        assert_eq!(policy.after_absence(None, 0, at(0)), None);
    }
}
