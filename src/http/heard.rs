//! The recording whose findings somebody asks for: that it is theirs to know, and is still kept.

use actors::domain::{
    AudioKey, CallKey, Format, JobRecord, JobState, RecordingSid, Stage, primary,
};
use actors::ports::{CallRecord, RecordingRecord};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::words;
use super::problem::Problem;
use super::{Service, stages};

/// When to ask again for what is being made.
const RETRY_AFTER_S: u64 = 2;

/// One recording of a call, kept under this name.
pub(super) struct Heard {
    pub(super) call: CallRecord,
    pub(super) found: RecordingRecord,
    pub(super) audio: AudioKey,
}

impl Service {
    /// The one that is named, or the call's primary.
    pub(super) async fn heard(
        &self,
        key: &CallKey,
        named: Option<RecordingSid>,
    ) -> Result<Heard, Problem> {
        let call = self.record(key).await?;
        let sid = named.or_else(|| primary(call.recordings.iter().map(|found| &found.recording)));
        let found = call.recordings.iter().find(|found| Some(found.recording.sid) == sid);
        let found = found.ok_or(Problem::NoRecording)?.clone();
        if let Some(cause) = found.recording.ending(self.clock.now()) {
            return Err(Problem::RecordingGone(cause));
        }
        let (business, recording) = (key.business.clone(), found.recording.sid);
        Ok(Heard { call, audio: AudioKey { business, recording, format: Format::Mp3 }, found })
    }

    /// The job that makes a finding. Whoever looks for the finding after that finds what the job had made by then.
    pub(super) async fn job_of(
        &self,
        heard: &Heard,
        stage: Stage,
    ) -> Result<Option<JobRecord>, Problem> {
        let jobs = self.jobs_of(&heard.audio).await?;
        Ok(jobs.into_iter().find(|job| job.stage == stage))
    }

    /// What to say of a finding that was not there after its job was asked for: that it is being made, or why it
    /// never will be.
    pub(super) async fn missing(
        &self,
        heard: &Heard,
        stage: Stage,
        job: Option<JobRecord>,
        never: Problem,
    ) -> Result<Response, Problem> {
        if job.is_none() && stage == Stage::Measure {
            if !self.findings.business_profile(&heard.audio.business).await?.runs(stage) {
                return Err(Problem::StageOff);
            }
            let gone = heard.found.recording.status.gone();
            // It is measured as soon as there is a copy.
            return match gone.filter(|_| heard.found.copy.is_none()) {
                Some(cause) => Err(Problem::RecordingGone(cause)),
                None => Ok(preparing(stage, "waiting", 0)),
            };
        }
        let job = job.ok_or(never)?;
        let is_off = stages::is_off(&job, &self.board.jobs.borrow());
        match job.state {
            JobState::Waiting if is_off => Err(Problem::StageOff),
            JobState::Waiting | JobState::Running => {
                Ok(preparing(stage, job.state.as_str(), job.attempt))
            }
            JobState::Done if stage == Stage::Transcribe => Err(Problem::NoSpeech),
            JobState::Done | JobState::Dead | JobState::Cancelled => Err(Problem::StageFailed),
        }
    }
}

/// What was asked for is being made.
#[derive(Serialize, ToSchema)]
#[schema(as = Making)]
pub(super) struct MakingJson {
    /// Always `preparing`.
    status: &'static str,
    #[schema(value_type = words::StageName)]
    stage: &'static str,
    #[schema(value_type = words::JobStateName)]
    state: &'static str,
    /// Attempts begun.
    attempt: u32,
    /// In seconds, as the header of that name.
    retry_after: u64,
}

fn preparing(stage: Stage, state: &'static str, attempt: u32) -> Response {
    let body = MakingJson {
        status: "preparing",
        stage: stage.as_str(),
        state,
        attempt,
        retry_after: RETRY_AFTER_S,
    };
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)),
    ];
    (StatusCode::ACCEPTED, headers, Json(body)).into_response()
}
