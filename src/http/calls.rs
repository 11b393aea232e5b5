//! Lists of calls, and one call. Rows only: looking at a list wakes no actor and fetches no audio.

use actors::domain::{CallKey, CallStatus, Direction, PhoneNumber, StateName, Timestamp, primary};
use actors::ports::{CallFilter, CallRecord, RecordingRecord};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::target::Target;
use super::{Service, rfc3339};
use crate::auth::Caller;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

#[derive(Debug, Serialize)]
struct Page {
    calls: Vec<CallJson>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct CallJson {
    call_sid: String,
    direction: Option<&'static str>,
    from: Option<String>,
    to: Option<String>,
    status: Option<&'static str>,
    started_at: Option<String>,
    heard_at: String,
    duration_seconds: Option<u64>,
    recordings: Vec<RecordingJson>,
}

#[derive(Debug, Serialize)]
struct RecordingJson {
    recording_sid: String,
    primary: bool,
    state: &'static str,
    source_status: &'static str,
    channels: Option<u8>,
    started_at: Option<String>,
    /// Measured where there is or was a copy, else as announced.
    duration_seconds: Option<f64>,
    /// Names the recording, so that what plays cannot change under the listener.
    audio_url: String,
    download_url: String,
}

pub(super) async fn list(
    State(service): State<Service>,
    OriginalUri(uri): OriginalUri,
    caller: Caller,
) -> Result<Response, Problem> {
    let filter = filter(uri.query().unwrap_or_default())?;
    let page = service.catalog.list_calls(&caller.business, &filter).await?;
    let calls = page.calls.into_iter().map(|record| call_json(record, &service)).collect();
    Ok(private(Json(Page { calls, next_cursor: page.next_cursor })))
}

pub(super) async fn show(
    State(service): State<Service>,
    target: Target,
) -> Result<Response, Problem> {
    let record = service.record(&target.key).await?;
    Ok(private(Json(call_json(record, &service))))
}

fn filter(query: &str) -> Result<CallFilter, Problem> {
    let mut filter = CallFilter { limit: LIMIT_DEFAULT, ..CallFilter::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let bad = |detail| move || Problem::Malformed(detail);
        match &*name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                filter.limit = limit.ok_or_else(bad("limit is a number from 1 to 200"))?;
            }
            "cursor" => filter.cursor = Some(value.into_owned()),
            "direction" => {
                let direction = [Direction::Inbound, Direction::Outbound]
                    .into_iter()
                    .find(|direction| direction.as_str() == value);
                let direction = direction.ok_or_else(bad("direction is inbound or outbound"))?;
                filter.direction = Some(direction);
            }
            "status" => {
                let status = CallStatus::parse(&value);
                filter.status = Some(status.ok_or_else(bad("status is one of Twilio's"))?);
            }
            "number" => filter.number = Some(PhoneNumber::new(value)),
            "from" => filter.from = Some(time(&value).ok_or_else(bad("from is an RFC 3339 time"))?),
            "to" => filter.to = Some(time(&value).ok_or_else(bad("to is an RFC 3339 time"))?),
            "has_recording" => {
                let has = value.parse().ok();
                filter.has_recording = Some(has.ok_or_else(bad("has_recording is true or false"))?);
            }
            _ => return Err(Problem::Malformed("there is a filter that we do not know")),
        }
    }
    Ok(filter)
}

fn time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

fn call_json(record: CallRecord, service: &Service) -> CallJson {
    let CallRecord { call, recordings } = record;
    let primary = primary(recordings.iter().map(|found| &found.recording));
    let key = CallKey { business: call.business.clone(), call: call.sid };
    let live = service.board.call(&key).map(|posting| posting.view());
    let now = service.clock.now();
    let recordings = recordings
        .iter()
        .map(|found| {
            let sid = found.recording.sid;
            let view = live.as_ref().and_then(|live| live.recording(Some(sid)));
            let view = view.map(|view| view.clone().as_of(now));
            let state = view.map_or_else(|| state(found, now), |view| view.state);
            recording_json(found, state, primary == Some(sid), service)
        })
        .collect();
    let number = |number: Option<PhoneNumber>| number.map(|number| number.as_str().to_owned());
    let details = call.details;
    CallJson {
        call_sid: call.sid.to_string(),
        direction: details.direction.map(Direction::as_str),
        from: number(details.from),
        to: number(details.to),
        status: details.status.map(CallStatus::as_str),
        started_at: details.started_at.map(rfc3339),
        heard_at: rfc3339(call.heard_at),
        duration_seconds: details.duration.map(|span| span.as_secs()),
        recordings,
    }
}

/// What a recording's state would be if its actor were woken.
pub(super) fn state(found: &RecordingRecord, now: Timestamp) -> StateName {
    match &found.copy {
        Some(_) | None if found.recording.ending(now).is_some() => StateName::Gone,
        Some(held) if held.present => StateName::Ready,
        Some(_) | None if found.recording.status.gone().is_some() => StateName::Gone,
        Some(_) | None => StateName::Absent,
    }
}

fn recording_json(
    found: &RecordingRecord,
    state: StateName,
    primary: bool,
    service: &Service,
) -> RecordingJson {
    let recording = &found.recording;
    let (call, sid) = (recording.call, recording.sid);
    let measured = found.copy.as_ref().map(|held| held.copy.duration);
    let base = &service.path_prefix;
    RecordingJson {
        recording_sid: sid.to_string(),
        primary,
        state: state.as_str(),
        source_status: recording.status.as_str(),
        channels: recording.channels,
        started_at: recording.started_at.map(rfc3339),
        duration_seconds: measured.or(recording.duration).map(|span| span.as_secs_f64()),
        audio_url: format!("{base}/api/recordings/file/{call}?recording={sid}"),
        download_url: format!("{base}/api/calls/{call}/download?recording={sid}"),
    }
}

fn private(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], body).into_response()
}
