//! From audio to words: the Transcriber's work.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::sleep;

use super::guards::Guard;
use super::{Fault, StageError, Stages};
use crate::domain::{ClaimedJob, Transcript, Utterance};
use crate::jobs::Progress;
use crate::ports::{EncodedAudio, Finding, Piece, ProviderError, RecordingRecord, Speech};

/// What was heard so far.
#[derive(Default)]
struct Hearing {
    language: Option<String>,
    utterances: Vec<Utterance>,
    channels: u8,
    guard: Guard,
}

impl Stages {
    pub(super) async fn transcribe(
        &self,
        job: &ClaimedJob,
        progress: &Progress,
    ) -> Result<Finding, StageError> {
        let off = || StageError::passing("there is no speech service".to_owned());
        let speech = self.speech.as_ref().ok_or_else(off)?;
        let found = self.recording(job).await?;
        let language = self.findings.business_profile(&job.call.business).await?.language;
        let audio = self.audio(job, &found).await?;
        let lasts = found.recording.duration.unwrap_or_default();
        let mut pieces = self.ear.listen(audio, speech.piece_limits());
        let mut hearing = Hearing::default();
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            hearing.channels = piece.channels;
            if piece.voiced.is_empty() {
                continue;
            }
            let said = transcribed(&**speech, &piece, language.as_deref()).await?;
            let end = piece.start + piece.duration();
            hearing.take_in(&piece, said)?;
            let part = end.as_secs_f64() / lasts.max(end).as_secs_f64().max(f64::EPSILON);
            // Not all of it: the end is still to be written down.
            progress.tell((part * 990.0) as u16);
        }
        hearing.finding(language)
    }

    /// As the line carried it; what the source has no longer, as players hear it.
    async fn audio(
        &self,
        job: &ClaimedJob,
        found: &RecordingRecord,
    ) -> Result<EncodedAudio, StageError> {
        let error = match self.line(&found.recording).await {
            Ok(audio) => return Ok(audio),
            Err(error) => error,
        };
        let has_copy = found.copy.as_ref().is_some_and(|held| held.present);
        if !error.kind().is_about_what_was_asked_for() {
            return Err(error.into());
        }
        if !has_copy {
            let heard_at = found.recording.completed_at;
            let is_young = heard_at.is_some_and(|at| self.clock.now().since(at) < NOT_YET);
            let fault = if is_young { Fault::Outage } else { Fault::Passing };
            return Err(StageError { words: error.to_string(), fault });
        }
        tracing::info!(
            recording.sid = %job.recording, %error,
            "the source has no WAV of it; the playback copy is transcribed"
        );
        self.copy(found).await
    }
}

/// A long recording has hundreds of pieces: one that fails must not cost all the others.
async fn transcribed(
    speech: &dyn Speech,
    piece: &Piece,
    language: Option<&str>,
) -> Result<Transcript, ProviderError> {
    let mut pause = PIECE_PAUSE_FIRST;
    for _ in 1..PIECE_TRIES {
        let told = match speech.transcribe(piece, language).await {
            Err(ProviderError::Throttled { retry_after }) => retry_after,
            Err(ProviderError::Unreachable(_) | ProviderError::Unavailable(_)) => None,
            answer => return answer,
        };
        pause = told.unwrap_or(pause * 2);
        if pause > PIECE_PAUSE_MAX {
            return Err(ProviderError::Throttled { retry_after: told });
        }
        sleep(pause).await;
    }
    speech.transcribe(piece, language).await
}

/// Twilio's 404 may mean "not there yet" for so long after completion.
const NOT_YET: Duration = Duration::from_mins(10);
const PIECE_TRIES: u32 = 3;
const PIECE_PAUSE_FIRST: Duration = Duration::from_millis(500);
/// For longer the whole job is put off.
const PIECE_PAUSE_MAX: Duration = Duration::from_secs(20);

impl Hearing {
    fn take_in(&mut self, piece: &Piece, mut said: Transcript) -> Result<(), StageError> {
        self.guard.check(piece, &mut said)?;
        self.language = self.language.take().or(said.language);
        for mut utterance in said.utterances {
            utterance.text = utterance.text.trim().to_owned();
            if utterance.text.is_empty() {
                continue;
            }
            utterance.channel = piece.channel;
            utterance.start += piece.start;
            utterance.end += piece.start;
            for word in &mut utterance.words {
                word.start += piece.start;
                word.end += piece.start;
            }
            self.utterances.push(utterance);
        }
        Ok(())
    }

    fn finding(mut self, language: Option<String>) -> Result<Finding, StageError> {
        if !self.guard.judge()? {
            return Ok(Finding::NoSpeech);
        }
        self.utterances.sort_by_key(|said| (said.start, said.channel));
        let transcript =
            Transcript { language: self.language.or(language), utterances: self.utterances };
        Ok(Finding::Transcript { transcript, channels: self.channels.max(1) })
    }
}
