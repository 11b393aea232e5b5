//! Whether the source still has what we have a copy of: asked before the copy is thrown away.
//!
//! Twilio tells nobody when a recording is deleted there. Whoever wants a copy gone that can be fetched again asks here
//! first; what turns out to be the last copy is written down as such, so that it is not asked for again.
//!
//! Invariant: only the source's own word that it is there counts as that.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::{AccountSid, AudioKey, CallKey, FetchError, RecordingSid, SourceStatus};
use crate::fetcher::Pacer;
use crate::ports::{Catalog, CatalogError, Clock, RecordingSource};
use crate::recordings::RecordingsHandle;
use crate::supervisor::Ports;

pub(crate) struct StillThere {
    catalog: Arc<dyn Catalog>,
    source: Arc<dyn RecordingSource>,
    clock: Arc<dyn Clock>,
    pacer: Arc<Pacer>,
    recordings: RecordingsHandle,
}

/// Why a copy stays that somebody wants gone.
#[derive(Debug, thiserror::Error)]
pub enum StaysError {
    #[error(transparent)]
    Away(#[from] CatalogError),
    #[error("it is the last copy there is")]
    LastCopy,
    /// The source was not asked, does not answer, refuses to, or says something else.
    #[error("it may be the last copy there is: {0}")]
    Unsaid(FetchError),
}

/// A source that takes longer says nothing.
const ANSWER_MAX: Duration = Duration::from_secs(10);

impl StillThere {
    pub(crate) fn new(ports: &Ports, pacer: &Arc<Pacer>, recordings: RecordingsHandle) -> Self {
        Self {
            catalog: Arc::clone(&ports.catalog),
            source: Arc::clone(&ports.source),
            clock: Arc::clone(&ports.clock),
            pacer: Arc::clone(pacer),
            recordings,
        }
    }

    pub(crate) async fn ask(
        &self,
        call: &CallKey,
        account: AccountSid,
        audio: &AudioKey,
    ) -> Result<(), StaysError> {
        let gone = match self.status(account, audio.recording).await {
            Ok(SourceStatus::Completed) => return Ok(()),
            Ok(status) if status.gone().is_some() => status,
            Ok(_) => {
                let said = "a recording that was complete is not any more".to_owned();
                return Err(StaysError::Unsaid(FetchError::Unexpected(said)));
            }
            // Its list may prove a 404 wrong, and lifts it then.
            Err(FetchError::NotFound) => SourceStatus::Missing,
            Err(FetchError::Deleted) => SourceStatus::Deleted,
            Err(error) => return Err(StaysError::Unsaid(error)),
        };
        self.catalog.record_status(audio, gone).await?;
        self.recordings.refresh(call.clone(), None);
        tracing::info!(recording.sid = %audio.recording, status = gone.as_str(), "the last copy is kept");
        Err(StaysError::LastCopy)
    }

    async fn status(
        &self,
        account: AccountSid,
        recording: RecordingSid,
    ) -> Result<SourceStatus, FetchError> {
        self.pacer.turn(account).await?;
        let asking = timeout(ANSWER_MAX, self.source.recording(account, recording));
        let answer = asking.await.unwrap_or(Err(FetchError::TimedOut("answer")));
        self.pacer.heard(account, answer.as_ref().map(drop), self.clock.now());
        answer
    }
}
