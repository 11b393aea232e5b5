//! Tokens that were verified a moment ago, so that a player that asks again and again is not checked again and again.
//!
//! Invariant: only what verified is kept, whole, for no longer than it would verify again, and with the keys that
//! verified it: whoever checks with other keys starts with nothing.
//! Invariant: how many are kept, and how long each may be, is bounded.

use std::sync::Arc;

use actors::domain::Timestamp;

use super::Caller;

/// Somebody whose token was good, and is still.
#[derive(Debug)]
pub struct Known {
    pub caller: Caller,
    /// Tells readers apart.
    pub reader: String,
}

const TOKENS_MAX: usize = 4_096;
/// Longer ones are checked each time.
const TOKEN_BYTES_MAX: usize = 2_048;

#[derive(Default)]
pub(super) struct KnownTokens(
    papaya::HashMap<Box<str>, Arc<Known>, foldhash::quality::RandomState>,
);

impl KnownTokens {
    pub(super) fn find(&self, token: &str, now: Timestamp) -> Option<Arc<Known>> {
        let known = self.0.pin();
        known.get(token).filter(|known| known.caller.is_good(now)).cloned()
    }

    pub(super) fn remember(&self, token: &str, caller: Caller, now: Timestamp) -> Arc<Known> {
        let found = Arc::new(Known { reader: caller.reader(), caller });
        if token.len() > TOKEN_BYTES_MAX {
            return found;
        }
        let known = self.0.pin();
        if known.len() >= TOKENS_MAX {
            known.retain(|_, known| known.caller.is_good(now));
        }
        // A crowd that does not fit is checked anew: no token of it is worth more than another.
        if known.len() >= TOKENS_MAX {
            known.clear();
        }
        known.insert(token.into(), Arc::clone(&found));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn caller(expires_in_s: i64) -> Caller {
        Caller {
            subject: "ann".to_owned(),
            business: "acme".parse().expect("an id"),
            role: Role::Agent,
            expires_at: at(expires_in_s),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() + seconds * 1_000)
    }

    #[test]
    fn a_token_is_known_until_it_would_be_refused() {
        let known = KnownTokens::default();
        assert!(known.find("a", NOW).is_none());
        known.remember("a", caller(10), NOW);
        for (seconds, is_known) in [(0, true), (9, true), (10, false), (11, false)] {
            assert_eq!(known.find("a", at(seconds)).is_some(), is_known, "{seconds}");
        }
        assert!(known.find("b", NOW).is_none() && known.find("", NOW).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded_and_those_that_expired_go_first() {
        let known = KnownTokens::default();
        for n in 0..TOKENS_MAX - 1 {
            known.remember(&format!("old {n}"), caller(10), NOW);
        }
        known.remember("young", caller(1_000), NOW);
        known.remember("one more", caller(1_000), at(100));
        assert!(known.find("young", at(100)).is_some());
        assert_eq!(known.0.pin().len(), 2);
        for n in 0..3 * TOKENS_MAX {
            known.remember(&n.to_string(), caller(1_000), at(100));
            assert!(known.0.pin().len() <= TOKENS_MAX);
        }
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        known.remember(&long, caller(1_000), NOW);
        assert!(known.find(&long, NOW).is_none());
    }
}
