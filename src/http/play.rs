//! The play route: `GET|HEAD /api/recordings/file/{call_sid}`, and its twin that downloads.
//!
//! Asks the call's actor for a permit and turns it into a response. Audio flows from the vault to the socket, also
//! while it is still arriving there.
//!
//! Invariant: a body that cannot be completed ends in an error, which cuts the connection; it never ends short.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use actors::domain::{ByteRange, CallKey, Intent, Permit, Playable, Preparing, StateName};
use actors::ports::VaultError;
use actors::{Arrival, Ask, FollowError, RecordingsHandle};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio::task::yield_now;
use utoipa::ToSchema;

use super::log::About;
use super::openapi::parameters::{Conditions, OfCall, OfReadable};
use super::openapi::{Audio, refusals, words};
use super::problem::{Problem, seconds_until};
use super::representation::{Representation, Selection, entity_tag, none_match_holds, select};
use super::target::{Readable, Target};
use super::traffic::{NotYet, Whence};
use super::waiting::{Patience, is_media_element, patience};
use super::{Service, filename};

/// Plays a recording, also while it is still arriving.
///
/// With the first ask it is fetched from Twilio, once, however many ask. A body that cannot be completed cuts the
/// connection: one that ends normally is whole. HEAD starts the fetch, too, and never waits.
#[utoipa::path(
    get, path = "/api/recordings/file/{call_sid}", tag = "recordings",
    params(OfReadable, Conditions),
    responses(Audio, refusals::ToPlayer),
    security(("bearer" = []), ("session" = []), ("link" = [])),
)]
pub(super) async fn play(
    State(service): State<Service>,
    Readable { target, .. }: Readable,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Request { target, method, headers }.answer(&service, INLINE).await
}

/// The same audio, to be kept under a name that says what it is.
#[utoipa::path(
    get,
    path = "/api/calls/{call_sid}/download",
    tag = "calls",
    params(OfCall, Conditions),
    responses(Audio, refusals::ToDownload)
)]
pub(super) async fn download(
    State(service): State<Service>,
    target: Target,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = service.record(&target.key).await?;
    let disposition = filename::attachment(&record.call);
    Request { target, method, headers }.answer(&service, disposition).await
}

struct Request {
    target: Target,
    method: Method,
    headers: HeaderMap,
}

pub(super) const INLINE: HeaderValue = HeaderValue::from_static("inline");
pub(super) const HIT: &str = "hearback; hit";
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// A copy that turns out to be damaged is fetched again, and the request served from that.
const ROUNDS_MAX: usize = 2;
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

impl Request {
    async fn answer(
        self,
        service: &Service,
        disposition: HeaderValue,
    ) -> Result<Response, Problem> {
        if let Some(response) = self.not_modified(service).await? {
            return Ok(response);
        }
        let Patience { wait, applied } = patience(&self.method, &self.headers, service.waits);
        let mut cache_status = HIT;
        for _ in 0..ROUNDS_MAX {
            let mut permit = self.ask(&service.recordings, Duration::ZERO).await?;
            if let Permit::Follow(..) = permit {
                cache_status = "hearback; fwd=miss; collapsed";
            }
            if matches!(permit, Permit::Wait(_)) && !wait.is_zero() {
                cache_status = "hearback; fwd=miss; stored";
                permit = self.wait(service, wait).await?;
            }
            let about = match &permit {
                Permit::Play(playable) => Some(playable.key.recording),
                Permit::Follow(arrival, _) => Some(arrival.key().recording),
                Permit::Wait(_) | Permit::Deny(_) => self.target.recording,
            };
            let mut response = match permit {
                Permit::Play(playable) => match self.send(service, &playable).await? {
                    Some(response) => response,
                    None => continue,
                },
                Permit::Follow(arrival, _) => self.follow(service, &arrival)?,
                Permit::Wait(preparing) => {
                    (Extension(NotYet), preparing_response(&preparing)).into_response()
                }
                Permit::Deny(denial) => return Err(denial.into()),
            };
            if let Some(recording) = about {
                response.extensions_mut().insert(About(recording));
            }
            if response.headers().contains_key(header::ETAG) {
                let is_here = cache_status == HIT;
                let whence = if is_here { Whence::Vault } else { Whence::Download };
                response.extensions_mut().insert(whence);
                say_whence(response.headers_mut(), cache_status, disposition);
            }
            let headers = response.headers_mut();
            if let Some(applied) = applied {
                headers.insert(PREFERENCE_APPLIED, applied);
            }
            return Ok(response);
        }
        tracing::error!(call.sid = %self.target.key.call, "a copy was damaged twice in a row");
        Err(Problem::Away)
    }

