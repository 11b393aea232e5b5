//! The last failures, one for each thing that failed: whoever opens the page after the failure wants to see it.

use std::collections::VecDeque;

use super::{Happening, What};
use crate::domain::{CallKey, JobId, RecordingSid, StateName, Timestamp};

/// The one that lies furthest back goes first.
const KEPT_MAX: usize = 100;

/// What failed lately, and how often in a row that is kept.
#[derive(Debug, Clone)]
pub struct Failure {
    pub first_at: Timestamp,
    pub times: u32,
    pub last: Happening,
}

/// Oldest first.
#[derive(Debug, Default)]
pub(super) struct Failures(VecDeque<Failure>);

/// What a failure is of: the same thing failing again is one failure more often.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject<'a> {
    Recording(&'a CallKey, RecordingSid),
    Job(JobId),
    Call(&'a CallKey),
    Child(&'static str),
}

/// `None` where nothing failed.
pub(super) fn subject(what: &What) -> Option<Subject<'_>> {
    match what {
        What::Changed { call, now, .. } => {
            (now.state == StateName::Failed).then_some(Subject::Recording(call, now.recording))
        }
        What::Stage { job, error, .. } => error.as_ref().map(|_| Subject::Job(*job)),
        What::Crashed { call, .. } => Some(Subject::Call(call)),
        What::Ended { child, .. } => Some(Subject::Child(child)),
        What::Restarted { .. } => None,
    }
}

impl Failures {
    pub(super) fn keep(&mut self, last: Happening) {
        let wanted = subject(&last.what);
        let before = self.0.iter().position(|kept| subject(&kept.last.what) == wanted);
        let before = before.and_then(|index| self.0.remove(index));
        let (first_at, times) =
            before.map_or((last.at, 1), |kept| (kept.first_at, kept.times.saturating_add(1)));
        if self.0.len() >= KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Failure { first_at, times, last });
    }

    pub(super) fn newest_first(&self) -> Vec<Failure> {
        self.0.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BusinessId, CallSid, Stage};

    fn failed(job: i64, at: i64) -> Happening {
        let call = CallKey {
            business: "acme".parse::<BusinessId>().expect("a name"),
            call: CallSid::from_bits(1),
        };
        let what = What::Stage {
            call,
            recording: RecordingSid::from_bits(1),
            job: JobId(job),
            stage: Stage::Transcribe,
            state: "waiting",
            attempt: 1,
            error: Some("it hangs".to_owned()),
        };
        Happening { at: Timestamp::from_millis(at), what }
    }

    fn jobs(failures: &Failures) -> Vec<(i64, u32)> {
        let job = |failure: &Failure| {
            let What::Stage { job, .. } = &failure.last.what else {
                panic!("only jobs are kept here")
            };
            (job.0, failure.times)
        };
        failures.newest_first().iter().map(job).collect()
    }

    #[test]
    fn the_same_thing_is_one_failure_more_often() {
        let mut failures = Failures::default();
        for (job, at) in [(1, 10), (2, 20), (1, 30)] {
            failures.keep(failed(job, at));
        }
        assert_eq!(jobs(&failures), [(1, 2), (2, 1)]);
        let newest = &failures.newest_first()[0];
        assert_eq!(newest.first_at, Timestamp::from_millis(10));
        assert_eq!(newest.last.at, Timestamp::from_millis(30));
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many() {
        let mut failures = Failures::default();
        for job in 0..=i64::try_from(KEPT_MAX).expect("small") {
            failures.keep(failed(job, job));
        }
        let kept = jobs(&failures);
        assert_eq!(kept.len(), KEPT_MAX);
        assert_eq!((kept[0].0, kept[KEPT_MAX - 1].0), (100, 1));
    }

    #[test]
    fn what_goes_well_is_no_failure() {
        let Happening { what, .. } = failed(1, 0);
        let What::Stage { call, recording, job, stage, state, attempt, .. } = what else { return };
        let what = What::Stage { call, recording, job, stage, state, attempt, error: None };
        assert_eq!(subject(&what), None);
        assert_eq!(subject(&What::Restarted { child: "fetcher" }), None);
    }
}
