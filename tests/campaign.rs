//! How big a campaign is, and the seed that replays it.
//!
//! A test whose name begins with `campaign_` is short in `make test` and long in `make soak`. The short run is the same
//! each time, as far as chance is concerned: it judges the change. The long one looks for what nobody thought of.

use actors::ports::Clock;
use hearback::world::SystemClock;

/// `short`, or `long` under `SOAK=1`.
#[expect(clippy::disallowed_methods, reason = "how `make soak` asks for the long run")]
pub fn size(short: u64, long: u64) -> u64 {
    if std::env::var("SOAK").is_ok_and(|soak| soak == "1") { long } else { short }
}

/// Of `TEST_SEED` to replay a run, else a new one for a long run. Said aloud either way.
#[expect(clippy::disallowed_methods, reason = "how a run is replayed")]
pub fn seed() -> u64 {
    let given = std::env::var("TEST_SEED").ok();
    let seed = given.map(|text| text.parse().expect("TEST_SEED is a number"));
    let seed = seed.unwrap_or_else(|| size(1, SystemClock.now().as_millis().unsigned_abs()));
    eprintln!("TEST_SEED={seed}");
    seed
}

/// Reproducible chance (splitmix64).
pub struct Chance(pub u64);

impl Chance {
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
