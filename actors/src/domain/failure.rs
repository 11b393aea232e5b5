//! Everything that can end a fetch without a copy.

use std::time::Duration;

use super::NotAudio;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("the source cannot be reached: {0}")]
    Unreachable(String),
    #[error("the source did not {0} in time")]
    TimedOut(&'static str),
    #[error("the source ended the transfer early, after {received} bytes")]
    Cut { received: u64 },
    #[error("the source answered {0}")]
    Status(u16),
    #[error("the source answered something that Twilio does not say: {0}")]
    Unexpected(String),
    #[error("the source sent no audio: {0}")]
    NotAudio(#[from] NotAudio),
    #[error("the recording is larger than twilio.max_recording_bytes ({limit} bytes)")]
    TooLarge { limit: u64 },
    #[error("the source says 404")]
    NotFound,
    #[error("the source says that the recording was deleted")]
    Deleted,
    #[error("the source refuses the account's credentials (401)")]
    RefusedAccount,
    #[error("the source refuses this recording to our credentials (403)")]
    RefusedRecording,
    #[error("the source asks for a pause of {} s", retry_after.as_secs())]
    Throttled { retry_after: Duration },
    #[error("the source's bytes differ from the version we knew")]
    ContentChanged,
    #[error("the vault cannot store the copy: {0}")]
    Vault(String),
    #[error("the catalog cannot record the copy: {0}")]
    Catalog(String),
    #[error("too many fetches are queued")]
    QueueFull,
    #[error("the catalog cannot record the attempt: {0}")]
    Unrecorded(String),
    #[error("the fetch was interrupted")]
    Interrupted,
    /// Of a time before this process.
    #[error("{0}")]
    Past(PastFailure),
}

/// What a failure says about the future. Survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The source, the way to it, or our own house was out of order: over when anything else is fetched.
    Outage,
    RefusedAccount,
    RefusedRecording,
    /// It is about this recording.
    Particular,
}

impl FailureKind {
    pub const ALL: [Self; 4] =
        [Self::Outage, Self::RefusedAccount, Self::RefusedRecording, Self::Particular];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::RefusedAccount => "refused-account",
            Self::RefusedRecording => "refused-recording",
            Self::Particular => "particular",
        }
    }

    /// Whether something else might be answered well now.
    pub const fn is_about_what_was_asked_for(self) -> bool {
        match self {
            Self::RefusedRecording | Self::Particular => true,
            Self::Outage | Self::RefusedAccount => false,
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A failure as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct PastFailure {
    pub kind: FailureKind,
    pub words: String,
}

impl From<&FetchError> for PastFailure {
    fn from(error: &FetchError) -> Self {
        Self { kind: error.kind(), words: error.to_string() }
    }
}

impl FetchError {
    /// Every `name` there is.
    pub const NAMES: [&'static str; 19] = [
        "unreachable",
        "timed_out",
        "cut",
        "status",
        "unexpected",
        "not_audio",
        "too_large",
        "not_found",
        "deleted",
        "refused_account",
        "refused_recording",
        "throttled",
        "content_changed",
        "vault",
        "catalog",
        "queue_full",
        "unrecorded",
        "interrupted",
        "past",
    ];

    /// What happened, in one word and without its particulars: for counting.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timed_out",
            Self::Cut { .. } => "cut",
            Self::Status(_) => "status",
            Self::Unexpected(_) => "unexpected",
            Self::NotAudio(_) => "not_audio",
            Self::TooLarge { .. } => "too_large",
            Self::NotFound => "not_found",
            Self::Deleted => "deleted",
            Self::RefusedAccount => "refused_account",
            Self::RefusedRecording => "refused_recording",
            Self::Throttled { .. } => "throttled",
            Self::ContentChanged => "content_changed",
            Self::Vault(_) => "vault",
            Self::Catalog(_) => "catalog",
            Self::QueueFull => "queue_full",
            Self::Unrecorded(_) => "unrecorded",
            Self::Interrupted => "interrupted",
            Self::Past(_) => "past",
        }
    }

    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::Cut { .. }
            | Self::Status(408 | 500..)
            | Self::Throttled { .. }
            | Self::Interrupted
            | Self::Vault(_)
            | Self::Catalog(_)
            | Self::QueueFull
            | Self::Unrecorded(_) => FailureKind::Outage,
            Self::RefusedAccount => FailureKind::RefusedAccount,
            Self::RefusedRecording => FailureKind::RefusedRecording,
            // Of the 4xx, which are about what was asked for.
            Self::Status(_)
            | Self::Unexpected(_)
            | Self::NotAudio(_)
            | Self::TooLarge { .. }
            | Self::NotFound
            | Self::Deleted
            | Self::ContentChanged => FailureKind::Particular,
            Self::Past(past) => past.kind,
        }
    }

    /// Whoever answers this about a recording has accepted the account's credentials.
    pub const fn shows_good_credentials(&self) -> bool {
        matches!(self, Self::NotFound | Self::Deleted | Self::RefusedRecording)
    }

    /// Whether a part of the recording may have arrived that is worth keeping.
    pub const fn is_interruption(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_) | Self::Cut { .. })
    }

    /// Whether a later fetch may go on from what had arrived: nothing was wrong with that.
    pub const fn leaves_what_arrived(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::Cut { .. }
            | Self::Status(_)
            | Self::Throttled { .. }
            | Self::RefusedAccount => true,
            Self::Unexpected(_)
            | Self::NotAudio(_)
            | Self::TooLarge { .. }
            | Self::NotFound
            | Self::Deleted
            | Self::RefusedRecording
            | Self::ContentChanged
            | Self::Vault(_)
            | Self::Catalog(_)
            | Self::QueueFull
            | Self::Unrecorded(_)
            | Self::Interrupted
            | Self::Past(_) => false,
        }
    }

    /// What an operator can do about it.
    pub const fn remedy(&self) -> &'static str {
        const OUTAGE: &str = "nothing: retried; if it lasts, check status.twilio.com, the network and twilio.base_url";
        const CREDENTIALS: &str =
            "give the account's current auth token: hearback business add-token";
        const PERMISSION: &str = "check that the credentials may read this recording";
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Cut { .. } | Self::Status(_) => OUTAGE,
            Self::Unexpected(_) | Self::NotAudio(_) => {
                "check that twilio.base_url is Twilio's API and that no proxy rewrites its answers"
            }
            Self::TooLarge { .. } => "raise twilio.max_recording_bytes",
            Self::NotFound => "nothing: asked again while Twilio may still be publishing it",
            Self::Deleted => "none: it was deleted at Twilio before it was copied",
            Self::RefusedAccount => CREDENTIALS,
            Self::RefusedRecording => PERMISSION,
            Self::Throttled { .. } => {
                "nothing: resumed by itself; lower twilio.requests_per_second"
            }
            Self::ContentChanged => "nothing: fetched again as a new version",
            Self::Vault(_) => "check free space, permissions and health of vault.dir",
            Self::Catalog(_) | Self::Unrecorded(_) => "check the database at database.url",
            Self::QueueFull => "raise twilio.max_parallel_fetches, or wait",
            Self::Interrupted => "nothing: asked again",
            Self::Past(past) => match past.kind {
                FailureKind::Outage => OUTAGE,
                FailureKind::RefusedAccount => CREDENTIALS,
                FailureKind::RefusedRecording => PERMISSION,
                FailureKind::Particular => "see the log of the time before the restart",
            },
        }
    }
}
