//! How long things took: counted in fixed buckets, which is all that is kept of each.

use std::time::Duration;

/// Small, and published whole. All have the same buckets, so that they can be added up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    counts: [u64; BUCKETS],
    sum: Duration,
}

/// From a play out of memory to an hour's download. Whatever takes longer counts behind the last.
pub const BOUNDS: [Duration; BUCKETS - 1] = [
    Duration::from_micros(250),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(1),
];
/// With the one behind the last bound.
pub const BUCKETS: usize = 19;

impl Distribution {
    pub const fn of(counts: [u64; BUCKETS], sum: Duration) -> Self {
        Self { counts, sum }
    }

    pub fn record(&mut self, span: Duration) {
        self.counts[Self::bucket(span)] += 1;
        self.sum = self.sum.saturating_add(span);
    }

    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Where a span is counted: in the first bucket whose bound it does not exceed.
    pub fn bucket(span: Duration) -> usize {
        BOUNDS.partition_point(|bound| *bound < span)
    }

    /// Of each bucket by itself, in the order of `BOUNDS`, and behind the last.
    pub const fn counts(&self) -> &[u64; BUCKETS] {
        &self.counts
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_counted_in_the_first_bucket_that_holds_it() {
        let mut spans = Distribution::default();
        for bound in BOUNDS {
            spans.record(bound);
            spans.record(bound + Duration::from_nanos(1));
        }
        let expected = std::array::from_fn(|bucket| match bucket {
            0 => 1,
            last if last == BUCKETS - 1 => 1,
            _ => 2,
        });
        assert_eq!(spans.counts(), &expected);
        assert_eq!(spans.total(), 2 * BOUNDS.len() as u64);
        let twice: Duration = BOUNDS.iter().map(|bound| *bound * 2).sum();
        assert_eq!(spans.sum(), twice + Duration::from_nanos(BOUNDS.len() as u64));
        let mut doubled = spans.clone();
        doubled.add(&spans);
        assert_eq!(doubled.total(), 2 * spans.total());
        assert!(BOUNDS.is_sorted());
    }
}
