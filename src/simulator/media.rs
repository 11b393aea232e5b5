//! Recordings' audio: what a healthy Twilio would send, bent as the recording's script says.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::audio::Form;
use super::delivery::{Ending, Manner};
use super::fault::{Behaviour, Document, Fault};
use super::refusal::{Refusal, error_document};
use super::switchboard::{Known, Switchboard};
use super::tally::{InFlight, SeenRequest};
use super::tape::Content as Body;
use super::{gzip, mpeg, rest, wav};

type Params = Query<Vec<(String, String)>>;

/// `/2010-04-01/Accounts/{AC}/Recordings/{RE}` with `.mp3`, `.wav`, nothing (WAV) or `.json`.
pub(super) async fn recording(
    State(board): State<Arc<Switchboard>>,
    Path((account, file)): Path<(String, String)>,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    if let Some(sid) = file.strip_suffix(".json") {
        return rest::recording(&board, &account, sid, &request);
    }
    let in_flight = begin(&board, &file, &request);
    rest::authorise(&board, &account, &request)?;
    audio(&board, Some(&account), &file, &params, &request, in_flight)
}

/// `/media/{RE}.mp3`: where a redirect may lead. It asks for no credentials, as a signed URL would not.
pub(super) async fn unguarded(
    State(board): State<Arc<Switchboard>>,
    Path(file): Path<String>,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    let in_flight = begin(&board, &file, &request);
    audio(&board, None, &file, &params, &request, in_flight)
}

fn begin(board: &Switchboard, file: &str, request: &Request) -> Arc<InFlight> {
    let (sid, _) = sid_and_form(file);
    let known = board.known();
    let own = sid.parse().ok().and_then(|sid| known.recordings.get(&sid));
    let tallies = own.map(|recording| Arc::clone(&recording.tally)).into_iter();
    let tallies = tallies.chain([Arc::clone(&board.totals)]).collect();
    let target = request.uri().to_string();
    let seen = SeenRequest::new(request.method().as_str(), &target, request.headers());
    Arc::new(InFlight::begin(tallies, &seen))
}

fn audio(
    board: &Switchboard,
    account: Option<&str>,
    file: &str,
    params: &Params,
    request: &Request,
    in_flight: Arc<InFlight>,
) -> Result<Response, Refusal> {
    let (sid, form) = sid_and_form(file);
    let asked = Asked::new(request);
    let missing = || Refusal::new(StatusCode::NOT_FOUND, &asked.path);
    let mut known = board.known();
    let sid = sid.parse().map_err(|_| missing())?;
    let recording = known.recordings.get_mut(&sid).ok_or_else(missing)?;
    let elsewhere = account.is_some_and(|account| account != recording.account.to_string());
    if elsewhere || recording.status != "completed" {
        return Err(missing());
    }
    let channels = requested_channels(params);
    let Some(body) = recording.audio.form(form, channels) else {
        return Err(Refusal::dual_of_mono(&asked.path));
    };
    let behaviour = recording.plan.next();
    let channels = channels.unwrap_or(recording.channels);
    let duration = recording.audio.duration;
    drop(known);
    let etag = format!("\"{sid}-{}-{channels}\"", form.extension());
    let content = Content { body, form, duration, etag };
    let mut response = misbehave(&behaviour, &asked, content);
    if let Some(manner) = response.extensions_mut().get_mut::<Manner>() {
        manner.in_flight = Some(in_flight);
    }
    Ok(response)
}

/// What an outage makes of any request, audio or not.
pub(super) fn outage(known: &Known, request: &Request) -> Option<Response> {
    let behaviour = known.outage.as_ref()?;
    let (body, duration) = (Body::Held(Bytes::new()), Duration::ZERO);
    let content = Content { body, form: Form::Mp3, duration, etag: "\"\"".into() };
    Some(misbehave(behaviour, &Asked::new(request), content))
}

struct Asked {
    path: String,
    range: Option<String>,
    if_range: Option<String>,
}

struct Content {
    body: Body,
    form: Form,
    duration: Duration,
    etag: String,
}

