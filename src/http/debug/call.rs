//! One call's actor, and what an operator may have it do.

use std::time::Duration;

use actors::domain::{
    CallKey, CallSid, GoneCause, Recording, RecordingSid, SourceStatus, StateName, Timestamp,
};
use actors::ports::RecordingRecord;
use actors::{RecordingView, RecordingWatch, StaysError};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{CallJson, LiveJson, RecordingJson, live_call, no_store, recording};
use crate::http::Service;
use crate::http::caller::Operator;
use crate::http::calls::state;
use crate::http::openapi::parameters::OfCall;
use crate::http::openapi::{refusals, words};
use crate::http::problem::Problem;
use crate::http::target::{Named, named};

/// An order has its effect within milliseconds; who gave it is not kept waiting longer.
const EFFECT_SEEN_WITHIN: Duration = Duration::from_secs(1);

const LAST_COPY: &str = "it is the last copy there is: Twilio no longer has the recording";
const PERHAPS_LAST_COPY: &str =
    "it may be the last copy there is: Twilio does not say whether it still has the recording";

/// A call of any business, and it is an operator who asks about it.
pub(in crate::http) struct Inspected {
    call: CallSid,
    recording: Option<RecordingSid>,
}

impl FromRequestParts<Service> for Inspected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let Named { call, recording, .. } = named(parts, service).await?;
        Operator::from_request_parts(parts, service).await?;
        Ok(Self { call, recording })
    }
}

impl Service {
    /// Any leg's call. A live one is found without the catalog.
    async fn key_of(&self, call: CallSid) -> Result<CallKey, Problem> {
        if let Some((key, _)) = self.board.find(call) {
            return Ok(key);
        }
        self.catalog.find_call_anywhere(call).await?.ok_or(Problem::NoSuchCall)
    }
}

/// One call of any business, by any leg: what its actor publishes, or, while that sleeps, what the catalog knows.
///
/// Wakes nobody.
#[utoipa::path(
    get, path = "/debug/actors/{call_sid}", tag = "debug", params(OfCall),
    responses((status = 200, description = "The call.", body = CallJson), refusals::ToInspection),
)]
pub(in crate::http) async fn show(
    State(service): State<Service>,
    inspected: Inspected,
) -> Result<Response, Problem> {
    let key = service.key_of(inspected.call).await?;
    let shown = match service.board.call(&key) {
        Some(posting) => live_call(&key, &posting, service.clock.now()),
        None => {
            let record = service.catalog.load_call(&key).await?.ok_or(Problem::NoSuchCall)?;
            let now = service.clock.now();
            let found = record.recordings.iter();
            CallJson {
                business: key.business.to_string(),
                call_sid: key.call.to_string(),
                live: false,
                since: None,
                restarts: 0,
                last_error: None,
                asks: 0,
                waiting: 0,
                recordings: found.map(|it| RecordingJson::Resting(resting(it, now))).collect(),
            }
        }
    };
    Ok((no_store(), Json(shown)).into_response())
}

/// A recording whose call's actor sleeps.
#[derive(Serialize, ToSchema)]
#[schema(as = RestingRecording)]
pub(super) struct RestingJson {
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    #[schema(value_type = words::State)]
    state: &'static str,
    #[schema(value_type = words::RecordingSourceStatus)]
    source_status: &'static str,
    total_bytes: Option<u64>,
    /// Why it is gone.
    reason: Option<&'static str>,
    /// What happens next, in words.
    next: &'static str,
}

fn resting(found: &RecordingRecord, now: Timestamp) -> RestingJson {
    let state = state(found, now);
    let recording = &found.recording;
    let gone = recording.ending(now).or(recording.status.gone());
    let gone = gone.filter(|_| state == StateName::Gone);
    RestingJson {
        recording_sid: found.recording.sid.to_string(),
        state: state.as_str(),
        source_status: found.recording.status.as_str(),
        total_bytes: found.copy.as_ref().map(|held| held.copy.length),
        reason: gone.map(GoneCause::as_str),
        next: match state {
            StateName::Ready => "plays: its actor is woken when somebody asks",
            StateName::Gone => "nothing: it will never be there",
            StateName::Absent | StateName::Downloading | StateName::Failed => {
                "its actor is woken when somebody asks"
            }
        },
    }
}

/// What came of an order.
#[derive(Serialize, ToSchema)]
pub(super) struct Ordered {
    business: String,
    #[schema(value_type = words::CallSid)]
    call_sid: String,
    recording: LiveJson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Retry,
    Evict,
}

