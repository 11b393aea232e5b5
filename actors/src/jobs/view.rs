//! What operators see of the pipeline.

use std::time::Duration;

use crate::domain::{ClaimedJob, JobState, Stage, Timestamp};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobsView {
    pub stages: Vec<StageView>,
    pub running: Vec<RunningJobView>,
    pub backlog: JobBacklog,
    pub last_error: Option<String>,
}

/// What the catalog holds, as it was counted last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobBacklog {
    /// Without those that are done.
    pub counts: Vec<(Stage, JobState, u64)>,
    /// When the oldest job that waits was begun, of each stage that has one.
    pub oldest: Vec<(Stage, Timestamp)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageView {
    pub stage: Stage,
    /// None: the stage is switched off, and its jobs wait.
    pub workers: usize,
    /// Its provider asked for that.
    pub paused_for: Option<Duration>,
    pub finished_total: u64,
    pub failed_total: u64,
    /// Not for their own fault.
    pub postponed_total: u64,
    pub lost_total: u64,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningJobView {
    pub job: ClaimedJob,
    pub since: Timestamp,
    /// How far it is, in thousandths.
    pub permille: u16,
}

impl RunningJobView {
    /// How far it is, from 0 to 1.
    pub fn progress(&self) -> f64 {
        f64::from(self.permille) / 1_000.0
    }
}

/// How a worker's run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageOutcome {
    Finished {
        /// Whether its provider did its part, as far as one can tell.
        by_provider: bool,
    },
    Failed {
        error: String,
        /// Whether it is tried again.
        again: bool,
        /// Whether its provider failed at it.
        by_provider: bool,
    },
    /// Nobody's fault: it is tried again, and this was no attempt.
    Postponed {
        error: String,
        /// Whether the provider is out of order, for everybody.
        of_provider: bool,
        /// For how long it wants to be left alone.
        told: Option<Duration>,
    },
    /// Given back untried.
    Released,
    /// Somebody else may have it, or it was cancelled: what was found has had no effect.
    Lost,
}

impl StageView {
    pub(super) const fn new(stage: Stage, workers: usize) -> Self {
        Self {
            stage,
            workers,
            paused_for: None,
            finished_total: 0,
            failed_total: 0,
            postponed_total: 0,
            lost_total: 0,
            last_error: None,
        }
    }

    pub(super) fn count(&mut self, outcome: &StageOutcome) {
        match outcome {
            StageOutcome::Finished { .. } => {
                self.finished_total += 1;
                self.last_error = None;
            }
            StageOutcome::Failed { error, .. } => {
                self.failed_total += 1;
                self.last_error = Some(error.clone());
            }
            StageOutcome::Postponed { error, .. } => {
                self.postponed_total += 1;
                self.last_error = Some(error.clone());
            }
            StageOutcome::Lost => self.lost_total += 1,
            StageOutcome::Released => {}
        }
    }
}

impl StageOutcome {
    /// What is to be said of the job now.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Finished { .. } => "done",
            Self::Failed { again: true, .. } | Self::Postponed { .. } | Self::Released => "waiting",
            Self::Failed { again: false, .. } => "dead",
            Self::Lost => "lost",
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Failed { error, .. } | Self::Postponed { error, .. } => Some(error),
            Self::Finished { .. } | Self::Released | Self::Lost => None,
        }
    }
}
