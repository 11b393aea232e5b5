//! How fast each account may be asked: a governor, the pauses that the source asks for, and a breaker for
//! credentials that it refuses.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::domain::{AccountSid, FetchError, Timestamp};

/// Refused credentials are tried again once in so long.
const PROBE_PERIOD: Duration = Duration::from_mins(1);
/// A pace that is taken up wholly by listeners: what is not for them waits so long for its turn.
const TURN_PATIENCE: Duration = Duration::from_secs(5);

/// Shared by everything that asks the source, so that one account has one pace.
pub(crate) struct Pacer {
    limiter: DefaultKeyedRateLimiter<AccountSid>,
    clock: DefaultClock,
    requests_per_second: NonZeroU32,
    /// Accounts that were asked for. As many as there are accounts.
    accounts: Mutex<BTreeMap<AccountSid, Health>>,
    counts: Counts,
}

/// Since the process began.
#[derive(Default)]
struct Counts {
    paced: AtomicU64,
    paused: AtomicU64,
    shut_out: AtomicU64,
    throttled: AtomicU64,
    refused: AtomicU64,
}

/// How the source as a whole may be asked: no account is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaceView {
    /// Something had to wait: for the account's own pace, for a pause that the source wants, since the source refuses
    /// the account's credentials.
    pub paced_total: u64,
    pub paused_total: u64,
    pub shut_out_total: u64,
    /// The source said 429, and 401.
    pub throttled_total: u64,
    pub refused_total: u64,
    pub accounts: usize,
    pub accounts_paused: usize,
    pub accounts_refused: usize,
}

/// What the service knows of accounts and the core does not.
#[derive(Clone)]
pub struct AccountsHandle {
    pacer: Arc<Pacer>,
}

impl AccountsHandle {
    pub(crate) const fn new(pacer: Arc<Pacer>) -> Self {
        Self { pacer }
    }

    /// The account has other credentials now: they may be tried at once.
    pub fn trust_again(&self, account: AccountSid, now: Timestamp) {
        let mut accounts = self.pacer.accounts();
        let health = accounts.entry(account).or_default();
        (health.probe_at, health.trusted_at) = (None, Some(now));
        health.exchanged_at = Some(Instant::now());
    }
}

/// What the source said of an account.
#[derive(Debug, Clone, Copy, Default)]
struct Health {
    paused_until: Option<Instant>,
    /// The breaker is open: when the next request may try.
    probe_at: Option<Instant>,
    /// When anything was last fetched.
    worked_at: Option<Timestamp>,
    /// When the credentials were last exchanged.
    trusted_at: Option<Timestamp>,
    /// The same, by a clock that nobody sets.
    exchanged_at: Option<Instant>,
}

/// What operators see of an account's pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPace {
    pub account: AccountSid,
    pub requests_per_second: u32,
    pub paused_for: Option<Duration>,
    /// The source refuses the account's credentials, and they are tried again in so long.
    pub probed_in: Option<Duration>,
    pub worked_at: Option<Timestamp>,
}

impl Pacer {
    pub(crate) fn new(requests_per_second: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(requests_per_second)),
            clock: DefaultClock::default(),
            requests_per_second,
            accounts: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// Takes one request of the account's pace, or says how long it is closed. With refused credentials, the
    /// request that is let through is the probe.
    pub(crate) fn admit(&self, account: AccountSid) -> Result<(), Duration> {
        let now = Instant::now();
        let mut accounts = self.accounts();
        let health = accounts.entry(account).or_default();
        if let Some(closed_for) = until(health.paused_until.max(health.probe_at), now) {
            let Counts { paused, shut_out, .. } = &self.counts;
            let why = if until(health.probe_at, now).is_some() { shut_out } else { paused };
            why.fetch_add(1, Ordering::Relaxed);
            return Err(closed_for);
        }
        self.limiter.check_key(&account).map_err(|early| {
            self.counts.paced.fetch_add(1, Ordering::Relaxed);
            early.wait_time_from(self.clock.now())
        })?;
        health.probe_at = health.probe_at.map(|_| now + PROBE_PERIOD);
        Ok(())
    }

