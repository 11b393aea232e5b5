//! What a URL names, for somebody who may ask: a call of the caller's business, and perhaps one of its recordings.
//!
//! Invariant: a signed link opens what is extracted as `Readable`, and nothing else.

use actors::domain::{CallKey, CallSid, RecordingSid, Timestamp};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Service;
use super::log::note_business;
use super::problem::Problem;
use crate::auth::Caller;
use crate::auth::links::{Grant, LinkError};

/// The query parameter that holds a signed link.
pub(super) const LINK: &str = "link";

/// For somebody with a token.
pub(super) struct Target {
    pub(super) key: CallKey,
    pub(super) recording: Option<RecordingSid>,
}

/// For somebody with a token who leaves a trace there.
pub(super) struct Editable {
    pub(super) target: Target,
    /// Who it is, as the token says.
    pub(super) by: String,
}

/// For somebody with a token, or with a signed link for just this.
pub(super) struct Readable {
    pub(super) target: Target,
    /// Tells readers apart: a person of a business, or all holders of links for one recording.
    pub(super) reader: String,
    /// What was shown is good until then.
    pub(super) expires_at: Timestamp,
}

impl FromRequestParts<Service> for Target {
    type Rejection = Problem;

    /// Whether the URL makes sense is said to anybody, what is behind it only to those who may know.
    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        Ok(Editable::from_request_parts(parts, service).await?.target)
    }
}

impl FromRequestParts<Service> for Editable {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let Named { call, recording, .. } = named(parts, service).await?;
        let caller = Caller::from_request_parts(parts, service).await?;
        let key = CallKey { business: caller.business, call };
        Ok(Self { target: Target { key, recording }, by: caller.subject })
    }
}

impl FromRequestParts<Service> for Readable {
    type Rejection = Problem;

    /// An `Authorization` header counts before a link, and a link before a cookie; a bad one is not made good by
    /// another.
    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let Named { call, recording, link } = named(parts, service).await?;
        let Some(link) = link.filter(|_| link_counts(&parts.headers)) else {
            let caller = Caller::from_request_parts(parts, service).await?;
            return Ok(Self {
                reader: caller.reader(),
                expires_at: caller.expires_at,
                target: Target { key: CallKey { business: caller.business, call }, recording },
            });
        };
        let recording = recording.ok_or(Problem::NoCredentials)?;
        let now = service.clock.now();
        let grant =
            service.links.check(&link, call, recording, now).map_err(|error| match error {
                LinkError::Bad => Problem::NoCredentials,
                LinkError::Expired => Problem::LinkExpired,
            })?;
        note_business(&parts.extensions, &grant.business);
        let reader = reader_by(&grant);
        service.rate_limit.admit(&reader)?;
        Ok(Self {
            reader,
            expires_at: grant.expires_at,
            target: Target {
                key: CallKey { business: grant.business, call },
                recording: Some(recording),
            },
        })
    }
}

/// Whoever shows a header means that.
pub(super) fn link_counts(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION)
}

/// All holders of links for one recording are one reader.
pub(super) fn reader_by(link: &Grant) -> String {
    let Grant { business, call, recording, expires_at: _ } = link;
    format!("{business}/{call}/{recording}")
}

/// Of which nothing says yet that the client may ask for it.
pub(super) struct Named {
    pub(super) call: CallSid,
    pub(super) recording: Option<RecordingSid>,
    pub(super) link: Option<String>,
}

pub(super) async fn named(parts: &mut Parts, service: &Service) -> Result<Named, Problem> {
    let Path(call_sid) = Path::<String>::from_request_parts(parts, service)
        .await
        .map_err(|_| Problem::Malformed("the path is not in UTF-8"))?;
    parse(&call_sid, parts.uri.query().unwrap_or_default())
}

/// Parameters that we do not know (players add some against caches) are passed over.
pub(super) fn parse(call_sid: &str, query: &str) -> Result<Named, Problem> {
    let call = call_sid
        .parse()
        .map_err(|_| Problem::Malformed("a call SID is CA and 32 lower-case hex digits"))?;
    let parameter = |wanted: &'static str| {
        url::form_urlencoded::parse(query.as_bytes())
            .filter(move |(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let mut recordings = parameter("recording").map(|value| value.parse::<RecordingSid>());
    let recording = recordings
        .next()
        .transpose()
        .map_err(|_| Problem::Malformed("a recording SID is RE and 32 lower-case hex digits"))?;
    if recordings.next().is_some() {
        return Err(Problem::Malformed("only one recording can be named"));
    }
    let mut links = parameter(LINK);
    let link = links.next().map(std::borrow::Cow::into_owned);
    if links.next().is_some() {
        return Err(Problem::Malformed("only one link can be shown"));
    }
    Ok(Named { call, recording, link })
}
