//! The words that requests and answers are made of, as schemas: what there is of a thing is read from the thing itself.

use actors::domain::{
    AppointmentStatus, CallStatus, Direction, Intent, JobState, SourceStatus, Speaker, Stage,
    StateName,
};
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// Types that are only ever described: the handlers' own fields are text.
macro_rules! words {
    ($($name:ident: $schema:expr, $description:literal;)+) => { $(
        pub(in crate::http) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::from($schema).description(Some($description)).into()
            }
        }

        impl ToSchema for $name {}
    )+ };
}

words! {
    CallSid: sid("CA"), "A call at Twilio, or one of its legs, which stands for its call.";
    RecordingSid: sid("RE"), "A recording at Twilio.";
    Time: time(), "RFC 3339, in UTC.";
    State: one_of(StateName::ALL.map(StateName::as_str)),
        "What there is of a recording: nothing yet, a download, a verified copy, a failure that is tried again, or nothing any more.";
    Bytes: binary(), "Bytes as they are.";
    RecordingEvent: event(["stages"]),
        "One event of the stream: without a name its data is a `RecordingStatus`, as JSON; named `stages` an object whose `stages` are a list of `StageOfRecording`.";
    ActorsEvent: event(["state", "stage", "crash", "ended", "restarted", "pool", "progress", "lagged"]),
        "One event of the stream: its data is an object, as JSON.";
    FetchPhase: one_of(["queued", "connecting", "receiving", "sealing"]), "How far a fetch is.";
    FetchIntent: one_of(Intent::ALL.map(Intent::as_str)),
        "Why it is fetched: somebody listens, a webhook announced it, an import.";
    RecordingSourceStatus: one_of(SourceStatus::ALL.map(SourceStatus::as_str)), "What Twilio last said of the recording.";
    CallDirection: one_of([Direction::Inbound, Direction::Outbound].map(Direction::as_str)), "As the business sees it.";
    TwilioCallStatus: one_of(CallStatus::ALL.map(CallStatus::as_str)), "Twilio's word for how the call ended, or how it stands.";
    StageName: one_of(Stage::ALL.map(Stage::as_str)), "A stage of the pipeline.";
    JobStateName: one_of(JobState::ALL.map(JobState::as_str)), "How a job stands.";
    StageState: one_of(["off"].into_iter().chain(JobState::ALL.map(JobState::as_str))),
        "How its job stands; `off` where it waits for somebody to switch the stage on.";
    SpeakerRole: one_of(Speaker::ALL.map(Speaker::as_str)), "Who speaks.";
    AppointmentState: one_of(AppointmentStatus::ALL.map(AppointmentStatus::as_str)), "What was decided about an appointment.";
    RoleName: one_of(["agent", "owner", "operator"]), "What somebody may do; operators see every business's actors.";
}

/// Any of these words.
pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    text().enum_values(Some(words))
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn sid(prefix: &str) -> ObjectBuilder {
    text()
        .pattern(Some(format!("^{prefix}[0-9a-f]{{32}}$")))
        .examples([json!(format!("{prefix}{:032x}", 0xd1ce))])
}

pub(super) fn time() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

pub(super) fn count(least: u32, most: u32) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most))
}

/// What a stream of server-sent events consists of (HTML, §9.2).
fn event(names: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .property("event", one_of(names))
        .property("id", text())
        .property("data", text())
}

/// Bytes as they are.
pub(super) fn binary() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
}
