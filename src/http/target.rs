//! What a URL names: a call, and perhaps one of its recordings.

use actors::domain::{CallSid, RecordingSid};

use super::problem::Problem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub call: CallSid,
    pub recording: Option<RecordingSid>,
}

impl Target {
    /// Parameters that we do not know (players add some against caches) are passed over.
    pub(super) fn parse(call_sid: &str, query: Option<&str>) -> Result<Self, Problem> {
        let call = call_sid
            .parse()
            .map_err(|_| Problem::Malformed("a call SID is CA and 32 lower-case hex digits"))?;
        let mut recordings = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(name, _)| name == "recording")
            .map(|(_, value)| value.parse::<RecordingSid>());
        let recording = recordings.next().transpose().map_err(|_| {
            Problem::Malformed("a recording SID is RE and 32 lower-case hex digits")
        })?;
        if recordings.next().is_some() {
            return Err(Problem::Malformed("only one recording can be named"));
        }
        Ok(Self { call, recording })
    }
}
