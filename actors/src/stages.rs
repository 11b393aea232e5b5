//! What the pipeline does with a recording, stage by stage. Each asks the world, and returns what it found.
//!
//! Invariant: nothing here writes: a worker does, together with the end of its job.

mod guards;
mod line;
mod measure;
mod transcribe;
mod understand;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::{AudioKey, ClaimedJob, FetchError, Format, GoneCause, Stage};
use crate::fetcher::Pacer;
use crate::jobs::Progress;
use crate::ports::{
    Catalog, CatalogError, Clock, Ear, EarError, Finding, Findings, LanguageModel, ProviderError,
    RecordingRecord, RecordingSource, Speech, Vault,
};

pub(crate) struct Stages {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) findings: Arc<dyn Findings>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) source: Arc<dyn RecordingSource>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ear: Arc<dyn Ear>,
    /// `None`: nothing is transcribed.
    pub(crate) speech: Option<Arc<dyn Speech>>,
    /// `None`: nothing is summarised, and no facts are extracted.
    pub(crate) language_model: Option<Arc<dyn LanguageModel>>,
}

/// Why a stage came to nothing this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StageError {
    /// For operators: never words from the call.
    pub(crate) words: String,
    pub(crate) fault: Fault,
}

/// What a failure says about the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another attempt would end the same.
    Lasting,
    /// It is about this recording, and may pass.
    Passing,
    /// The provider failed at this. Where it fails at other jobs too, it is out of order.
    ProviderFailure,
    /// Something of ours, or the source, is out of order: no attempt of this job.
    Outage,
    /// The provider is, or wants to be left alone for so long, by everybody.
    ProviderOutage(Option<Duration>),
}

/// A job that takes longer than this hangs.
const fn takes_at_most(stage: Stage) -> Duration {
    match stage {
        Stage::Measure => Duration::from_mins(10),
        Stage::Transcribe => Duration::from_hours(4),
        Stage::Summarise | Stage::Extract => Duration::from_mins(10),
    }
}

impl Stages {
    /// Whether there is anybody to ask.
    pub(crate) const fn can(&self, stage: Stage) -> bool {
        match stage {
            Stage::Measure => true,
            Stage::Transcribe => self.speech.is_some(),
            Stage::Summarise | Stage::Extract => self.language_model.is_some(),
        }
    }

    pub(crate) async fn run(
        &self,
        job: &ClaimedJob,
        progress: &Progress,
    ) -> Result<Finding, StageError> {
        let limit = takes_at_most(job.stage);
        let work = async {
            match job.stage {
                Stage::Measure => self.measure(job).await,
                Stage::Transcribe => self.transcribe(job, progress).await,
                Stage::Summarise => self.summarise(job).await,
                Stage::Extract => self.extract(job).await,
            }
        };
        let hangs = |_| Err(StageError::passing(format!("it took more than {limit:?}")));
        timeout(limit, work).await.unwrap_or_else(hangs)
    }

    /// The recording that a job is about, if it may still be heard.
    async fn recording(&self, job: &ClaimedJob) -> Result<RecordingRecord, StageError> {
        let record = self.catalog.load_call(&job.call).await?;
        let found = record
            .into_iter()
            .flat_map(|record| record.recordings)
            .find(|found| found.recording.sid == job.recording);
        let found =
            found.ok_or_else(|| StageError::passing("there is no such recording".into()))?;
        match found.recording.ending(self.clock.now()) {
            Some(cause) => Err(gone(cause)),
            None => Ok(found),
        }
    }
}

fn gone(cause: GoneCause) -> StageError {
    StageError::lasting(cause.as_str().to_owned())
}

/// The copy that players get; what is found out is kept under its name too.
fn playback_audio(job: &ClaimedJob) -> AudioKey {
    let business = job.call.business.clone();
    AudioKey { business, recording: job.recording, format: Format::Mp3 }
}

impl StageError {
    pub(crate) const fn passing(words: String) -> Self {
        Self { words, fault: Fault::Passing }
    }

    pub(crate) const fn lasting(words: String) -> Self {
        Self { words, fault: Fault::Lasting }
    }

    /// What it is when the provider fails at whatever it is asked.
    pub(crate) fn of_doubtful_provider(mut self) -> Self {
        if self.fault == Fault::ProviderFailure {
            self.fault = Fault::ProviderOutage(None);
        }
        self
    }
}

impl From<CatalogError> for StageError {
    fn from(error: CatalogError) -> Self {
        Self { words: error.to_string(), fault: Fault::Outage }
    }
}

impl From<ProviderError> for StageError {
    /// A refusal may pass too: somebody corrects a key or a model. Its attempts are bounded like all others.
    fn from(error: ProviderError) -> Self {
        let fault = match &error {
            ProviderError::Throttled { retry_after } => Fault::ProviderOutage(*retry_after),
            ProviderError::Unreachable(_) | ProviderError::ShutOut(_) => {
                Fault::ProviderOutage(None)
            }
            ProviderError::Unavailable(_) => Fault::ProviderFailure,
            ProviderError::Refused(_) | ProviderError::Nonsense(_) => Fault::Passing,
        };
        Self { words: error.to_string(), fault }
    }
}

impl From<EarError> for StageError {
    fn from(error: EarError) -> Self {
        let lasts = matches!(error, EarError::Undecodable(_));
        let fault = if lasts { Fault::Lasting } else { Fault::Passing };
        Self { words: error.to_string(), fault }
    }
}

impl From<FetchError> for StageError {
    /// The pause that the source wants is kept by the account's pacer, for everybody.
    fn from(error: FetchError) -> Self {
        let particular = error.kind().is_about_what_was_asked_for();
        let fault = if particular { Fault::Passing } else { Fault::Outage };
        Self { words: error.to_string(), fault }
    }
}
