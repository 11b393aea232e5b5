//! What may go wrong with each kind of request, as responses: status, codes and headers from the rows of `problem`.

use std::collections::BTreeMap;

use actors::domain::GoneCause;
use serde_json::json;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::headers;
use crate::http::problem::{Described, PROBLEM_JSON, Problem, ProblemJson};

const NO_TIME: std::time::Duration = std::time::Duration::ZERO;

/// Whoever asks.
const ANYBODY: &[Problem] = &[Problem::Overloaded, Problem::Internal];
/// Somebody with a token.
const CALLER: &[Problem] =
    &[Problem::NoCredentials, Problem::RateLimited { retry_after: NO_TIME }, Problem::Away];
const OPERATOR: &[Problem] = &[Problem::NotForThisRole];
/// Something about the request itself.
const QUESTION: &[Problem] = &[Problem::Malformed("")];
/// Somebody who sends a body, also where none is wanted.
const BODY: &[Problem] = &[Problem::Malformed(""), Problem::TooLarge, Problem::RequestTimeout];
const LINK: &[Problem] = &[Problem::LinkExpired];
const CALL: &[Problem] = &[Problem::Malformed(""), Problem::NoSuchCall];
const RECORDING: &[Problem] = &[Problem::NoRecording];
const RETENTION: &[Problem] =
    &[Problem::RecordingGone(GoneCause::Expired), Problem::RecordingGone(GoneCause::Erased)];
const GONE: &[Problem] = &[
    Problem::RecordingGone(GoneCause::Absent),
    Problem::RecordingGone(GoneCause::Failed),
    Problem::RecordingGone(GoneCause::Deleted),
    Problem::RecordingGone(GoneCause::Missing),
];
const FETCH: &[Problem] =
    &[Problem::AttemptsExhausted { retry_after: NO_TIME }, Problem::SourceRefusedCredentials];
const REPRESENTATION: &[Problem] =
    &[Problem::PreconditionFailed, Problem::RangeNotSatisfiable { length: 0 }];
const FINDING: &[Problem] = &[Problem::StageFailed, Problem::StageOff];
const TRANSCRIPT: &[Problem] = &[Problem::NoTranscript, Problem::NoSpeech];
const STREAM: &[Problem] = &[Problem::TooManyStreams];
const ORDER: &[Problem] = &[Problem::Conflict("")];
const THING: &[Problem] = &[Problem::NoSuchThing("")];
const PAGE: &[Problem] = &[Problem::NoSuchPage];
const GUARDED: &[Problem] = &[Problem::PreconditionFailed];

macro_rules! refusals {
    ($($name:ident: [$($kind:expr),+];)+) => { $(
        pub(in crate::http) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses(&[$($kind),+])
            }
        }
    )+ };
}

refusals! {
    ToAnybody: [ANYBODY];
    ToPage: [ANYBODY, PAGE];
    ToReadiness: [ANYBODY, &[Problem::Away]];
    ToSignIn: [ANYBODY, CALLER, BODY];
    ToSignOut: [ANYBODY, BODY];
    ToCaller: [ANYBODY, CALLER];
    ToList: [ANYBODY, CALLER, QUESTION];
    ToChange: [ANYBODY, CALLER, BODY, THING];
    ToAddition: [ANYBODY, CALLER, BODY, THING, ORDER];
    ToCall: [ANYBODY, CALLER, CALL];
    ToPlayer: [ANYBODY, CALLER, LINK, CALL, RECORDING, RETENTION, GONE, FETCH, REPRESENTATION];
    ToDownload: [ANYBODY, CALLER, CALL, RECORDING, RETENTION, GONE, FETCH, REPRESENTATION];
    ToPrepare: [ANYBODY, CALLER, BODY, CALL, RECORDING, RETENTION, GONE, FETCH];
    ToLink: [ANYBODY, CALLER, BODY, CALL, RECORDING];
    ToStatus: [ANYBODY, CALLER, LINK, CALL, RECORDING];
    ToEvents: [ANYBODY, CALLER, LINK, CALL, RECORDING, STREAM];
    ToWaveform: [ANYBODY, CALLER, LINK, CALL, RECORDING, RETENTION, GONE, FINDING];
    ToTranscript: [ANYBODY, CALLER, LINK, CALL, RECORDING, RETENTION, FINDING, TRANSCRIPT];
    ToCorrection: [ANYBODY, CALLER, BODY, CALL, RECORDING, RETENTION, FINDING, TRANSCRIPT, GUARDED];
    ToTwilio: [ANYBODY, BODY, &[Problem::SignatureMismatch, Problem::Away]];
    ToOperator: [ANYBODY, CALLER, OPERATOR, QUESTION];
    ToWatcher: [ANYBODY, CALLER, OPERATOR, STREAM];
    ToInspection: [ANYBODY, CALLER, OPERATOR, CALL];
    ToCallsOrder: [ANYBODY, CALLER, OPERATOR, BODY, CALL, RECORDING, ORDER];
    ToJob: [ANYBODY, CALLER, OPERATOR, QUESTION, THING];
    ToJobsOrder: [ANYBODY, CALLER, OPERATOR, BODY, THING, ORDER];
}

/// One response for each status, with the codes that may be meant by it.
fn responses(kinds: &[&[Problem]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<Described>>::new();
    for said in kinds.iter().copied().flatten().map(Problem::described) {
        let meant = by_status.entry(said.status).or_default();
        if meant.iter().all(|known| known.code != said.code) {
            meant.push(said);
        }
    }
    by_status
        .into_iter()
        .map(|(status, meant)| (status.to_string(), response(status, &meant).into()))
        .collect()
}

fn response(status: u16, meant: &[Described]) -> Response {
    let lines: Vec<String> =
        meant.iter().map(|said| format!("`{}`: {}.", said.code, said.title)).collect();
    let narrowed = ObjectBuilder::new()
        .property(
            "status",
            ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([json!(status)])),
        )
        .property("code", super::words::one_of(meant.iter().map(|said| said.code)));
    let schema =
        AllOfBuilder::new().item(Ref::from_schema_name(ProblemJson::name())).item(narrowed.build());
    let mut response = ResponseBuilder::new()
        .description(lines.join("\n\n"))
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(schema)).build())
        .header("Cache-Control", headers::no_store());
    if meant.iter().any(|said| said.retries) {
        response = response.header("Retry-After", headers::retry_after());
    }
    match status {
        401 => {
            response =
                response.header("WWW-Authenticate", Header::new(super::words::one_of(["Bearer"])))
        }
        416 => response = response.header("Content-Range", headers::unsatisfied()),
        _ => {}
    }
    response.build()
}

/// A HEAD's answers are those of its GET, without bodies.
pub(super) fn without_bodies(mut operation: Operation) -> Operation {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.clear();
        }
    }
    operation
}
