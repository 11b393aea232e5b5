//! Whether the source still has what we have a copy of: asked before the copy is thrown away.
//!
//! Twilio tells nobody when a recording is deleted there. Whoever wants a copy gone that can be fetched again asks here
//! first; what turns out to be the last copy is written down as such, so that it is not asked for again.
//!
//! Invariant: only the source's own word that it is there counts as that.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::{AccountSid, AudioKey, FetchError, RecordingSid, SourceStatus};
use crate::fetcher::Pacer;
use crate::ports::{Catalog, CatalogError, Clock, RecordingSource};
use crate::supervisor::Ports;

pub(crate) struct StillThere {
    catalog: Arc<dyn Catalog>,
    source: Arc<dyn RecordingSource>,
    clock: Arc<dyn Clock>,
    pacer: Arc<Pacer>,
}

/// What the source said of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    StillThere,
    /// Ours is the last copy.
    Gone,
    /// It was not asked, does not answer, refuses to, or says something else.
    Unsaid(FetchError),
}

/// A source that takes longer says nothing.
const ANSWER_MAX: Duration = Duration::from_secs(10);

impl StillThere {
    pub(crate) fn new(ports: &Ports, pacer: &Arc<Pacer>) -> Self {
        Self {
            catalog: Arc::clone(&ports.catalog),
            source: Arc::clone(&ports.source),
            clock: Arc::clone(&ports.clock),
            pacer: Arc::clone(pacer),
        }
    }

    pub(crate) async fn ask(
        &self,
        account: AccountSid,
        audio: &AudioKey,
    ) -> Result<Word, CatalogError> {
        let gone = match self.status(account, audio.recording).await {
            Ok(SourceStatus::Completed) => return Ok(Word::StillThere),
            Ok(status) if status.gone().is_some() => status,
            Ok(_) => {
                let said = "a recording that was complete is not any more".to_owned();
                return Ok(Word::Unsaid(FetchError::Unexpected(said)));
            }
            // Its list may prove a 404 wrong, and lifts it then.
            Err(FetchError::NotFound) => SourceStatus::Missing,
            Err(FetchError::Deleted) => SourceStatus::Deleted,
            Err(error) => return Ok(Word::Unsaid(error)),
        };
        self.catalog.record_status(audio, gone).await?;
        tracing::info!(recording.sid = %audio.recording, status = gone.as_str(), "the last copy is kept");
        Ok(Word::Gone)
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
