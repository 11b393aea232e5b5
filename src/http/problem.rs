//! Everything a client can be told went wrong, and how it is told (RFC 9457).
//!
//! Invariant: no other file names an error status. A new failure is a new row. 502 and 504 have none, for ever.

use std::time::Duration;

use actors::AskError;
use actors::domain::{Denial, GoneCause};
use actors::ports::{CatalogError, VaultError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug)]
pub(crate) enum Problem {
    Malformed(&'static str),
    NoCredentials,
    /// Signed by us for just this, some time ago: whoever shows it can have a new one made.
    LinkExpired,
    NotForThisRole,
    SignatureMismatch,
    /// Also: another business's call. Telling the two apart would tell that it exists.
    NoSuchCall,
    NoSuchPage,
    NoRecording,
    RecordingGone(GoneCause),
    /// Nobody transcribes it: the business does without, or nothing of it was ever complete.
    NoTranscript,
    /// Nobody says a word in it.
    NoSpeech,
    /// The pipeline has given up on it; an operator may try again.
    StageFailed,
    /// It waits for somebody to switch on what makes it.
    StageOff,
    NoSuchThing(&'static str),
    MethodNotAllowed,
    PreconditionFailed,
    RangeNotSatisfiable {
        length: u64,
    },
    TooLarge,
    RequestTimeout,
    RateLimited {
        retry_after: Duration,
    },
    /// An operator's order that would change nothing, or do harm; the detail says why.
    Conflict(&'static str),
    TooManyStreams,
    AttemptsExhausted {
        retry_after: Duration,
    },
    Away,
    Overloaded,
    SourceRefusedCredentials,
    Internal,
}

/// Goes along with the response of a problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code(pub(super) &'static str);

/// Every code there is.
pub(super) const CODES: [&str; 32] = [
    "malformed",
    "no_credentials",
    "link_expired",
    "not_for_this_role",
    "signature_mismatch",
    "no_such_call",
    "no_such_page",
    "no_recording",
    "recording_absent",
    "recording_failed",
    "recording_deleted",
    "recording_missing",
    "recording_expired",
    "recording_erased",
    "no_transcript",
    "no_speech",
    "pipeline_failed",
    "pipeline_off",
    "no_such_thing",
    "method_not_allowed",
    "precondition_failed",
    "range_not_satisfiable",
    "too_large",
    "request_timeout",
    "rate_limited",
    "conflict",
    "too_many_streams",
    "attempts_exhausted",
    "away",
    "overloaded",
    "source_refused_credentials",
    "internal",
];

enum ClientMay {
    Fix,
    Retry(Duration),
    Nothing,
}

struct Row {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    client_may: ClientMay,
}

const AWAY_RETRY_AFTER: Duration = Duration::from_secs(5);

#[rustfmt::skip]
const fn row(problem: &Problem) -> Row {
    use ClientMay::{Fix, Nothing, Retry};
    use Problem as P;
    match problem {
        P::Malformed(_)                => Row { status: StatusCode::BAD_REQUEST,           code: "malformed",                  title: "The request cannot be understood",                 client_may: Fix },
        P::NoCredentials               => Row { status: StatusCode::UNAUTHORIZED,          code: "no_credentials",             title: "A valid token is needed",                          client_may: Fix },
        P::LinkExpired                 => Row { status: StatusCode::UNAUTHORIZED,          code: "link_expired",               title: "The link has expired",                             client_may: Fix },
        P::NotForThisRole              => Row { status: StatusCode::FORBIDDEN,             code: "not_for_this_role",          title: "Operators only",                                   client_may: Fix },
        P::SignatureMismatch           => Row { status: StatusCode::FORBIDDEN,             code: "signature_mismatch",         title: "The signature does not match",                     client_may: Fix },
        P::NoSuchCall                  => Row { status: StatusCode::NOT_FOUND,             code: "no_such_call",               title: "There is no such call",                            client_may: Nothing },
        P::NoSuchPage                  => Row { status: StatusCode::NOT_FOUND,             code: "no_such_page",               title: "There is nothing at this address",                 client_may: Nothing },
        P::NoRecording                 => Row { status: StatusCode::NOT_FOUND,             code: "no_recording",               title: "The call has no such recording",                   client_may: Nothing },
        P::RecordingGone(GoneCause::Absent)  => Row { status: StatusCode::NOT_FOUND,       code: "recording_absent",           title: "The recording was too short or silent",            client_may: Nothing },
        P::RecordingGone(GoneCause::Failed)  => Row { status: StatusCode::NOT_FOUND,       code: "recording_failed",           title: "Twilio could not record the call",                 client_may: Nothing },
        P::RecordingGone(GoneCause::Deleted) => Row { status: StatusCode::NOT_FOUND,       code: "recording_deleted",          title: "The recording was deleted at Twilio",              client_may: Nothing },
        P::RecordingGone(GoneCause::Missing) => Row { status: StatusCode::NOT_FOUND,       code: "recording_missing",          title: "Twilio announced the recording and never had it",  client_may: Nothing },
        P::RecordingGone(GoneCause::Expired) => Row { status: StatusCode::GONE,            code: "recording_expired",          title: "The recording is kept no longer",                  client_may: Nothing },
        P::RecordingGone(GoneCause::Erased)  => Row { status: StatusCode::GONE,            code: "recording_erased",           title: "The recording was erased",                         client_may: Nothing },
        P::NoTranscript                => Row { status: StatusCode::NOT_FOUND,             code: "no_transcript",              title: "The recording is not transcribed",                 client_may: Nothing },
        P::NoSpeech                    => Row { status: StatusCode::NOT_FOUND,             code: "no_speech",                  title: "Nobody speaks in the recording",                   client_may: Nothing },
        P::StageFailed                 => Row { status: StatusCode::NOT_FOUND,             code: "pipeline_failed",            title: "It could not be made; an operator may have it tried again", client_may: Nothing },
        P::StageOff                    => Row { status: StatusCode::NOT_FOUND,             code: "pipeline_off",               title: "What makes it is switched off",                    client_may: Nothing },
        P::NoSuchThing(_)              => Row { status: StatusCode::NOT_FOUND,             code: "no_such_thing",              title: "There is no such thing",                           client_may: Nothing },
        P::MethodNotAllowed            => Row { status: StatusCode::METHOD_NOT_ALLOWED,    code: "method_not_allowed",         title: "This method is not allowed here",                  client_may: Fix },
        P::PreconditionFailed          => Row { status: StatusCode::PRECONDITION_FAILED,   code: "precondition_failed",        title: "The recording is another version",                 client_may: Fix },
        P::RangeNotSatisfiable { .. }  => Row { status: StatusCode::RANGE_NOT_SATISFIABLE, code: "range_not_satisfiable",      title: "The recording is shorter than that",               client_may: Fix },
        P::TooLarge                    => Row { status: StatusCode::PAYLOAD_TOO_LARGE,     code: "too_large",                  title: "The request is too large",                         client_may: Fix },
        P::RequestTimeout              => Row { status: StatusCode::REQUEST_TIMEOUT,       code: "request_timeout",            title: "The request takes too long to arrive",             client_may: Fix },
        P::RateLimited { retry_after } => Row { status: StatusCode::TOO_MANY_REQUESTS,     code: "rate_limited",               title: "You are asking too often",                         client_may: Retry(*retry_after) },
        P::Conflict(_)                 => Row { status: StatusCode::CONFLICT,              code: "conflict",                   title: "That makes no sense as things are",                client_may: Fix },
        P::TooManyStreams              => Row { status: StatusCode::TOO_MANY_REQUESTS,     code: "too_many_streams",           title: "Too many event streams are open already",          client_may: Retry(AWAY_RETRY_AFTER) },
        P::AttemptsExhausted { retry_after } => Row { status: StatusCode::SERVICE_UNAVAILABLE, code: "attempts_exhausted",     title: "The recording could not be fetched; tried again later", client_may: Retry(*retry_after) },
        P::Away                        => Row { status: StatusCode::SERVICE_UNAVAILABLE,   code: "away",                       title: "The service is not complete just now",             client_may: Retry(AWAY_RETRY_AFTER) },
        P::Overloaded                  => Row { status: StatusCode::SERVICE_UNAVAILABLE,   code: "overloaded",                 title: "Too many are asking just now",                     client_may: Retry(AWAY_RETRY_AFTER) },
        P::SourceRefusedCredentials    => Row { status: StatusCode::INTERNAL_SERVER_ERROR, code: "source_refused_credentials", title: "Twilio refuses our credentials; an operator must act", client_may: Nothing },
        P::Internal                    => Row { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal",                   title: "Something is wrong on our side",                   client_may: Nothing },
    }
}

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemJson {
    /// Always `about:blank`: `code` says which problem it is.
    r#type: &'static str,
    /// For people.
    title: &'static str,
    /// That of the response.
    status: u16,
    /// For programs: never changes its meaning.
    code: &'static str,
    /// What of the request it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<&'static str>,
    /// In seconds, as the header of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
}

/// A row, for whoever describes what may be answered.
pub(super) struct Described {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    /// Whether it comes with the time after which it may be gone.
    pub(super) retries: bool,
}

impl Problem {
    pub(super) fn described(&self) -> Described {
        let Row { status, code, title, client_may } = row(self);
        let retries = matches!(client_may, ClientMay::Retry(_));
        Described { status: status.as_u16(), code, title, retries }
    }
}

/// As `Retry-After` has it: whoever comes back then does not come too early.
pub(super) fn seconds_until(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Row { status, code, title, client_may } = row(&self);
        let retry_after = match client_may {
            ClientMay::Retry(span) => Some(seconds_until(span)),
            ClientMay::Fix | ClientMay::Nothing => None,
        };
        let mut said = None;
        if let Self::Malformed(detail) | Self::Conflict(detail) | Self::NoSuchThing(detail) = &self
        {
            said = Some(*detail);
        }
        let body = ProblemJson {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail: said,
            retry_after,
        };
        let mut response = (status, axum::Json(body)).into_response();
        response.extensions_mut().insert(Code(code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self {
            Self::NoCredentials | Self::LinkExpired => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::RangeNotSatisfiable { length } => {
                let range = HeaderValue::from_str(&format!("bytes */{length}"))
                    .expect("digits make a header value");
                headers.insert(header::CONTENT_RANGE, range);
            }
            Self::Malformed(_)
            | Self::NotForThisRole
            | Self::SignatureMismatch
            | Self::NoSuchCall
            | Self::NoSuchPage
            | Self::NoRecording
            | Self::RecordingGone(_)
            | Self::NoTranscript
            | Self::NoSpeech
            | Self::StageFailed
            | Self::StageOff
            | Self::NoSuchThing(_)
            | Self::MethodNotAllowed
            | Self::PreconditionFailed
            | Self::TooLarge
            | Self::RequestTimeout
            | Self::RateLimited { .. }
            | Self::Conflict(_)
            | Self::TooManyStreams
            | Self::AttemptsExhausted { .. }
            | Self::Away
            | Self::Overloaded
            | Self::SourceRefusedCredentials
            | Self::Internal => {}
        }
        response
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::NoRecording => Self::NoRecording,
            Denial::Gone(cause) => Self::RecordingGone(cause),
            Denial::Exhausted { retry_after, .. } => Self::AttemptsExhausted { retry_after },
            // Logged once, where the source said it.
            Denial::Refused { .. } => Self::SourceRefusedCredentials,
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Away(error) => error.into(),
            AskError::Overloaded => Self::Overloaded,
            AskError::Unavailable => {
                tracing::error!("a call's actor does not answer");
                Self::Away
            }
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match &error {
            CatalogError::Cursor => Self::Malformed("cursor is not one that we gave"),
            CatalogError::Away(_) => {
                tracing::warn!(%error, "the catalog is away");
                Self::Away
            }
            CatalogError::Conflict(_) => Self::PreconditionFailed,
            CatalogError::Exists(_)
            | CatalogError::Held(_)
            | CatalogError::Unknown(_)
            | CatalogError::LeaseLost(_)
            | CatalogError::Corrupt(_) => {
                tracing::error!(%error, "the catalog surprised us");
                Self::Internal
            }
        }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "a copy cannot be read");
        match error {
            VaultError::Missing
            | VaultError::Damaged { .. }
            | VaultError::Io { .. }
            | VaultError::KeysAway(_) => Self::Away,
            VaultError::Keys(_) => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_when_to_come_back_comes_not_too_early() {
        for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (2_500, 3)] {
            assert_eq!(seconds_until(Duration::from_millis(millis)), seconds, "{millis}");
        }
        let retry_after = Duration::from_millis(1_200);
        let response = Problem::RateLimited { retry_after }.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn every_row_has_its_code_among_all_codes() {
        let rows = include_str!("problem.rs")
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with("P::"));
        let codes: Vec<&str> = rows.filter_map(|row| row.split('"').nth(1)).collect();
        assert_eq!(codes, CODES);
    }
}