    /// A client that has this version already needs no bytes, also when we have none left.
    async fn not_modified(&self, service: &Service) -> Result<Option<Response>, Problem> {
        if !may_be_unmodified(&self.headers) {
            return Ok(None);
        }
        let view = service.recordings.look(&self.target.key).await?.ok_or(Problem::NoSuchCall)?;
        let Some(recording) = view.recording(self.target.recording) else { return Ok(None) };
        let recording = recording.clone().as_of(service.clock.now());
        let Some(version) = recording.version.filter(|_| recording.state != StateName::Gone) else {
            return Ok(None);
        };
        let tag = entity_tag(recording.recording, version);
        if !none_match_holds(&self.headers, &tag) {
            return Ok(None);
        }
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        validators(&mut response, service, &tag);
        Ok(Some(response))
    }

    async fn ask(
        &self,
        recordings: &RecordingsHandle,
        wait: Duration,
    ) -> Result<Permit<Arrival>, Problem> {
        let ask = Ask { recording: self.target.recording, intent: Intent::Listen, wait };
        recordings.ask(&self.target.key, ask).await?.ok_or(Problem::NoSuchCall)
    }

    /// A client that can come back is told so when a successor may be waiting for us to be done.
    async fn wait(&self, service: &Service, wait: Duration) -> Result<Permit<Arrival>, Problem> {
        let waiting = self.ask(&service.recordings, wait);
        if is_media_element(&self.headers) {
            return waiting.await;
        }
        tokio::select! {
            permit = waiting => permit,
            () = service.closing.cancelled() => self.ask(&service.recordings, Duration::ZERO).await,
        }
    }

    /// `None` when the copy turned out to be damaged; its actor knows by then.
    async fn send(
        &self,
        service: &Service,
        playable: &Playable,
    ) -> Result<Option<Response>, Problem> {
        let representation = Representation::from(playable);
        let (status, range) = self.select(&representation)?;
        let body = match range {
            Some(range) if self.method == Method::GET => {
                let report = damage_report(service, &self.target.key, playable);
                match service.vault.read(playable, range).await {
                    // The end of a body that has begun cannot be mended, but the next one can.
                    Ok(stream) => Body::from_stream(stream.inspect_err(report)),
                    Err(error) if error.is_damage() => {
                        report(&error);
                        return Ok(None);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Some(_) | None => Body::empty(),
        };
        Ok(Some(respond(service, &representation, status, range, body)))
    }

    /// Sends what arrives as it arrives.
    fn follow(&self, service: &Service, arrival: &Arrival) -> Result<Response, Problem> {
        let representation = Representation::from(arrival);
        let (status, range) = self.select(&representation)?;
        let recording = arrival.key().recording;
        let report = move |error: &FollowError| {
            tracing::warn!(recording.sid = %recording, %error, "a listener is cut");
        };
        let body = match range {
            Some(range) if self.method == Method::GET => {
                Body::from_stream(arrival.follow(range).inspect_err(report).or_else(after_the_head))
            }
            Some(_) | None => Body::empty(),
        };
        Ok(respond(service, &representation, status, range, body))
    }

    fn select(
        &self,
        representation: &Representation,
    ) -> Result<(StatusCode, Option<ByteRange>), Problem> {
        let Representation { tag, length, .. } = representation;
        match select(&self.method, &self.headers, tag, *length) {
            Selection::Whole => Ok((StatusCode::OK, ByteRange::whole(*length))),
            Selection::Part(part) => Ok((StatusCode::PARTIAL_CONTENT, Some(part))),
            Selection::NotModified => Ok((StatusCode::NOT_MODIFIED, None)),
            Selection::PreconditionFailed => Err(Problem::PreconditionFailed),
            Selection::Unsatisfiable => Err(Problem::RangeNotSatisfiable { length: *length }),
        }
    }
}

/// Tells the call's actor when an error says that the copy is bad.
pub(super) fn damage_report(
    service: &Service,
    call: &CallKey,
    playable: &Playable,
) -> impl Fn(&VaultError) + Send + 'static {
    let (recordings, call) = (service.recordings.clone(), call.clone());
    let (recording, copy) = (playable.key.recording, playable.copy.clone());
    move |error| {
        if error.is_damage() {
            tracing::error!(recording.sid = %recording, %error, "copy damaged; fetched again");
            recordings.report_damage(call.clone(), recording, copy.clone());
        } else {
            tracing::error!(recording.sid = %recording, %error, "a copy cannot be read");
        }
    }
}

/// Whether a version that the client has may be all that there is to say.
pub(super) fn may_be_unmodified(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_NONE_MATCH) && !headers.contains_key(header::IF_MATCH)
}

/// Fails once the head is out: to a proxy, an answer that is cut before it began would be a 502.
async fn after_the_head(error: FollowError) -> Result<Bytes, FollowError> {
    yield_now().await;
    Err(error)
}

/// What a 304 shares with the answer that it stands for.
pub(super) fn validators(response: &mut Response, service: &Service, tag: &str) {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(tag).expect("a tag is ASCII"));
    headers.insert(header::CACHE_CONTROL, service.cache_control.clone());
}

