//! Plays of what is in memory, answered at once: before the router is tried, and without waiting for anything.
//!
//! It says what the play route would say, header for header, since both use the same words; or it says nothing, and
//! the router answers. It never refuses: whoever is not let in here learns why from the router.
//!
//! Invariant: whatever leads to `None` has changed nothing; a request is counted by the one who answers it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use actors::Published;
use actors::domain::{BusinessId, ByteRange, CallKey, Playable, Timestamp};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use tokio::time::Instant;

use super::representation::{Representation, Selection, select};
use super::request_id::{self, REQUEST_ID};
use super::target::{Named, link_counts, parse, reader_by};
use super::traffic::Whence;
use super::waiting::patience;
use super::{NO_REFERRER, Service, audio, caller, cors, log, play};
use crate::auth::Known;

pub(super) const PLAY: &str = "/api/recordings/file/{call_sid}";
pub(super) const STREAM: &str = "/api/recordings/{call_sid}/stream";

pub(super) fn answer<B>(service: &Service, request: &Request<B>) -> Option<Response> {
    let (route, call_sid) = route(request.uri().path())?;
    let asked = Asked { route, call_sid, request };
    // Where this is broken, the router may not be.
    catch_unwind(AssertUnwindSafe(|| asked.answer(service))).ok().flatten()
}

/// A path that has to be decoded first is none of ours.
fn route(path: &str) -> Option<(&'static str, &str)> {
    let rest = path.strip_prefix("/api/recordings/")?;
    let (route, call_sid) = match rest.strip_prefix("file/") {
        Some(call_sid) => (PLAY, call_sid),
        None => (STREAM, rest.strip_suffix("/stream")?),
    };
    (!call_sid.contains(['/', '%'])).then_some((route, call_sid))
}

struct Asked<'r, B> {
    route: &'static str,
    call_sid: &'r str,
    request: &'r Request<B>,
}

/// Somebody who may ask.
enum Reader {
    Known(Arc<Known>),
    Linked { business: BusinessId, name: String },
}

impl Reader {
    fn business(&self) -> &BusinessId {
        match self {
            Self::Known(known) => &known.caller.business,
            Self::Linked { business, .. } => business,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Known(known) => &known.reader,
            Self::Linked { name, .. } => name,
        }
    }
}

/// What is to be said, with the bytes to be sent.
enum Answer {
    /// Without bytes to say how many there are.
    Whole(ByteRange, Option<Bytes>),
    Part(ByteRange, Bytes),
    NotModified,
}

