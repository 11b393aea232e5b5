//! From words to what they come to: the Summariser's and the Extractor's work.

use std::sync::Arc;

use super::{StageError, Stages, playback_audio};
use crate::domain::{ClaimedJob, Speaker};
use crate::ports::{Conversation, Finding, LanguageModel, Turn};

impl Stages {
    pub(super) async fn summarise(&self, job: &ClaimedJob) -> Result<Finding, StageError> {
        let conversation = self.conversation(job).await?;
        Ok(Finding::Summary(self.reader()?.summarise(&conversation).await?))
    }

    pub(super) async fn extract(&self, job: &ClaimedJob) -> Result<Finding, StageError> {
        let conversation = self.conversation(job).await?;
        Ok(Finding::Facts(self.reader()?.extract(&conversation).await?))
    }

    fn reader(&self) -> Result<&Arc<dyn LanguageModel>, StageError> {
        let off = || StageError::passing("there is no language model".to_owned());
        self.language_model.as_ref().ok_or_else(off)
    }

    /// As it is known by now, corrections included.
    async fn conversation(&self, job: &ClaimedJob) -> Result<Conversation, StageError> {
        self.recording(job).await?;
        let missing = |what: &str| StageError::lasting(format!("there is no {what}"));
        let record = self.catalog.load_call(&job.call).await?;
        let call = record.ok_or_else(|| missing("such call"))?.call;
        let kept = self.findings.transcript(&playback_audio(job)).await?;
        let kept = kept.ok_or_else(|| missing("transcript"))?;
        let profile = self.findings.business_profile(&job.call.business).await?;
        let names = self.catalog.businesses().await?.into_iter();
        let name = names.filter(|known| known.id == job.call.business).map(|known| known.name);
        let turns = kept.corrected().utterances.into_iter().map(|said| Turn {
            speaker: Speaker::of(said.channel, kept.channels, profile.agent_channel),
            text: said.text,
        });
        Ok(Conversation {
            business: name.last().unwrap_or_else(|| job.call.business.to_string()),
            began_at: call.details.started_at.unwrap_or(call.heard_at),
            time_zone: profile.time_zone,
            direction: call.details.direction,
            language: profile.language.or_else(|| kept.heard.language.clone()),
            services: profile.services,
            turns: turns.collect(),
        })
    }
}
