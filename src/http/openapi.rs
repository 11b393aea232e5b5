//! The description of this interface (OpenAPI 3.1) at `/openapi.json`, and its page at `/docs`.
//!
//! A handler says beside itself what it takes and what it answers; the schemas are those of the types that it reads and
//! writes, and what may go wrong comes from the rows of `problem`.
//!
//! Invariant: every route of the table is described, and nothing else is; a test compares.

mod audio;
pub(super) mod callbacks;
mod headers;
pub(super) mod parameters;
pub(super) mod refusals;
#[cfg(test)]
mod tests;
pub(super) mod words;

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, Ref, RefOr, Server};
use utoipa::{Modify, OpenApi, ToSchema};

pub(super) use audio::Audio;
use callbacks::CallCallback;

use super::caller::SESSION_COOKIE;
use super::heard::MakingJson;
use super::hot::{PLAY, STREAM};
use super::problem::{Problem, ProblemJson};
use super::representation::{none_match_holds, tag_of, weak};
use super::target::LINK;
use super::transcripts::Form;
use super::web;
use super::{
    appointments, calls, debug, events, health, links, metrics, play, recordings, session,
    transcripts, waveform, webhooks,
};

const ABOUT: &str = "\
Hearback plays back Twilio call recordings in the browser, at once and in private.

Times are RFC 3339; durations and positions are in seconds, sizes in bytes. SIDs are Twilio's: `CA` or `RE` and 32 \
lower-case hex digits. A token names its business; another business's call is answered exactly as one that does not \
exist. What goes wrong is an `application/problem+json` with a stable `code`; 502 and 504 are never answered.

Every path answers OPTIONS with 204 and `Allow`, every GET also HEAD, and any other method 405 \
(`method_not_allowed`). Answers that are not alike for all carry `X-Request-Id`, the client's own if it sent a sane \
one. Origins that are configured may read answers from their pages (CORS).";

#[derive(OpenApi)]
#[openapi(
    paths(
        play::play, recordings::prepare, links::sign, recordings::status, events::events, waveform::waveform,
        calls::list, calls::show, play::download, transcripts::read, transcripts::correct,
        appointments::list, appointments::change,
        appointments::calendars, appointments::add_calendar, appointments::remove_calendar,
        session::show, session::sign_in, session::sign_out, webhooks::receive,
        debug::actors, debug::call::show, debug::call::retry, debug::call::evict, debug::events::events,
        debug::jobs::list, debug::jobs::show, debug::jobs::retry, debug::jobs::cancel,
        health::live, health::ready, metrics::scrape, document, docs, web::page, web::asset,
    ),
    components(schemas(ProblemJson, play::PreparingJson, MakingJson, CallCallback)),
    modifiers(&Whole),
    security(("bearer" = []), ("session" = [])),
    tags(
        (name = "recordings", description = "Playing, and how it stands with a recording."),
        (name = "calls", description = "A business's calls."),
        (name = "transcripts", description = "What was said, as JSON, subtitles or text."),
        (name = "appointments", description = "What extraction proposed, and the calendars it stands in."),
        (name = "session", description = "A cookie for what can send no header."),
        (name = "webhooks", description = "What Twilio posts."),
        (name = "debug", description = "What every actor does; for operators only."),
        (name = "operations", description = "For whoever watches over the process."),
        (name = "pages", description = "The console, the player, this description."),
    ),
)]
struct Document;

/// What no handler can say beside itself.
struct Whole;

impl Modify for Whole {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.info = InfoBuilder::new()
            .title("Hearback")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(ABOUT))
            .build();
        // Beside this document, under whatever prefix.
        document.servers = Some(vec![Server::new(".")]);
        add_ways_in(document);
        let paths = &mut document.paths.paths;
        for (path, item) in paths.iter_mut() {
            name_operations(path, item);
        }
        let listen = paths[PLAY].clone();
        paths.insert(STREAM.to_owned(), named_anew(listen, "stream"));
        for path in [PLAY, STREAM, "/api/calls/{call_sid}/download"] {
            add_head(paths.get_mut(path).expect("it is described"));
        }
        leave_out_null(paths.get_mut("/api/recordings/{call_sid}/link").expect("it is described"));
        let read = &paths["/api/calls/{call_sid}/transcript"];
        let read = read.get.clone().expect("it is described");
        for form in [Form::Json, Form::Vtt, Form::Srt, Form::Text] {
            let (path, operation) = transcript(form, read.clone());
            paths.insert(path, PathItem::new(HttpMethod::Get, operation));
        }
        let callback = paths["/webhooks/twilio/recording-status"].clone();
        paths.insert("/webhooks/twilio/call-status".to_owned(), call_status(callback));
    }
}