impl<B> Asked<'_, B> {
    fn answer(&self, service: &Service) -> Option<Response> {
        let started = Instant::now();
        let method = self.request.method();
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        let query = self.request.uri().query().unwrap_or_default();
        let named = parse(self.call_sid, query).ok()?;
        let now = service.clock.now();
        let reader = self.reader(service, &named, now)?;
        let key = CallKey { business: reader.business().clone(), call: named.call };
        let published = service.recordings.published(&key, named.recording, now)?;
        let labels = published.derived(Labels::of);
        let answer = self.choose(service, &published.playable, labels)?;
        if !matches!(answer, Answer::NotModified) && !published.is_lent(now) {
            return None;
        }
        service.rate_limit.admit(reader.name()).ok()?;
        let id = request_id::given(self.request.headers());
        let id = id.unwrap_or_else(|| request_id::made(now));
        let request_id = log::is_wanted().then(|| id.clone());
        let response = self.respond(service, &key, &published, labels, answer, id);
        let business = request_id.is_some().then_some(key.business);
        let asked = log::Asked::At { route: self.route, business };
        let mut line = log::Line::begin(&service.traffic, started, method, asked);
        (line.request_id, line.whence) = (request_id, Some(Whence::Memory));
        line.recording = Some(published.playable.key.recording);
        Some(log::watch(response, line, method == Method::HEAD))
    }

    /// In the order in which credentials count.
    fn reader(&self, service: &Service, named: &Named, now: Timestamp) -> Option<Reader> {
        let headers = self.request.headers();
        match &named.link {
            Some(link) if link_counts(headers) => {
                let grant = service.links.check(link, named.call, named.recording?, now).ok()?;
                let name = reader_by(&grant);
                Some(Reader::Linked { business: grant.business, name })
            }
            Some(_) | None => {
                let token = caller::token(headers)?;
                service.authority.known(&token, now).map(Reader::Known)
            }
        }
    }

    fn choose(&self, service: &Service, playable: &Playable, labels: &Labels) -> Option<Answer> {
        let (method, headers) = (self.request.method(), self.request.headers());
        let Representation { tag, length, .. } = &labels.representation;
        match select(method, headers, tag, *length) {
            Selection::Whole => {
                let whole = ByteRange::whole(*length)?;
                let bytes = match *method == Method::GET {
                    true => Some(service.vault.at_hand(playable, whole)?),
                    false => None,
                };
                Some(Answer::Whole(whole, bytes))
            }
            Selection::Part(range) => {
                Some(Answer::Part(range, service.vault.at_hand(playable, range)?))
            }
            Selection::NotModified if play::may_be_unmodified(headers) => Some(Answer::NotModified),
            Selection::NotModified | Selection::PreconditionFailed | Selection::Unsatisfiable => {
                None
            }
        }
    }

    fn respond(
        &self,
        service: &Service,
        call: &CallKey,
        published: &Arc<Published>,
        labels: &Labels,
        answer: Answer,
        id: HeaderValue,
    ) -> Response {
        let (status, mut headers, body) = match answer {
            Answer::Whole(whole, bytes) => {
                let body = bytes.map(|bytes| audio::body(service, call, published, whole, bytes));
                (StatusCode::OK, labels.of_whole(service, whole), body.unwrap_or_default())
            }
            Answer::Part(range, bytes) => {
                let body = audio::body(service, call, published, range, bytes);
                (StatusCode::PARTIAL_CONTENT, labels.of_part(service, range), body)
            }
            Answer::NotModified => {
                (StatusCode::NOT_MODIFIED, labels.of_nothing(service), Body::empty())
            }
        };
        let asked = self.request.headers();
        if status != StatusCode::NOT_MODIFIED && asked.contains_key(PREFER) {
            let applied = patience(self.request.method(), asked, service.waits).applied;
            headers.extend(applied.map(|applied| (play::PREFERENCE_APPLIED, applied)));
        }
        if let Some(origin) = cors::allowed(service, asked) {
            cors::allow(&mut headers, origin);
        }
        headers.insert(REQUEST_ID, id);
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What the answers for one copy have in common: made at the first of each kind, and kept with the snapshot.
struct Labels {
    representation: Representation,
    whole: OnceLock<HeaderMap>,
    /// Of some range; each answer says its own.
    part: OnceLock<HeaderMap>,
    nothing: OnceLock<HeaderMap>,
}

impl Labels {
    fn of(playable: &Playable) -> Self {
        Self {
            representation: playable.into(),
            whole: OnceLock::new(),
            part: OnceLock::new(),
            nothing: OnceLock::new(),
        }
    }

    fn of_whole(&self, service: &Service, whole: ByteRange) -> HeaderMap {
        self.whole.get_or_init(|| self.make(service, StatusCode::OK, Some(whole))).clone()
    }

    fn of_part(&self, service: &Service, range: ByteRange) -> HeaderMap {
        let status = StatusCode::PARTIAL_CONTENT;
        let part = self.part.get_or_init(|| self.make(service, status, Some(range)));
        let mut headers = part.clone();
        headers.insert(header::CONTENT_LENGTH, play::digits(range.length()));
        let content_range = play::content_range(range, self.representation.length);
        headers.insert(header::CONTENT_RANGE, content_range);
        headers
    }

    fn of_nothing(&self, service: &Service) -> HeaderMap {
        self.nothing.get_or_init(|| self.make(service, StatusCode::NOT_MODIFIED, None)).clone()
    }

    /// With what the router's layers add, and a place for what each answer is called.
    fn make(&self, service: &Service, status: StatusCode, range: Option<ByteRange>) -> HeaderMap {
        let mut response =
            play::respond(service, &self.representation, status, range, Body::empty());
        let headers = response.headers_mut();
        if range.is_some() {
            play::say_whence(headers, play::HIT, play::INLINE);
        }
        headers.insert(header::REFERRER_POLICY, NO_REFERRER);
        cors::vary(service, headers);
        headers.insert(REQUEST_ID, HeaderValue::from_static(""));
        std::mem::take(headers)
    }
}
