//! The table as a snapshot, stories as data, and what must hold for any story.

mod endings;
mod matrix;
mod properties;
mod stories;

use std::time::Duration;

use super::*;
use crate::domain::{AudioType, CopyId, Denial, HeldCopy, RecordingSid, SegmentDigests};

const FETCH: FetchId = FetchId(1);
const ASK: AskId = AskId(1);

fn recording(status: SourceStatus) -> Recording {
    Recording {
        business: "acme".parse().expect("an id"),
        sid: RecordingSid::from_bits(1),
        call: crate::domain::CallSid::from_bits(1),
        account: crate::domain::AccountSid::from_bits(1),
        status,
        channels: Some(1),
        duration: Some(Duration::from_secs(60)),
        started_at: Some(at(0)),
        completed_at: (status != SourceStatus::InProgress).then_some(at(0)),
        expires_at: None,
        held: false,
    }
}

fn copy(id: u128, version: Version) -> StoredCopy {
    StoredCopy {
        id: CopyId::from_bits(id),
        version,
        sha256: [7; 32],
        length: 240_000,
        audio_type: AudioType::Mpeg,
        duration: Duration::from_secs(60),
        segments: SegmentDigests::default(),
    }
}

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

/// As it is when nothing was tried yet.
fn fresh(status: SourceStatus) -> Life {
    let history = FetchHistory::default();
    Life::load(recording(status), None, history, at(0), &RetryPolicy::default())
}

fn policy() -> Policy {
    Policy { retry: RetryPolicy::default(), prefetch: true, waiting_max: 8 }
}

/// What a reader of the table needs to know of an effect.
fn brief(effect: &Effect) -> String {
    match effect {
        Effect::StartFetch { intent, expected, .. } => {
            format!("StartFetch({}, v{})", intent.as_str(), expected.version.0)
        }
        Effect::Remember(history) => format!("Remember({})", history.attempts.times().len()),
        Effect::Prioritise { intent, .. } => format!("Prioritise({})", intent.as_str()),
        Effect::Commit { .. } => "Commit".to_owned(),
        Effect::Discard(_) => "Discard".to_owned(),
        Effect::Expire => "Expire".to_owned(),
        Effect::RecordStatus(status) => format!("RecordStatus({})", status.as_str()),
        Effect::SetTimer { .. } => "SetTimer".to_owned(),
        Effect::Answer(_, permit) => format!("Answer({})", brief_permit(permit)),
    }
}

const fn brief_permit(permit: &Decision) -> &'static str {
    match permit {
        Permit::Play(_) => "Play",
        Permit::Follow(..) => "Follow",
        Permit::Wait(_) => "Wait",
        Permit::Deny(Denial::NoRecording) => "NoRecording",
        Permit::Deny(Denial::Gone(_)) => "Gone",
        Permit::Deny(Denial::Exhausted { .. }) => "Exhausted",
        Permit::Deny(Denial::Refused { .. }) => "Refused",
    }
}

const fn brief_state(state: &State) -> &'static str {
    match state {
        State::Absent(Absence::BeingRecorded) => "Absent(BeingRecorded)",
        State::Absent(Absence::NotFetched) => "Absent(NotFetched)",
        State::Absent(Absence::NotThereYet { .. }) => "Absent(NotThereYet)",
        State::Absent(Absence::Paused { .. }) => "Absent(Paused)",
        State::Downloading(Download { sealed: None, admitted: false, .. }) => "Downloading",
        State::Downloading(Download { sealed: None, admitted: true, .. }) => {
            "Downloading(admitted)"
        }
        State::Downloading(Download { sealed: Some(_), .. }) => "Downloading(sealed)",
        State::Ready(_) => "Ready",
        State::Failed(Failure { plan: Plan::Retry { .. }, .. }) => "Failed(Retry)",
        State::Failed(Failure { plan: Plan::OnDemand { .. }, .. }) => "Failed(OnDemand)",
        State::Failed(Failure { plan: Plan::Exhausted { .. }, .. }) => "Failed(Exhausted)",
        State::Failed(Failure { plan: Plan::Refused { .. }, .. }) => "Failed(Refused)",
        State::Gone(GoneCause::Expired) => "Gone(Expired)",
        State::Gone(_) => "Gone",
    }
}
