//! What a URL names, for somebody who may ask: a call of the caller's business, and perhaps one of its recordings.

use actors::domain::{CallKey, CallSid, RecordingSid};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::Service;
use super::caller::admitted;
use super::problem::Problem;

pub(super) struct Target {
    pub(super) key: CallKey,
    pub(super) recording: Option<RecordingSid>,
}

impl FromRequestParts<Service> for Target {
    type Rejection = Problem;

    /// Whether the URL makes sense is said to anybody, what is behind it only to those who may know.
    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let Path(call_sid) = Path::<String>::from_request_parts(parts, service)
            .await
            .map_err(|_| Problem::Malformed("the path is not in UTF-8"))?;
        let (call, recording) = parse(&call_sid, parts.uri.query().unwrap_or_default())?;
        let caller = admitted(&parts.headers, service)?;
        Ok(Self { key: CallKey { business: caller.business, call }, recording })
    }
}

/// Parameters that we do not know (players add some against caches) are passed over.
fn parse(call_sid: &str, query: &str) -> Result<(CallSid, Option<RecordingSid>), Problem> {
    let call = call_sid
        .parse()
        .map_err(|_| Problem::Malformed("a call SID is CA and 32 lower-case hex digits"))?;
    let mut recordings = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "recording")
        .map(|(_, value)| value.parse::<RecordingSid>());
    let recording = recordings
        .next()
        .transpose()
        .map_err(|_| Problem::Malformed("a recording SID is RE and 32 lower-case hex digits"))?;
    if recordings.next().is_some() {
        return Err(Problem::Malformed("only one recording can be named"));
    }
    Ok((call, recording))
}
