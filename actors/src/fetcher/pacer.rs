//! How fast each account may be asked: a governor, and the pauses that the source asks for.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::domain::AccountSid;

/// Shared by everything that asks the source, so that one account has one pace.
pub(crate) struct Pacer {
    limiter: DefaultKeyedRateLimiter<AccountSid>,
    clock: DefaultClock,
    requests_per_second: NonZeroU32,
    /// Accounts that were asked for, and until when they are paused. As many as there are accounts.
    accounts: Mutex<BTreeMap<AccountSid, Option<Instant>>>,
}

/// What operators see of an account's pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPace {
    pub account: AccountSid,
    pub requests_per_second: u32,
    pub paused_for: Option<Duration>,
}

impl Pacer {
    pub(crate) fn new(requests_per_second: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(requests_per_second)),
            clock: DefaultClock::default(),
            requests_per_second,
            accounts: Mutex::default(),
        }
    }

    /// Takes one request of the account's pace, or says how long it is closed.
    pub(crate) fn admit(&self, account: AccountSid) -> Result<(), Duration> {
        if let Some(paused_for) = self.paused_for(account) {
            return Err(paused_for);
        }
        self.limiter.check_key(&account).map_err(|early| early.wait_time_from(self.clock.now()))
    }

    /// Closes the account, as the source asked.
    pub(crate) fn pause(&self, account: AccountSid, span: Duration) {
        let until = Instant::now() + span;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = accounts.entry(account).or_default();
        *known = (*known).max(Some(until));
    }

    pub(crate) fn view(&self) -> Vec<AccountPace> {
        let now = Instant::now();
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = |(account, until): (&AccountSid, &Option<Instant>)| AccountPace {
            account: *account,
            requests_per_second: self.requests_per_second.get(),
            paused_for: until.filter(|until| *until > now).map(|until| until - now),
        };
        accounts.iter().map(pace).collect()
    }

    fn paused_for(&self, account: AccountSid) -> Option<Duration> {
        let now = Instant::now();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let until = accounts.entry(account).or_default();
        until.filter(|until| *until > now).map(|until| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: AccountSid = AccountSid::from_bits(1);
    const OTHER: AccountSid = AccountSid::from_bits(2);

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
        pacer.pause(SLOW, Duration::from_secs(9));
        pacer.pause(SLOW, Duration::from_secs(1));
        assert_eq!(pacer.admit(SLOW), Err(Duration::from_secs(9)));
        assert_eq!(pacer.view()[0].paused_for, Some(Duration::from_secs(9)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(pacer.admit(SLOW), Ok(()));
    }
}
