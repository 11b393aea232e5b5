//! The life of a recording, as its rows tell it to an actor that has just been activated.

use super::{Absence, Facts, Failure, Life, State};
use crate::domain::{FetchHistory, HeldCopy, Recording, RetryPolicy, SourceStatus, Timestamp};

impl Life {
    /// As the catalog remembers it.
    pub(crate) fn load(
        recording: Recording,
        held: Option<HeldCopy>,
        history: FetchHistory,
        now: Timestamp,
        retry: &RetryPolicy,
    ) -> Self {
        let (known, present) = match held {
            Some(held) if held.present => (Some(held.copy.clone()), Some(held.copy)),
            Some(held) => (Some(held.copy), None),
            None => (None, None),
        };
        let state = match (present, recording.status.gone()) {
            (Some(copy), _) => State::Ready(copy),
            (None, Some(cause)) => State::Gone(cause),
            (None, None) if recording.status == SourceStatus::InProgress => {
                State::Absent(Absence::BeingRecorded)
            }
            (None, None) => match Failure::recall(&history, now, retry) {
                Some(failure) => State::Failed(failure),
                None => State::Absent(Absence::NotFetched),
            },
        };
        let attempts = history.attempts.within_window(now, retry);
        let promised = history.promised;
        let facts = Facts { recording, known, promised, attempts, waiting: Vec::new() };
        Self { facts, state }
    }
}