pub(super) fn respond(
    service: &Service,
    representation: &Representation,
    status: StatusCode,
    range: Option<ByteRange>,
    body: Body,
) -> Response {
    let mut response = (status, body).into_response();
    validators(&mut response, service, &representation.tag);
    if let Some(range) = range {
        describe(&mut response, representation, status, range);
    }
    response
}

fn describe(
    response: &mut Response,
    representation: &Representation,
    status: StatusCode,
    range: ByteRange,
) {
    let Representation { length, audio_type, sha256, .. } = representation;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(audio_type.media_type()));
    headers.insert(header::CONTENT_LENGTH, range.length().into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(sha256) = sha256 {
        let digest = format!("sha-256=:{}:", STANDARD.encode(sha256));
        headers.insert("repr-digest", HeaderValue::from_str(&digest).expect("base64 is ASCII"));
    }
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(header::CONTENT_RANGE, content_range(range, *length));
    }
}

pub(super) fn content_range(range: ByteRange, length: u64) -> HeaderValue {
    short_value(format_args!("bytes {}-{}/{length}", range.first, range.last))
}

pub(super) fn digits(number: u64) -> HeaderValue {
    short_value(format_args!("{number}"))
}

/// Three numbers and a word are no longer.
const SHORT_VALUE_BYTES: usize = 80;

/// Every answer has some: written in place, and copied once.
fn short_value(text: fmt::Arguments<'_>) -> HeaderValue {
    let mut value = [0; SHORT_VALUE_BYTES];
    let mut left = value.as_mut_slice();
    left.write_fmt(text).expect("it is short");
    let unused = left.len();
    HeaderValue::from_bytes(&value[..SHORT_VALUE_BYTES - unused]).expect("ASCII")
}

/// How the bytes came to be here, and what is to be done with them.
pub(super) fn say_whence(
    headers: &mut HeaderMap,
    cache_status: &'static str,
    disposition: HeaderValue,
) {
    headers.insert(CACHE_STATUS, HeaderValue::from_static(cache_status));
    headers.insert(header::CONTENT_DISPOSITION, disposition);
}

/// Not yet: what is being done about it, and when to ask again.
#[derive(Serialize, ToSchema)]
#[schema(as = Preparing)]
pub(super) struct PreparingJson {
    /// Always `preparing`.
    status: &'static str,
    #[schema(value_type = words::State)]
    state: &'static str,
    /// Attempts begun in the current window of ten minutes.
    attempt: u32,
    received_bytes: u64,
    /// Null until the source has said it.
    total_bytes: Option<u64>,
    /// In seconds, as the header of that name.
    retry_after: u64,
}

pub(super) fn preparing_response(preparing: &Preparing) -> Response {
    let retry_after = seconds_until(preparing.retry_after);
    let body = PreparingJson {
        status: "preparing",
        state: preparing.state.as_str(),
        attempt: preparing.attempt,
        received_bytes: preparing.received_bytes,
        total_bytes: preparing.total_bytes,
        retry_after,
    };
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::RETRY_AFTER, HeaderValue::from(retry_after)),
    ];
    (StatusCode::ACCEPTED, headers, axum::Json(body)).into_response()
}
