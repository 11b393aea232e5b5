//! Lists of calls, and one call. Rows only: looking at a list wakes no actor and fetches no audio.

use actors::domain::{
    CallKey, CallStatus, Direction, Fact, PhoneNumber, StateName, Summary, Timestamp, primary,
};
use actors::ports::{CallFilter, CallRecord, RecordingRecord};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::appointments::AppointmentJson;
use super::heard::Heard;
use super::openapi::parameters::{ListOfCalls, OfCall};
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::stages::{StageJson, stages};
use super::target::Target;
use super::{Service, rfc3339, time};
use crate::auth::Caller;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;
const QUESTION_LENGTH_MAX: usize = 200;

/// Some calls, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PageOfCalls)]
pub(super) struct Page {
    calls: Vec<CallJson>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// What Twilio says of a call is null until it has said it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Call)]
struct CallJson {
    #[schema(value_type = words::CallSid)]
    call_sid: String,
    #[schema(value_type = Option<words::CallDirection>)]
    direction: Option<&'static str>,
    from: Option<String>,
    to: Option<String>,
    #[schema(value_type = Option<words::TwilioCallStatus>)]
    status: Option<&'static str>,
    #[schema(value_type = Option<words::Time>)]
    started_at: Option<String>,
    /// When this service first heard of it.
    #[schema(value_type = words::Time)]
    heard_at: String,
    duration_seconds: Option<u64>,
    recordings: Vec<RecordingJson>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recording)]
struct RecordingJson {
    #[schema(value_type = words::RecordingSid)]
    recording_sid: String,
    /// Whether it is the one that plays where none is named.
    primary: bool,
    #[schema(value_type = words::State)]
    state: &'static str,
    #[schema(value_type = words::RecordingSourceStatus)]
    source_status: &'static str,
    channels: Option<u8>,
    #[schema(value_type = Option<words::Time>)]
    started_at: Option<String>,
    /// Measured where there is or was a copy, else as announced.
    duration_seconds: Option<f64>,
    /// Names the recording, so that what plays cannot change under the listener.
    audio_url: String,
    download_url: String,
}

/// The business's calls, newest first. Looking at them fetches no audio.
#[utoipa::path(
    get, path = "/api/calls", tag = "calls", params(ListOfCalls),
    responses((status = 200, description = "A page of them.", body = Page), refusals::ToList),
)]
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

/// One call with its recordings, and what the pipeline made of the one that is named.
#[utoipa::path(
    get, path = "/api/calls/{call_sid}", tag = "calls", params(OfCall),
    responses((status = 200, description = "The call.", body = Details), refusals::ToCall),
)]
pub(super) async fn show(
    State(service): State<Service>,
    target: Target,
) -> Result<Response, Problem> {
    let heard = service.heard(&target.key, target.recording).await;
    let (record, understood) = match heard {
        Ok(heard) => {
            let understood = understood(&service, &heard).await?;
            (heard.call, understood)
        }
        // There is a call to show, whatever became of its recordings.
        Err(Problem::NoRecording | Problem::RecordingGone(_)) => {
            (service.record(&target.key).await?, Understood::default())
        }
        Err(problem) => return Err(problem),
    };
    Ok(private(Json(Details { call: call_json(record, &service), understood })))
}

/// One call, and what the pipeline made of its recording.
#[derive(Serialize, ToSchema)]
#[schema(as = CallInDetail)]
pub(super) struct Details {
    #[serde(flatten)]
    call: CallJson,
    #[serde(flatten)]
    understood: Understood,
}

#[derive(Default, Serialize, ToSchema)]
struct Understood {
    transcript: Option<TranscriptLink>,
    summary: Option<SummaryJson>,
    facts: Option<FactsJson>,
    appointment: Option<AppointmentJson>,
    /// How far the pipeline is.
    stages: Vec<StageJson>,
}

#[derive(Serialize, ToSchema)]
struct TranscriptLink {
    /// A path of this service.
    url: String,
    language: Option<String>,
    /// Grows with each correction.
    revision: u32,
    /// How many there are.
    utterances: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Summary)]
struct SummaryJson {
    topic: Option<String>,
    outcome: Option<String>,
    next_step: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Facts)]
struct FactsJson {
    customer_name: Option<FactJson>,
    city: Option<FactJson>,
    service: Option<FactJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Fact)]
struct FactJson {
    value: String,
    /// What the business calls it, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    label: Option<String>,
    /// How sure extraction was, from 0 to 1.
    confidence: f64,
}

async fn understood(service: &Service, heard: &Heard) -> Result<Understood, Problem> {
    let (audio, findings) = (&heard.audio, &service.findings);
    // Before what they find: what is said to be done is there to be read.
    let stages = stages(service, audio).await?;
    let labels = findings.business_profile(&audio.business).await?.labels;
    let (base, call) = (&service.path_prefix, heard.call.call.sid);
    let transcript = findings.transcript(audio).await?.map(|kept| TranscriptLink {
        url: format!("{base}/api/calls/{call}/transcript?recording={}", audio.recording),
        language: kept.heard.language,
        revision: kept.revision,
        utterances: kept.heard.utterances.len(),
    });
    let summary = findings.summary(audio).await?;
    let fact = |fact: Fact<String>| FactJson {
        label: labels.get(&fact.value).cloned(),
        value: fact.value,
        confidence: fact.confidence,
    };
    let facts = findings.facts(audio).await?.map(|facts| FactsJson {
        customer_name: facts.customer_name.map(fact),
        city: facts.city.map(fact),
        service: facts.service.map(fact),
    });
    let appointment = findings.appointment_of(audio).await?;
    Ok(Understood {
        transcript,
        summary: summary.map(|Summary { topic, outcome, next_step }| SummaryJson {
            topic,
            outcome,
            next_step,
        }),
        facts,
        appointment: appointment.map(|it| AppointmentJson::of(it, &labels)),
        stages,
    })
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
            "q" => {
                let said = value.trim();
                let bad = bad("q is words that were said, 1 to 200 characters");
                let fits = (1..=QUESTION_LENGTH_MAX).contains(&said.chars().count());
                filter.said = Some(fits.then(|| said.to_owned()).ok_or_else(bad)?);
            }
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
