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
    /// Pieces that the speech service has heard.
    pieces: u32,
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
            hearing.hear(&**speech, &piece, language.as_deref()).await?;
            let end = piece.start + piece.duration();
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
    let (mut pause, mut failure) = (PIECE_PAUSE_FIRST, None);
    for _ in 1..PIECE_TRIES {
        let told = match speech.transcribe(piece, language).await {
            Err(ProviderError::Throttled { retry_after }) => retry_after,
            Err(ProviderError::Unreachable(_)) => None,
            Err(error @ ProviderError::Unavailable(_)) => {
                failure = Some(error);
                None
            }
            answer => return answer,
        };
        pause = told.unwrap_or((pause * 2).min(PIECE_PAUSE_MAX));
        if pause > PIECE_PAUSE_MAX {
            return Err(ProviderError::Throttled { retry_after: told });
        }
        sleep(pause).await;
    }
    match speech.transcribe(piece, language).await {
        // It was there and failed at this piece, which may be why it is gone.
        Err(gone @ ProviderError::Unreachable(_)) => Err(failure.unwrap_or(gone)),
        answer => answer,
    }
}

/// Twilio's 404 may mean "not there yet" for so long after completion.
const NOT_YET: Duration = Duration::from_mins(10);
const PIECE_TRIES: u32 = 3;
const PIECE_PAUSE_FIRST: Duration = Duration::from_millis(500);
/// For longer the whole job is put off, unless something was heard already.
const PIECE_PAUSE_MAX: Duration = Duration::from_secs(20);
/// Until a provider that wants a pause in the midst of a recording is asked again, however soon it may be.
const THROTTLED_PAUSE_MIN: Duration = Duration::from_secs(30);

impl Hearing {
    /// What was heard is paid for, and lost with this run. So a pause that the provider wants in the midst of a
    /// recording is waited out, for no longer than the stage may take; and whatever else comes between counts as an
    /// attempt, or it would be paid for again and again.
    async fn hear(
        &mut self,
        speech: &dyn Speech,
        piece: &Piece,
        language: Option<&str>,
    ) -> Result<(), StageError> {
        let said = loop {
            match transcribed(speech, piece, language).await {
                Err(ProviderError::Throttled { retry_after }) if self.pieces > 0 => {
                    let pause = retry_after.unwrap_or_default().max(THROTTLED_PAUSE_MIN);
                    tracing::info!(
                        pause_s = pause.as_secs(),
                        pieces = self.pieces,
                        "the speech service asks for a pause in the midst of a recording"
                    );
                    sleep(pause).await;
                }
                Err(error) if self.pieces > 0 => {
                    return Err(StageError::passing(error.to_string()));
                }
                answer => break answer?,
            }
        };
        self.pieces += 1;
        self.take_in(piece, said)
    }

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
