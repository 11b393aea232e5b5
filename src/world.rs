//! Real time and real chance.

use std::time::UNIX_EPOCH;

use actors::domain::Timestamp;
use actors::ports::{Chance, Clock};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

pub struct SystemChance;

impl Chance for SystemChance {
    fn unit(&self) -> f64 {
        // As many bits as a float's fraction has.
        (self.bits() >> 75) as f64 / (1_u64 << 53) as f64
    }

    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
        u128::from_le_bytes(bytes)
    }
}
