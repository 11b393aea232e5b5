//! Who turns speech into words.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::Transcript;
use crate::ports::{Piece, PieceLimits};

/// Invariant: every call has a deadline of the adapter's own.
#[async_trait]
pub trait Speech: Send + Sync {
    /// What it takes at a time.
    fn piece_limits(&self) -> PieceLimits;

    /// What is said in one piece. Times count from the beginning of the piece; where the service gives none, they
    /// are those of the voice in it. Every utterance is on the piece's channel.
    async fn transcribe(
        &self,
        piece: &Piece,
        language: Option<&str>,
    ) -> Result<Transcript, ProviderError>;
}

/// Why a speech service or a language model did not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("the provider asks for a pause{}", pause(*retry_after))]
    Throttled { retry_after: Option<Duration> },
    /// It cannot be reached, or says that it is not there just now. That is nobody's fault, and no job's in particular.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// It failed at this, or is too slow: another time it may work.
    #[error("the provider is out of order: {0}")]
    Unavailable(String),
    /// It does not let us in: a key is wrong, or there is no money left. Nothing else would fare better.
    #[error("the provider does not let us in: {0}")]
    ShutOut(String),
    /// It refuses what it was asked: a model or a setting is wrong, or just this is too much for it.
    #[error("the provider refuses: {0}")]
    Refused(String),
    /// It answered, and the answer is of no use. Never with words from the call in it.
    #[error("the provider's answer is of no use: {0}")]
    Nonsense(String),
}

fn pause(retry_after: Option<Duration>) -> String {
    retry_after.map(|span| format!(" of {} s", span.as_secs())).unwrap_or_default()
}
