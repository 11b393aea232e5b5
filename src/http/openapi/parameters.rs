//! What requests carry in their path, query and headers. Handlers read these themselves, each with an error that says
//! what it should have been; here stands what they accept.

use actors::domain::{AppointmentStatus, CallStatus, Direction, JobState, Stage, StateName};
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::words::{count, one_of, sid, text, time};
use crate::http::target::LINK;

macro_rules! parameters {
    ($($(#[$said:meta])* $name:ident: [$($parameter:expr),+ $(,)?];)+) => { $(
        $(#[$said])*
        pub(in crate::http) enum $name {}

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$($parameter.build()),+]
            }
        }
    )+ };
}

parameters! {
    /// For somebody with a token.
    OfCall: [call_sid(), recording()];
    /// For somebody with a token, or with a signed link for just this.
    OfReadable: [call_sid(), recording(), link()];
    /// Of a request for audio.
    Conditions: [
        header("Range", text().examples([json!("bytes=0-1023")]),
            "One range of bytes is answered with 206, several with the whole; what is not understood is ignored. Not for HEAD."),
        header("If-Range", text(), "The entity tag of which the range is wanted, else the whole."),
        header("If-None-Match", text(), "Entity tags that the client has: 304 instead of what it has already."),
        header("If-Match", text(), "Entity tags of which one must be current: 412 otherwise."),
        header("Prefer", text().examples([json!("respond-async"), json!("wait=5")]),
            "RFC 7240. `wait=N` waits for up to N seconds (at most 10) for the first byte, `respond-async` alone does not wait; otherwise up to 3 s, a media element 20 s. HEAD never waits."),
    ];
    /// Of a request for what has an entity tag.
    Validator: [header("If-None-Match", text(), "Entity tags that the client has: 304 instead of what it has already.")];
    IfMatch: [header("If-Match", text(), "The entity tag of the transcript that was corrected: 412 where somebody else has corrected it since.")];
    Original: [query("original", ObjectBuilder::new().schema_type(Type::Boolean), "As it was heard, without corrections.")];
    LastEventId: [header("Last-Event-ID", text(), "Of the last event that the client has; sent by browsers when they come back. 204 says that nothing more will come.")];
    ListOfCalls: [
        query("limit", count(1, 200).default(Some(json!(50))), "So many at most."),
        query("cursor", text(), "`next_cursor` of the page before."),
        query("direction", one_of([Direction::Inbound, Direction::Outbound].map(Direction::as_str)), "Only these."),
        query("status", one_of(CallStatus::ALL.map(CallStatus::as_str)), "Only those that Twilio says this of."),
        query("number", text(), "Only those from or to this number, as Twilio writes it (E.164); `+` is `%2B` in a query."),
        query("q", text().min_length(Some(1)).max_length(Some(200)).pattern(Some(r"[^\s\u0085]")),
            "Only those in whose transcript these words were said, in this order."),
        query("from", time(), "Only those that began at this time or later (RFC 3339)."),
        query("to", time(), "Only those that began before this time (RFC 3339)."),
        query("has_recording", ObjectBuilder::new().schema_type(Type::Boolean), "Only those with a recording, or only those without."),
    ];
    ListOfAppointments: [
        query("limit", count(1, 200).default(Some(json!(50))), "So many at most."),
        query("cursor", text(), "`next_cursor` of the page before."),
        query("status", one_of(AppointmentStatus::ALL.map(AppointmentStatus::as_str)), "Only these."),
        query("from", time(), "Only those at this time or later (RFC 3339)."),
        query("to", time(), "Only those before this time (RFC 3339)."),
    ];
    ListOfActors: [
        query("limit", count(1, 500).default(Some(json!(500))), "So many calls at most."),
        query("state", one_of(StateName::ALL.map(StateName::as_str)), "Only calls that have a recording in this state."),
    ];
    ListOfJobs: [
        query("limit", count(1, 200).default(Some(json!(50))), "So many at most."),
        query("before", number(), "`next_before` of the page before."),
        query("stage", one_of(Stage::ALL.map(Stage::as_str)), "Only this stage's."),
        query("state", one_of(JobState::ALL.map(JobState::as_str)), "Only those in this state."),
        query("recording", sid("RE"), "Only this recording's."),
    ];
    /// Of something that has a number.
    Numbered: [path("id", number(), "Its number.")];
    Asset: [path("asset", text().pattern(Some("^[^/]+$")), "A file's name.")];
    Signed: [header("X-Twilio-Signature", text(),
        "HMAC-SHA1 with the account's auth token over the public URL and the parameters, as Twilio documents it.")
        .required(Required::True)];
}

fn call_sid() -> ParameterBuilder {
    path("call_sid", sid("CA"), "A call, by any of its legs.")
}

fn recording() -> ParameterBuilder {
    query("recording", sid("RE"), "One of the call's recordings; without it the primary one.")
}

fn link() -> ParameterBuilder {
    query(
        LINK,
        text(),
        "What a signed link carries instead of a token; `recording` is needed with it.",
    )
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_u32)).maximum(Some(i64::MAX))
}

fn path(name: &str, schema: ObjectBuilder, description: &str) -> ParameterBuilder {
    parameter(ParameterIn::Path, name, schema, description).required(Required::True)
}

fn query(name: &str, schema: ObjectBuilder, description: &str) -> ParameterBuilder {
    parameter(ParameterIn::Query, name, schema, description)
}

fn header(name: &str, schema: ObjectBuilder, description: &str) -> ParameterBuilder {
    parameter(ParameterIn::Header, name, schema, description)
}

fn parameter(
    place: ParameterIn,
    name: &str,
    schema: ObjectBuilder,
    description: &str,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .schema(Some(schema))
        .description(Some(description))
}