fn add_ways_in(document: &mut utoipa::openapi::OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A JWT with `sub`, `business_id`, `role`, `exp`, `aud` and `iss`."))
        .build();
    let cookie = ApiKeyValue::with_description(
        SESSION_COOKIE,
        "The same JWT, in a cookie that `POST /api/session` sets. Counts where there is no header and no link.",
    );
    let link = ApiKeyValue::with_description(
        LINK,
        "The query of a signed link, for one recording and a while; `recording` is part of it.",
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("link", SecurityScheme::ApiKey(ApiKey::Query(link)));
}

/// Handlers of several modules have the same name; what they do where does not.
fn name_operations(path: &str, item: &mut PathItem) {
    let place: Vec<&str> = path
        .split(['/', '-', '.'])
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .collect();
    let one = if path.ends_with('}') { "_one" } else { "" };
    let place = if place.is_empty() { "console".to_owned() } else { place.join("_") };
    let operations = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    for (method, operation) in operations {
        if let Some(operation) = operation {
            operation.operation_id = Some(format!("{method}_{place}{one}"));
        }
    }
}

fn named_anew(mut item: PathItem, name: &str) -> PathItem {
    let operation = item.get.as_mut().expect("it is described");
    operation.operation_id = Some(name.to_owned());
    operation.summary = Some("The same under another name.".to_owned());
    item
}

fn add_head(item: &mut PathItem) {
    let mut head = refusals::without_bodies(item.get.clone().expect("it is described"));
    head.operation_id = head.operation_id.map(|name| format!("{name}_head"));
    head.summary = Some("Its headers; starts the fetch, and never waits.".to_owned());
    head.description = None;
    // A range is for GET alone.
    head.responses.responses.remove("206");
    head.responses.responses.remove("416");
    item.head = Some(head);
}

/// A body that may be left out is not one that may be null.
fn leave_out_null(item: &mut PathItem) {
    let sign = item.post.as_mut().expect("it is described");
    let wish = ContentBuilder::new().schema(Some(Ref::from_schema_name("LinkWish"))).build();
    if let Some(RefOr::T(body)) = &mut sign.request_body {
        body.content.insert("application/json".to_owned(), wish.into());
    }
}

fn transcript(form: Form, mut read: Operation) -> (String, Operation) {
    let ending = form.ending();
    read.operation_id = Some(format!("get_transcript_{ending}"));
    if form != Form::Json {
        let Some(RefOr::T(response)) = read.responses.responses.get_mut("200") else {
            unreachable!("it is described")
        };
        let text = ContentBuilder::new().schema(Some(words::text())).build();
        response.content.clear();
        response.content.insert(form.media_type().to_owned(), text.into());
    }
    (format!("/api/calls/{{call_sid}}/transcript.{ending}"), read)
}

fn call_status(mut item: PathItem) -> PathItem {
    let receive = item.post.as_mut().expect("it is described");
    receive.operation_id = Some("post_webhooks_twilio_call_status".to_owned());
    let form = ContentBuilder::new().schema(Some(Ref::from_schema_name(CallCallback::name())));
    let body = RequestBodyBuilder::new()
        .content("application/x-www-form-urlencoded", form.build())
        .required(Some(utoipa::openapi::Required::True))
        .build();
    receive.request_body = Some(RefOr::T(body));
    item
}

struct Written {
    json: Bytes,
    tag: String,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let json = Document::openapi().to_json().expect("it can be written");
    Written { tag: tag_of(&json), json: json.into() }
});

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "pages", params(parameters::Validator),
    responses(
        (status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json"),
        (status = 304, description = "The client has this version."),
        refusals::ToAnybody,
    ),
    security(()),
)]
pub(super) async fn document(headers: HeaderMap) -> Response {
    let Written { json, tag } = &*WRITTEN;
    let validators =
        [(header::ETAG, weak(tag)), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if none_match_holds(&headers, tag) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    let json_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (validators, json_type, json.clone()).into_response()
}

/// A page to read this description on, and to try it.
#[utoipa::path(
    get, path = "/docs", tag = "pages", params(parameters::Validator),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 304, description = "The client has this version."),
        refusals::ToPage,
    ),
    security(()),
)]
pub(super) async fn docs(headers: HeaderMap) -> Result<Response, Problem> {
    web::serve("docs.html", &headers)
}