    /// The same, waiting for it within reason, also where others are quicker.
    pub(crate) async fn turn(&self, account: AccountSid) -> Result<(), FetchError> {
        let deadline = Instant::now() + TURN_PATIENCE;
        while let Err(wait) = self.admit(account) {
            if Instant::now() + wait > deadline {
                return Err(FetchError::Throttled { retry_after: wait });
            }
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Whether asking now is known to be in vain.
    pub(crate) fn is_refused(&self, account: AccountSid) -> bool {
        let probe_at = self.accounts().get(&account).and_then(|health| health.probe_at);
        until(probe_at, Instant::now()).is_some()
    }

    /// Takes in how the source answered.
    pub(crate) fn learn(
        &self,
        account: AccountSid,
        outcome: Result<(), &FetchError>,
        now: Timestamp,
    ) {
        let mut accounts = self.accounts();
        let health = accounts.entry(account).or_default();
        match outcome {
            Ok(()) => {
                health.probe_at = None;
                health.worked_at = Some(now);
            }
            Err(FetchError::Throttled { retry_after }) => {
                self.counts.throttled.fetch_add(1, Ordering::Relaxed);
                health.pause(account, *retry_after);
            }
            Err(error @ FetchError::RefusedAccount) => {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                if health.probe_at.replace(Instant::now() + PROBE_PERIOD).is_none() {
                    tracing::error!(
                        account.sid = %account, %error, remedy = error.remedy(),
                        "the source refuses the account; asked again once a minute"
                    );
                }
            }
            Err(error) => {
                if error.shows_good_credentials() {
                    health.probe_at = None;
                }
            }
        }
    }

    /// The same where something else than audio was asked for: that it came says only that the credentials are good.
    pub(crate) fn heard(
        &self,
        account: AccountSid,
        answer: Result<(), &FetchError>,
        now: Timestamp,
    ) {
        match answer {
            Ok(()) => self.accounts().entry(account).or_default().probe_at = None,
            Err(error) => self.learn(account, Err(error), now),
        }
    }

    /// Whether what was asked at that time may have been asked with other credentials than those of now.
    pub(crate) fn was_asked_before_exchange(&self, account: AccountSid, asked_at: Instant) -> bool {
        let exchanged_at = self.accounts().get(&account).and_then(|health| health.exchanged_at);
        exchanged_at.is_some_and(|exchanged_at| asked_at <= exchanged_at)
    }

    /// When the account last got other credentials.
    pub(crate) fn trusted_at(&self, account: AccountSid) -> Option<Timestamp> {
        self.accounts().get(&account).and_then(|health| health.trusted_at)
    }

    /// When anything of the account was last fetched.
    pub(crate) fn worked_at(&self, account: AccountSid) -> Option<Timestamp> {
        self.accounts().get(&account).and_then(|health| health.worked_at)
    }

    pub(crate) fn view(&self) -> Vec<AccountPace> {
        let now = Instant::now();
        let pace = |(account, health): (&AccountSid, &Health)| AccountPace {
            account: *account,
            requests_per_second: self.requests_per_second.get(),
            paused_for: until(health.paused_until, now),
            probed_in: health.probe_at.map(|at| at.saturating_duration_since(now)),
            worked_at: health.worked_at,
        };
        self.accounts().iter().map(pace).collect()
    }

    pub(crate) fn pace(&self) -> PaceView {
        let now = Instant::now();
        let accounts = self.accounts();
        let paused = |health: &&Health| until(health.paused_until, now).is_some();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PaceView {
            paced_total: count(&self.counts.paced),
            paused_total: count(&self.counts.paused),
            shut_out_total: count(&self.counts.shut_out),
            throttled_total: count(&self.counts.throttled),
            refused_total: count(&self.counts.refused),
            accounts: accounts.len(),
            accounts_paused: accounts.values().filter(paused).count(),
            accounts_refused: accounts.values().filter(|it| it.probe_at.is_some()).count(),
        }
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<AccountSid, Health>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    fn pause(&mut self, account: AccountSid, span: Duration) {
        tracing::warn!(
            account.sid = %account, retry_after_s = span.as_secs(),
            "the source throttles the account"
        );
        self.paused_until = self.paused_until.max(Some(Instant::now() + span));
    }
}

/// How long it is until then, if it is still to come.
fn until(at: Option<Instant>, now: Instant) -> Option<Duration> {
    at.filter(|at| *at > now).map(|at| at - now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: AccountSid = AccountSid::from_bits(1);
    const OTHER: AccountSid = AccountSid::from_bits(2);
    const NOW: Timestamp = Timestamp::from_millis(0);

    fn pause(seconds: u64) -> FetchError {
        FetchError::Throttled { retry_after: Duration::from_secs(seconds) }
    }

    #[test]
    fn an_account_beyond_its_rate_is_closed_and_others_are_not() {
        let pacer = Pacer::new(NonZeroU32::MIN);
        assert_eq!(pacer.admit(SLOW), Ok(()));
        assert!(pacer.admit(SLOW).is_err_and(|wait| wait <= Duration::from_secs(1)));
        assert_eq!(pacer.admit(OTHER), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_kept_to_the_end_and_not_shortened() {
        let pacer = Pacer::new(NonZeroU32::MAX);
        pacer.learn(SLOW, Err(&pause(9)), NOW);
        pacer.learn(SLOW, Err(&pause(1)), NOW);
        assert_eq!(pacer.admit(SLOW), Err(Duration::from_secs(9)));
        assert_eq!(pacer.view()[0].paused_for, Some(Duration::from_secs(9)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(pacer.admit(SLOW), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn refused_credentials_are_tried_once_a_minute_until_they_work() {
        let pacer = Pacer::new(NonZeroU32::MAX);
        pacer.learn(SLOW, Err(&FetchError::RefusedAccount), NOW);
        assert!(pacer.is_refused(SLOW) && !pacer.is_refused(OTHER));
        assert_eq!(pacer.admit(SLOW), Err(PROBE_PERIOD));
        tokio::time::advance(PROBE_PERIOD).await;
        assert!(!pacer.is_refused(SLOW));
        assert_eq!(pacer.admit(SLOW), Ok(()), "the probe");
        assert_eq!(pacer.admit(SLOW), Err(PROBE_PERIOD), "and only one");
        pacer.learn(SLOW, Err(&FetchError::Status(503)), NOW);
        assert!(pacer.is_refused(SLOW), "an outage says nothing of the credentials");
        pacer.learn(SLOW, Ok(()), NOW);
        assert_eq!(pacer.admit(SLOW), Ok(()));
        assert_eq!(pacer.worked_at(SLOW), Some(NOW));
    }

    #[tokio::test(start_paused = true)]
    async fn who_had_to_wait_is_counted_by_the_reason_and_without_a_name() {
        let pacer = Pacer::new(NonZeroU32::MIN);
        assert_eq!(pacer.admit(OTHER), Ok(()));
        assert!(pacer.admit(OTHER).is_err());
        pacer.learn(OTHER, Err(&pause(9)), NOW);
        pacer.learn(SLOW, Err(&FetchError::RefusedAccount), NOW);
        assert!(pacer.admit(OTHER).is_err() && pacer.admit(SLOW).is_err());
        let expected = PaceView {
            paced_total: 1,
            paused_total: 1,
            shut_out_total: 1,
            throttled_total: 1,
            refused_total: 1,
            accounts: 2,
            accounts_paused: 1,
            accounts_refused: 1,
        };
        assert_eq!(pacer.pace(), expected);
    }
}
