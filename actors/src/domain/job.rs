//! Work of the pipeline that survives a crash: which stage, of which recording, how often it was tried.

use std::fmt;
use std::time::Duration;

use super::{CallKey, RecordingSid, Timestamp};

/// What the pipeline does with a recording. Each stage is a job of its own, so that a failure repeats only that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The playback copy's peaks and true duration.
    Measure,
    Transcribe,
    Summarise,
    Extract,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Measure, Self::Transcribe, Self::Summarise, Self::Extract];

    /// Whom it asks.
    pub const fn provider(self) -> Provider {
        match self {
            Self::Measure => Provider::Ourselves,
            Self::Transcribe => Provider::Speech,
            Self::Summarise | Self::Extract => Provider::LanguageModel,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Measure => "measure",
            Self::Transcribe => "transcribe",
            Self::Summarise => "summarise",
            Self::Extract => "extract",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    Ourselves,
    Speech,
    LanguageModel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// To be run at its time, by whoever has a worker to spare.
    Waiting,
    Running,
    Done,
    /// Its last attempt failed; only an operator brings it back.
    Dead,
    Cancelled,
}

impl JobState {
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Running, Self::Done, Self::Dead, Self::Cancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "job {}", self.0)
    }
}

/// The right to run a job, for a while. Whoever claims the job later has a higher epoch, and then nothing that the
/// earlier one does has any effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub job: JobId,
    pub epoch: i64,
}

/// A job that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    pub lease: Lease,
    pub stage: Stage,
    pub call: CallKey,
    pub recording: RecordingSid,
    /// Counted from 1.
    pub attempt: u32,
    pub created_at: Timestamp,
}

/// How a job is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRetry {
    pub attempts_max: u32,
    pub pause_first: Duration,
    pub pause_max: Duration,
    /// A job that is older than this has no failures any more that are nobody's.
    pub outage_max: Duration,
}

impl JobRetry {
    /// When the attempt after this one may be made; `None` if this was the last. `told` is what the provider asks
    /// for; `chance`, from 0 to 1, spreads what failed together.
    pub fn next_at(
        &self,
        attempt: u32,
        told: Option<Duration>,
        now: Timestamp,
        chance: f64,
    ) -> Option<Timestamp> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doubled = self.pause_first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let pause = doubled.min(self.pause_max).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        Some(now.plus(pause.max(told.unwrap_or_default())))
    }
}

/// A job as operators and readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    pub id: JobId,
    pub stage: Stage,
    pub call: CallKey,
    pub recording: RecordingSid,
    pub state: JobState,
    pub attempt: u32,
    /// While it waits: not before then.
    pub run_at: Timestamp,
    pub lease_until: Option<Timestamp>,
    pub last_error: Option<String>,
    /// What came of it, in a few words; never words from the call.
    pub result: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: JobRetry = JobRetry {
        attempts_max: 4,
        pause_first: Duration::from_secs(10),
        pause_max: Duration::from_secs(30),
        outage_max: Duration::from_hours(1),
    };
    const NOW: Timestamp = Timestamp::from_millis(0);

    #[test]
    fn pauses_double_up_to_a_bound_and_end_with_the_last_attempt() {
        let pause = |attempt| RETRY.next_at(attempt, None, NOW, 1.0).map(|at| at.since(NOW));
        assert_eq!(pause(1), Some(Duration::from_secs(10)));
        assert_eq!(pause(2), Some(Duration::from_secs(20)));
        assert_eq!(pause(3), Some(Duration::from_secs(30)));
        assert_eq!(pause(4), None);
    }

    #[test]
    fn a_provider_that_asks_for_longer_gets_it() {
        let told = Some(Duration::from_mins(2));
        assert_eq!(RETRY.next_at(1, told, NOW, 0.0), Some(NOW.plus(Duration::from_mins(2))));
        assert_eq!(RETRY.next_at(1, None, NOW, 0.0), Some(NOW.plus(Duration::from_secs(5))));
    }
}
