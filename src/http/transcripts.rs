//! What was said in a call: to be read as JSON, subtitles or text, and to be corrected.

mod written;

use actors::domain::{Correction, KeptTranscript, Stage};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{MatchedPath, OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Service;
use super::heard::MakingJson;
use super::openapi::parameters::{IfMatch, OfCall, OfReadable, Original, Validator};
use super::openapi::refusals;
use super::problem::Problem;
use super::representation::{match_fails, none_match_holds, tag_of};
use super::target::{Editable, Readable, Target};
use written::Reading;
pub(super) use written::{Form, TranscriptJson};

const TEXT_LENGTH_MAX: usize = 10_000;

/// What was said, with times and speakers. The form is the end of the path; without one it is JSON.
#[utoipa::path(
    get, path = "/api/calls/{call_sid}/transcript", tag = "transcripts", params(OfReadable, Original, Validator),
    responses(
        (status = 200, description = "The transcript.", body = TranscriptJson,
            headers(("ETag" = String, description = "Of this form of it, for `If-None-Match` and `If-Match`."))),
        (status = 202, description = "It is being made.", body = MakingJson,
            headers(("Retry-After" = u64, description = "Seconds after which asking again may help."))),
        (status = 304, description = "The client has it."),
        refusals::ToTranscript,
    ),
    security(("bearer" = []), ("session" = []), ("link" = [])),
)]
pub(super) async fn read(
    State(service): State<Service>,
    path: MatchedPath,
    OriginalUri(uri): OriginalUri,
    Readable { target: Target { key, recording }, .. }: Readable,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = Form::of_path(path.as_str());
    let original = wants_original(uri.query().unwrap_or_default())?;
    let heard = service.heard(&key, recording).await?;
    let job = service.job_of(&heard, Stage::Transcribe).await?;
    let Some(kept) = service.findings.transcript(&heard.audio).await? else {
        return service.missing(&heard, Stage::Transcribe, job, Problem::NoTranscript).await;
    };
    let profile = service.findings.business_profile(&key.business).await?;
    let written = Reading::new(&heard, &kept, &profile, original).write(form);
    if none_match_holds(&headers, &tag_of(&written)) {
        let headers = [(header::ETAG, tag_value(&written)), (header::CACHE_CONTROL, NO_CACHE)];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok(respond(form, written))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Corrections {
    /// Those that are not as they were said.
    utterances: Vec<CorrectedUtterance>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CorrectedUtterance {
    /// As in the transcript.
    id: u32,
    /// What was said: 1 to 10000 bytes of UTF-8.
    #[schema(min_length = 1, pattern = r"[^\s\u0085]")]
    text: String,
}

/// Corrects a transcript: says what some utterances really are.
///
/// What was heard stays beside it, and comes back where it is sent as the
/// correction. With `If-Match` nobody else's correction is overwritten unseen.
#[utoipa::path(
    put, path = "/api/calls/{call_sid}/transcript", tag = "transcripts", params(OfCall, IfMatch),
    request_body = Corrections,
    responses(
        (status = 200, description = "The transcript as it is now.", body = TranscriptJson,
            headers(("ETag" = String, description = "Of it as it is now."))),
        (status = 202, description = "It is still being made.", body = MakingJson,
            headers(("Retry-After" = u64, description = "Seconds after which asking again may help."))),
        refusals::ToCorrection,
    ),
)]
pub(super) async fn correct(
    State(service): State<Service>,
    Editable { target: Target { key, recording }, by }: Editable,
    headers: HeaderMap,
    body: Result<Json<Corrections>, JsonRejection>,
) -> Result<Response, Problem> {
    const EXPECTED: &str = "the body is {\"utterances\": [{\"id\": 0, \"text\": \"…\"}]}";
    let Json(Corrections { utterances }) = body.map_err(|_| Problem::Malformed(EXPECTED))?;
    let heard = service.heard(&key, recording).await?;
    let job = service.job_of(&heard, Stage::Transcribe).await?;
    let Some(kept) = service.findings.transcript(&heard.audio).await? else {
        return service.missing(&heard, Stage::Transcribe, job, Problem::NoTranscript).await;
    };
    let profile = service.findings.business_profile(&key.business).await?;
    let seen = Reading::new(&heard, &kept, &profile, false).write(Form::Json);
    if match_fails(&headers, &tag_of(&seen)) {
        return Err(Problem::PreconditionFailed);
    }
    let revision = headers.contains_key(header::IF_MATCH).then_some(kept.revision);
    let corrections = check(utterances, &kept)?
        .map(|CorrectedUtterance { id, text }| Correction {
            utterance: id,
            text,
            by: by.clone(),
            at: service.clock.now(),
        })
        .collect::<Vec<_>>();
    let corrected = service.findings.correct(&heard.audio, &corrections, revision).await?;
    let corrected = corrected.ok_or(Problem::NoTranscript)?;
    let written = Reading::new(&heard, &corrected, &profile, false).write(Form::Json);
    Ok(respond(Form::Json, written))
}

fn check(
    utterances: Vec<CorrectedUtterance>,
    kept: &KeptTranscript,
) -> Result<impl Iterator<Item = CorrectedUtterance>, Problem> {
    for utterance in &utterances {
        if utterance.id as usize >= kept.heard.utterances.len() {
            return Err(Problem::Malformed("there is no utterance with that id"));
        }
        if utterance.text.trim().is_empty() || utterance.text.len() > TEXT_LENGTH_MAX {
            return Err(Problem::Malformed("an utterance's text is 1 to 10000 bytes"));
        }
    }
    let trimmed = |CorrectedUtterance { id, text }| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        CorrectedUtterance { id, text }
    };
    Ok(utterances.into_iter().map(trimmed))
}

fn wants_original(query: &str) -> Result<bool, Problem> {
    let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "original");
    let bad = Problem::Malformed("original is true or false");
    asked.map_or(Ok(false), |(_, value)| value.parse().map_err(|_| bad))
}

/// It may change at any time, and must not be kept by anybody between us and the reader.
const NO_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A business's labels are part of it too.
fn tag_value(written: &str) -> HeaderValue {
    HeaderValue::from_str(&tag_of(written)).expect("hex digits in quotes")
}

fn respond(form: Form, written: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form.media_type())),
        (header::ETAG, tag_value(&written)),
        (header::CACHE_CONTROL, NO_CACHE),
    ];
    (headers, written).into_response()
}
