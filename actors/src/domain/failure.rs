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
    #[error("the fetch was interrupted")]
    Interrupted,
}

impl FetchError {
    /// What an operator can do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::Cut { .. } | Self::Status(_) => {
                "nothing: retried; if it lasts, check status.twilio.com, the network and twilio.base_url"
            }
            Self::Unexpected(_) | Self::NotAudio(_) => {
                "check that twilio.base_url is Twilio's API and that no proxy rewrites its answers"
            }
            Self::TooLarge { .. } => "raise twilio.max_recording_bytes",
            Self::NotFound => "nothing: asked again while Twilio may still be publishing it",
            Self::Deleted => "none: it was deleted at Twilio before it was copied",
            Self::RefusedAccount => {
                "give the account's current auth token: hearback business add-token"
            }
            Self::RefusedRecording => "check that the credentials may read this recording",
            Self::Throttled { .. } => {
                "nothing: resumed by itself; lower twilio.requests_per_second"
            }
            Self::ContentChanged => "nothing: fetched again as a new version",
            Self::Vault(_) => "check free space, permissions and health of vault.dir",
            Self::Catalog(_) => "check the database at database.url",
            Self::QueueFull => "raise twilio.max_parallel_fetches, or wait",
            Self::Interrupted => "nothing: asked again",
        }
    }
}