/// Has a recording fetched again at once.
#[utoipa::path(
    post, path = "/debug/actors/{call_sid}/retry", tag = "debug", params(OfCall),
    responses((status = 202, description = "How it stands now.", body = Ordered), refusals::ToCallsOrder),
)]
pub(in crate::http) async fn retry(
    State(service): State<Service>,
    inspected: Inspected,
) -> Result<Response, Problem> {
    inspected.order(&service, Order::Retry).await
}

/// Has the copy of a recording thrown away; it is fetched again when somebody asks.
///
/// Twilio is asked first whether it still has the recording: the last copy there is stays, and so does all of a call
/// under legal hold.
#[utoipa::path(
    post, path = "/debug/actors/{call_sid}/evict", tag = "debug", params(OfCall),
    responses((status = 202, description = "How it stands now.", body = Ordered), refusals::ToCallsOrder),
)]
pub(in crate::http) async fn evict(
    State(service): State<Service>,
    inspected: Inspected,
) -> Result<Response, Problem> {
    inspected.order(&service, Order::Evict).await
}

impl Inspected {
    /// Gives the order if it makes sense, and answers with what came of it.
    async fn order(self, service: &Service, order: Order) -> Result<Response, Problem> {
        let key = service.key_of(self.call).await?;
        let watch = service.recordings.watch(&key, self.recording).await?;
        let mut watch = watch.ok_or(Problem::NoSuchCall)?;
        let before = watch.look().ok_or(Problem::NoRecording)?;
        let before = before.as_of(service.clock.now());
        let record = service.catalog.load_call(&key).await?.ok_or(Problem::NoSuchCall)?;
        let sid = before.recording;
        let known = record.recordings.iter().map(|found| &found.recording);
        let known = known.into_iter().find(|known| known.sid == sid).ok_or(Problem::NoRecording)?;
        if let Some(why) = objection(order, &before, known) {
            return Err(Problem::Conflict(why));
        }
        // Not who gave it: a subject may be an address or a phone number. Of the request there is a line, too.
        tracing::info!(
            order = order.as_str(),
            business.id = %key.business, call.sid = %key.call, recording.sid = %sid,
            "operator's order"
        );
        match order {
            Order::Retry => service.recordings.retry(key.clone(), sid),
            Order::Evict => service.recordings.evict(key.clone(), sid, known.account).await?,
        }
        let after = effect(&mut watch, before).await;
        let body = Ordered {
            business: key.business.to_string(),
            call_sid: key.call.to_string(),
            recording: recording(&after, service.clock.now()),
        };
        Ok((StatusCode::ACCEPTED, no_store(), Json(body)).into_response())
    }
}

impl Order {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Evict => "evict",
        }
    }
}

/// Why an order makes no sense now, if so. The actor decides again: what is seen here may be old by then.
fn objection(order: Order, view: &RecordingView, known: &Recording) -> Option<&'static str> {
    let gone = known.status.gone();
    match (order, view.state) {
        (Order::Retry, StateName::Ready) => {
            Some("a verified copy is here: there is nothing to fetch")
        }
        (Order::Retry, StateName::Downloading) => Some("it is being fetched already"),
        (Order::Retry, StateName::Gone) if gone != Some(GoneCause::Missing) => {
            Some("it will never be there")
        }
        (Order::Retry, StateName::Absent) if known.status == SourceStatus::InProgress => {
            Some("it is still being recorded")
        }
        (Order::Retry, StateName::Absent | StateName::Failed | StateName::Gone) => None,
        (Order::Evict, StateName::Ready) if known.held => {
            Some("its call is under legal hold: nothing of it is let go")
        }
        (Order::Evict, StateName::Ready) if gone.is_some() => Some(LAST_COPY),
        (Order::Evict, StateName::Ready) => None,
        (
            Order::Evict,
            StateName::Absent | StateName::Downloading | StateName::Failed | StateName::Gone,
        ) => Some("there is no copy to evict"),
    }
}

impl From<StaysError> for Problem {
    fn from(error: StaysError) -> Self {
        match error {
            StaysError::Away(error) => error.into(),
            StaysError::LastCopy => Self::Conflict(LAST_COPY),
            StaysError::Unsaid(_) => Self::Conflict(PERHAPS_LAST_COPY),
        }
    }
}

/// The view once it shows that something happened, or as it is when nothing does for a while.
async fn effect(watch: &mut RecordingWatch, before: RecordingView) -> RecordingView {
    let mut last = before.clone();
    let _ = timeout(EFFECT_SEEN_WITHIN, async {
        while watch.changed().await.is_ok() {
            let Some(view) = watch.look() else { return };
            last = view;
            if last.state != before.state || last.since != before.since {
                return;
            }
        }
    })
    .await;
    last
}
