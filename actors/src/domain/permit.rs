//! What an asker is told: play this, wait, or why not.

use std::time::Duration;

use super::{AudioKey, FetchError, GoneCause, StoredCopy, Timestamp};

/// The answer to "may I play this?". An arrival is only mentioned where this is decided, and handed out with the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit<Arrival> {
    Play(Playable),
    /// It is being downloaded and begins as it should: its bytes may be sent as they come. Beside it stands what
    /// somebody is told who would rather not.
    Follow(Arrival, Preparing),
    /// Known, and nothing to send yet.
    Wait(Preparing),
    Deny(Denial),
}

/// A verified copy that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playable {
    pub key: AudioKey,
    pub copy: StoredCopy,
}

/// Honest progress of a recording that cannot be sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preparing {
    pub state: StateName,
    pub attempt: u32,
    pub received_bytes: u64,
    pub total_bytes: Option<u64>,
    pub retry_after: Duration,
}

/// Why a recording will not be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The call is known and has no recording, or not the one that was named.
    NoRecording,
    Gone(GoneCause),
    /// All attempts of the window are used up.
    Exhausted {
        cause: FetchError,
        opens_at: Timestamp,
        retry_after: Duration,
    },
    /// The source refuses our credentials: an operator must act.
    Refused {
        cause: FetchError,
    },
}

/// The five states by name, as prose, JSON and logs spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    Absent,
    Downloading,
    Ready,
    Failed,
    Gone,
}

impl StateName {
    pub const ALL: [Self; 5] =
        [Self::Absent, Self::Downloading, Self::Ready, Self::Failed, Self::Gone];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Downloading => "downloading",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}
