//! Twilio's callbacks: what is read of them. Twilio adds parameters without notice.

use actors::domain::CallStatus;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::words::{one_of, sid, text};

/// What became of a recording.
pub(in crate::http) enum RecordingCallback {}

impl PartialSchema for RecordingCallback {
    fn schema() -> RefOr<Schema> {
        let statuses = ["in-progress", "completed", "absent", "failed"];
        ObjectBuilder::from(about_a_call())
            .description(Some(
                "`RecordingUrl` is never believed: the URL is rebuilt from the SIDs.",
            ))
            .property("RecordingSid", sid("RE"))
            .property("RecordingStatus", one_of(statuses))
            .property("RecordingChannels", text())
            .property("RecordingDuration", text().description(Some("In seconds.")))
            .property("RecordingStartTime", text().description(Some("RFC 2822.")))
            .required("RecordingSid")
            .required("RecordingStatus")
            .into()
    }
}

impl ToSchema for RecordingCallback {}

/// What became of a call.
pub(in crate::http) enum CallCallback {}

impl PartialSchema for CallCallback {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::from(about_a_call())
            .property("CallStatus", one_of(CallStatus::ALL.map(CallStatus::as_str)))
            .property("ParentCallSid", sid("CA"))
            .property("Direction", text())
            .property("From", text())
            .property("To", text())
            .property("CallDuration", text().description(Some("In seconds.")))
            .property("Timestamp", text().description(Some("RFC 2822.")))
            .required("CallStatus")
            .into()
    }
}

impl ToSchema for CallCallback {}

fn about_a_call() -> utoipa::openapi::Object {
    ObjectBuilder::new()
        .property("AccountSid", sid("AC"))
        .property("CallSid", sid("CA"))
        .required("AccountSid")
        .required("CallSid")
        .build()
}
