//! Spans, and what is told of them.

use std::fmt;
use std::time::Duration;

use crate::campaign;

/// What is promised, in a long run; a short one shares its machine with everything else that is tested.
pub(crate) fn promised(span: Duration) -> Duration {
    const SHARED: Duration = Duration::from_secs(15);
    if campaign::size(0, 1) == 1 { span } else { SHARED }
}

#[derive(Debug, Default)]
pub(crate) struct Measured(Vec<Duration>);

impl Measured {
    pub(crate) fn push(&mut self, span: Duration) {
        self.0.push(span);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} times, p50 {:?}, max {:?}", self.0.len(), self.median(), self.max())
    }
}
