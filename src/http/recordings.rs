//! Preparing a recording, and its state.

use std::time::Duration;

use actors::domain::{Intent, Permit, StateName};
use actors::{Ask, RecordingView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::play::preparing_response;
use super::problem::Problem;
use super::target::{Readable, Target};
use super::{Service, rfc3339};

/// Starts the fetch, if there is none, and says how it stands.
pub(super) async fn prepare(
    State(service): State<Service>,
    Target { key, recording }: Target,
) -> Result<Response, Problem> {
    let ask = Ask { recording, intent: Intent::Listen, wait: Duration::ZERO };
    match service.recordings.ask(&key, ask).await?.ok_or(Problem::NoSuchCall)? {
        Permit::Play(playable) => {
            let copy = playable.copy;
            let body = json!({
                "status": "ready",
                "state": "ready",
                "recording_sid": playable.key.recording.to_string(),
                "total_bytes": copy.length,
                "duration_seconds": copy.duration.as_secs_f64(),
            });
            Ok((no_store(), Json(body)).into_response())
        }
        Permit::Follow(_, preparing) | Permit::Wait(preparing) => {
            Ok(preparing_response(&preparing))
        }
        Permit::Deny(denial) => Err(denial.into()),
    }
}

/// What is, why, and what happens next.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Status {
    recording_sid: String,
    state: &'static str,
    phase: Option<&'static str>,
    attempt: u32,
    received_bytes: u64,
    total_bytes: Option<u64>,
    retry_at: Option<String>,
    reason: Option<String>,
    next: &'static str,
}

/// Looks only: starts nothing.
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
