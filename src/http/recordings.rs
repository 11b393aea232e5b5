//! Preparing a recording, and its state.

use std::time::Duration;

use actors::domain::{Intent, Permit, StateName};
use actors::{Ask, RecordingView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::parameters::{OfCall, OfReadable};
use super::openapi::{refusals, words};
use super::play::{PreparingJson, preparing_response};
use super::problem::Problem;
use super::target::{Readable, Target};
use super::{Service, rfc3339};

/// A verified copy is here, and plays at once.
#[derive(Serialize, ToSchema)]
#[schema(as = Prepared)]
pub(super) struct PreparedJson {
    /// Always `ready`.
    status: &'static str,
    #[schema(value_type = words::State)]
    state: &'static str,
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    total_bytes: u64,
    duration_seconds: f64,
}

/// Starts the fetch, if there is none, and says how it stands.
#[utoipa::path(
    post, path = "/api/recordings/{call_sid}/prepare", tag = "recordings", params(OfCall),
    responses(
        (status = 200, description = "A verified copy is here.", body = PreparedJson),
        (status = 202, description = "It is being fetched.", body = PreparingJson,
            headers(("Retry-After" = u64, description = "Seconds after which asking again may help."))),
        refusals::ToPrepare,
    ),
)]
pub(super) async fn prepare(
    State(service): State<Service>,
    Target { key, recording }: Target,
) -> Result<Response, Problem> {
    let ask = Ask { recording, intent: Intent::Listen, wait: Duration::ZERO };
    match service.recordings.ask(&key, ask).await?.ok_or(Problem::NoSuchCall)? {
        Permit::Play(playable) => {
            let copy = playable.copy;
            let body = PreparedJson {
                status: "ready",
                state: StateName::Ready.as_str(),
                recording_sid: playable.key.recording.to_string(),
                total_bytes: copy.length,
                duration_seconds: copy.duration.as_secs_f64(),
            };
            Ok((no_store(), Json(body)).into_response())
        }
        Permit::Follow(_, preparing) | Permit::Wait(preparing) => {
            Ok(preparing_response(&preparing))
        }
        Permit::Deny(denial) => Err(denial.into()),
    }
}

/// What is, why, and what happens next.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RecordingStatus)]
pub(super) struct Status {
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    #[schema(value_type = words::State)]
    state: &'static str,
    /// While it is being fetched.
    #[schema(value_type = Option<words::FetchPhase>)]
    phase: Option<&'static str>,
    /// Attempts begun in the current window of ten minutes.
    attempt: u32,
    received_bytes: u64,
    total_bytes: Option<u64>,
    #[schema(value_type = Option<words::Time>)]
    retry_at: Option<String>,
    /// Why it is not there, in words.
    reason: Option<String>,
    /// What happens next, in words.
    next: &'static str,
}

/// What is, why, and what happens next. Looks only: starts nothing.
#[utoipa::path(
    get, path = "/api/recordings/{call_sid}/status", tag = "recordings", params(OfReadable),
    responses((status = 200, description = "How it stands.", body = Status), refusals::ToStatus),
    security(("bearer" = []), ("session" = []), ("link" = [])),
)]
pub(super) async fn status(
    State(service): State<Service>,
    Readable { target: Target { key, recording }, .. }: Readable,
) -> Result<Response, Problem> {
    let call = service.recordings.look(&key).await?.ok_or(Problem::NoSuchCall)?;
    let view = call.recording(recording).ok_or(Problem::NoRecording)?;
    Ok((no_store(), Json(Status::of(&view.clone().as_of(service.clock.now())))).into_response())
}

impl Status {
    pub(super) fn is_in(&self, state: StateName) -> bool {
        self.state == state.as_str()
    }

    pub(super) fn of(view: &RecordingView) -> Self {
        let ready = view.state == StateName::Ready;
        let progress = view.progress();
        Self {
            recording_sid: view.recording.to_string(),
            state: view.state.as_str(),
            phase: progress.map(|progress| progress.phase.as_str()),
            attempt: view.attempt,
            received_bytes: match progress {
                Some(progress) => progress.received,
                None if ready => view.length.unwrap_or(0),
                None => 0,
            },
            total_bytes: progress.and_then(|progress| progress.total).or(view.length),
            retry_at: view.retry_at.map(rfc3339),
            reason: view.reason.clone(),
            next: view.next,
        }
    }
}

fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