impl Asked {
    fn new(request: &Request) -> Self {
        let text = |name| {
            let value: Option<&HeaderValue> = request.headers().get(name);
            value.and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let path = request.uri().path().to_owned();
        Self { path, range: text(header::RANGE), if_range: text(header::IF_RANGE) }
    }
}

fn misbehave(behaviour: &Behaviour, asked: &Asked, content: Content) -> Response {
    let length = content.body.len();
    let mut manner = Manner {
        first_byte: Duration::from_millis(behaviour.first_byte_ms),
        bytes_per_second: behaviour.pace(length, content.duration),
        framing: behaviour.framing,
        ..Manner::default()
    };
    let mut response = match &behaviour.fault {
        Fault::Healthy => healthy(asked, content),
        Fault::Status { code, retry_after } => status(*code, retry_after.as_deref(), asked),
        Fault::Hang => ending(&mut manner, Ending::NeverBegins, asked, content),
        Fault::CloseBeforeHeaders => ending(&mut manner, Ending::ClosesFirst, asked, content),
        Fault::StallAfterBytes(n) => ending(&mut manner, Ending::StallsAfter(*n), asked, content),
        Fault::CutAfterBytes(n) => ending(&mut manner, Ending::CutAfter(*n), asked, content),
        Fault::ResetAfterBytes(n) => ending(&mut manner, Ending::ResetAfter(*n), asked, content),
        Fault::TooLongByBytes(n) => {
            manner.declared_bytes = Some(length);
            let body = [&content.body.bytes()[..], &vec![0x55; *n]].concat();
            whole(Content { body: Body::Held(body.into()), ..content })
        }
        Fault::TooShortByBytes(n) => {
            manner.declared_bytes = Some(length);
            let body = content.body.slice(0..length.saturating_sub(*n));
            whole(Content { body, ..content })
        }
        Fault::NotAudio { document, disguised } => not_audio(*document, *disguised, &content),
        Fault::Empty => whole(Content { body: content.body.slice(0..0), ..content }),
        Fault::HeaderOnly => header_only(content),
        Fault::Gzip => {
            let body = Body::Held(gzip::stored(&content.body.bytes()).into());
            with_header(whole(Content { body, ..content }), header::CONTENT_ENCODING, "gzip")
        }
        Fault::UnaskedPartial => partial(&content, 0, length / 2, 0),
        Fault::WrongContentRange => match range(asked, &content) {
            Some((start, end)) => partial(&content, start, end, 1),
            None => whole(content),
        },
        Fault::IgnoreRange => whole(content),
        Fault::Changed => {
            let etag = content.etag.replace(['-'], "-changed-");
            healthy(asked, Content { etag, ..changed(content) })
        }
        Fault::ChangedSilently => healthy(asked, changed(content)),
        Fault::Redirect(to) => redirect(to),
        Fault::RedirectLoop => redirect(&asked.path),
    };
    response.extensions_mut().insert(manner);
    response
}

fn changed(content: Content) -> Content {
    let body = Body::Held(mpeg::changed(&content.body.bytes()).into());
    Content { body, ..content }
}

fn healthy(asked: &Asked, content: Content) -> Response {
    let length = content.body.len();
    match range(asked, &content) {
        Some((start, end)) if start < end => partial(&content, start, end, 0),
        Some(_) => {
            let refused = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            with_header(refused, header::CONTENT_RANGE, &format!("bytes */{length}"))
        }
        None => whole(content),
    }
}

fn ending(manner: &mut Manner, ending: Ending, asked: &Asked, content: Content) -> Response {
    manner.ending = ending;
    healthy(asked, content)
}

fn status(code: u16, retry_after: Option<&str>, asked: &Asked) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = Refusal::new(status, &asked.path).into_response();
    match retry_after {
        Some(when) => with_header(response, header::RETRY_AFTER, when),
        None => response,
    }
}

fn whole(content: Content) -> Response {
    let response = match content.body {
        Body::Held(bytes) => bytes.into_response(),
        taped @ Body::Taped(..) => {
            let length = taped.len().to_string();
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(taped);
            with_header(response, header::CONTENT_LENGTH, &length)
        }
    };
    let response = with_header(response, header::CONTENT_TYPE, content.form.media_type());
    let response = with_header(response, header::ACCEPT_RANGES, "bytes");
    with_header(response, header::ETAG, &content.etag)
}

/// `off` is by how much `Content-Range` lies.
fn partial(content: &Content, start: usize, end: usize, off: usize) -> Response {
    let length = content.body.len();
    let body = content.body.slice(start..end.max(start));
    let mut response = whole(Content { body, etag: content.etag.clone(), ..*content });
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let claimed = format!("bytes {}-{}/{length}", start + off, (end + off).saturating_sub(1));
    with_header(response, header::CONTENT_RANGE, &claimed)
}

fn not_audio(document: Document, disguised: bool, content: &Content) -> Response {
    let (media_type, text) = match document {
        Document::Html => ("text/html", "<html><body>Not the recording</body></html>".to_owned()),
        Document::Json => ("application/json", error_document(StatusCode::NOT_FOUND, "", true)),
        Document::Xml => ("application/xml", error_document(StatusCode::NOT_FOUND, "", false)),
    };
    let media_type = if disguised { content.form.media_type() } else { media_type };
    with_header(text.into_response(), header::CONTENT_TYPE, media_type)
}

fn header_only(content: Content) -> Response {
    let body = match content.form {
        // An ID3v2 tag that says that it is empty.
        Form::Mp3 => Body::Held(Bytes::from_static(b"ID3\x04\0\0\0\0\0\0")),
        Form::Wav => content.body.slice(0..wav::HEADER_BYTES),
    };
    whole(Content { body, ..content })
}

fn redirect(to: &str) -> Response {
    with_header(StatusCode::FOUND.into_response(), header::LOCATION, to)
}

fn with_header(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    // Scripts may hold anything; what is no header value is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The asked-for stretch, end exclusive; `None` where the whole is to be sent.
fn range(asked: &Asked, content: &Content) -> Option<(usize, usize)> {
    let length = content.body.len();
    if asked.if_range.as_ref().is_some_and(|tag| *tag != content.etag) {
        return None;
    }
    let (first, last) = asked.range.as_deref()?.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        return Some((length.saturating_sub(last.parse().ok()?), length));
    }
    let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    Some((first.parse().ok()?, last.saturating_add(1).min(length)))
}

fn sid_and_form(file: &str) -> (&str, Form) {
    match file.split_once('.') {
        Some((sid, "mp3")) => (sid, Form::Mp3),
        Some((sid, "wav")) => (sid, Form::Wav),
        Some(_) | None => (file, Form::Wav),
    }
}

fn requested_channels(params: &Params) -> Option<u8> {
    let wish = params.iter().find(|(name, _)| name == "RequestedChannels");
    // What is no number is a wish that cannot be met.
    wish.map(|(_, value)| value.parse().unwrap_or(0))
}
