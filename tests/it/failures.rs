//! Everything a client can be told went wrong: each row of the table of problems happens here, over HTTP.

mod away;
mod pipeline;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::CallKey;
use actors::ports::{Custody, Order};
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{Announcement, Behaviour, PlannedCall, PlannedRecording};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::support::{ACME, CLOCK_PANIC, Placed, TestApp, TestClock, header, play_path};

const PROBLEMS: &str = include_str!("../../src/http/problem.rs");
const UNKNOWN_CALL: &str = "CA000000000000000000000000deadbeef";
const CALL_STATUS: &str = "/webhooks/twilio/call-status";

type Codes = BTreeSet<String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_there_is_can_happen_and_is_told_alike() {
    // At the same time: using up the attempts takes their pauses, 17 s and more.
    let (asked, gone, refused, exhausted, away, overloaded, rated, internal, late, ended, unheard) = tokio::join!(
        what_was_asked_is_wrong(),
        there_will_be_no_audio(),
        the_source_refuses_us(),
        the_attempts_are_used_up(),
        away::the_catalog_is_away(),
        there_is_no_room(),
        too_much_too_fast_or_too_slow(),
        we_have_a_bug(),
        it_is_too_late_or_too_early(),
        it_was_there_and_is_kept_no_longer(),
        pipeline::it_was_not_heard(),
    );
    let happened: Codes =
        [asked, gone, refused, exhausted, away, overloaded, rated, internal, late, ended, unheard]
            .into_iter()
            .flatten()
            .collect();
    let listed: Codes = PROBLEMS
        .split("code: \"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(code, _)| code.to_owned())
        .collect();
    assert!(listed.len() >= 20, "the table is written differently now: {listed:?}");
    assert_eq!(happened, listed);
}

/// Checks what all problems have in common, and returns the code.
async fn told(what: &str, response: Response, status: u16, code: &str) -> String {
    assert_eq!(response.status().as_u16(), status, "{what}");
    assert_eq!(header(&response, "content-type"), "application/problem+json", "{what}");
    assert_eq!(header(&response, "cache-control"), "no-store", "{what}");
    for name in ["etag", "accept-ranges", "content-disposition", "repr-digest"] {
        assert!(!response.headers().contains_key(name), "{what}: {name} is of audio");
    }
    let may_retry = response.headers().contains_key("retry-after");
    assert_eq!(may_retry, matches!(status, 429 | 503), "{what}: whether to come back");
    let retry_after: Option<u64> =
        may_retry.then(|| header(&response, "retry-after").parse().expect("seconds"));
    assert_ne!(retry_after, Some(0), "{what}: it would be asked again at once");
    if status == 401 {
        assert_eq!(header(&response, "www-authenticate"), "Bearer", "{what}");
    }
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["status"], status, "{what}");
    assert_eq!(body["code"], code, "{what}");
    assert_eq!(body["type"], "about:blank", "{what}");
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}");
    assert_eq!(body["retry_after"].as_u64(), retry_after, "{what}");
    let is_detailed = matches!(status, 400 | 409) || code == "no_such_thing";
    assert_eq!(body["detail"].is_string(), is_detailed, "{what}: what to mend");
    code.to_owned()
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

/// What an agent of acme's asks. `PLAY` is the path that plays a call, `PLACED` its recording, `SILENT` the path of a
/// call without one.
const ASKED: &[(&str, u16, &str)] = &[
    ("GET /api/recordings/file/CA1", 400, "malformed"),
    ("GET /api/recordings/file/CA000000000000000000000000DEADBEEF", 400, "malformed"),
    ("GET /api/recordings/file/PLACED", 400, "malformed"),
    ("GET PLAY0", 400, "malformed"),
    ("GET /api/recordings/file/%ff", 400, "malformed"),
    ("GET /api/recordings/file/..%2f..%2fetc%2fpasswd", 400, "malformed"),
    ("GET PLAY?recording=RE1", 400, "malformed"),
    ("GET PLAY?recording=", 400, "malformed"),
    ("GET PLAY?recording=PLACED&recording=PLACED", 400, "malformed"),
    ("POST /api/recordings/CA1/prepare", 400, "malformed"),
    ("GET /api/recordings/CA1/status", 400, "malformed"),
    ("GET /api/calls/CA1", 400, "malformed"),
    ("GET /api/calls/CA1/download", 400, "malformed"),
    ("GET /api/calls?colour=green", 400, "malformed"),
    ("POST /api/session", 400, "malformed"),
    ("GET /debug/actors", 403, "not_for_this_role"),
    ("GET /api/recordings/file/CA000000000000000000000000deadbeef", 404, "no_such_call"),
    ("POST /api/recordings/CA000000000000000000000000deadbeef/prepare", 404, "no_such_call"),
    ("GET /api/nowhere", 404, "no_such_page"),
    ("GET /web/nothing.js", 404, "no_such_page"),
    ("GET /web/%ff.js", 404, "no_such_page"),
    ("GET /web/..%2fCargo.toml", 404, "no_such_page"),
    ("GET SILENT", 404, "no_recording"),
    ("GET PLAY?recording=RE000000000000000000000000deadbeef", 404, "no_recording"),
    ("DELETE PLAY", 405, "method_not_allowed"),
];

async fn what_was_asked_is_wrong() -> Codes {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(10_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_ready(&placed).await;
    let (play, silent) = (play_path(&placed), silent_call(&app).await);
    let mut codes = Codes::new();
    for (asked, status, code) in ASKED {
        let spelled_out = asked.replace("PLAY", &play).replace("SILENT", &silent);
        let spelled_out = spelled_out.replace("PLACED", &placed.recording.to_string());
        let (method, path) = spelled_out.split_once(' ').expect("a method");
        let request = app.request(method.parse().expect("a method"), path);
        codes.insert(told(asked, answer(request).await, *status, code).await);
    }
    let get = |path: &str| app.request(Method::GET, path);
    let nobody = |path: &str| app.client.get(app.url(path));
    let unknown = format!("/api/recordings/file/{UNKNOWN_CALL}");
    let webhook = |body: Vec<u8>| app.client.post(app.url(CALL_STATUS)).body(body);
    let owner = app.request_by(("acme", Role::Owner), Method::GET, "/debug/actors");
    let if_match = get(&play).header("if-match", "\"another\"");
    let range = get(&play).header("range", "bytes=999999-");
    let too_large = vec![b'x'; 64 * 1_024 + 1];
    let rows = [
        ("malformed, before the token", nobody("/api/calls/CA1"), 400, "malformed"),
        ("no token", nobody(&play), 401, "no_credentials"),
        ("no token, no call", nobody(&unknown), 401, "no_credentials"),
        ("an owner", owner, 403, "not_for_this_role"),
        ("unsigned", webhook(b"CallStatus=completed".to_vec()), 403, "signature_mismatch"),
        ("another version", if_match, 412, "precondition_failed"),
        ("too much", webhook(too_large), 413, "too_large"),
        ("beyond the end", range, 416, "range_not_satisfiable"),
    ];
    for (what, request, status, code) in rows {
        codes.insert(told(what, answer(request).await, status, code).await);
    }
    codes
}

/// The play path of a call that nobody recorded.
async fn silent_call(app: &TestApp) -> String {
    let plan = PlannedCall { recordings: Vec::new(), ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(plan).await.expect("placed");
    let path = format!("/api/recordings/file/{}", placed.call);
    app.until("the call is known", async || {
        let known = app.get(&path).await.text().await.ok()?.contains("no_recording");
        known.then_some(())
    })
    .await;
    path
}

/// A call whose recording Twilio answers, or announces, so.
async fn placed_with(app: &TestApp, behaviour: Behaviour, announced: &str) -> Placed {
    let (mut plan, audio) = TestApp::synthetic(10_000, 1);
    plan.behaviours = vec![behaviour];
    let planned = PlannedCall {
        recordings: vec![plan],
        announce: Some(vec![Announcement::Recordings(announced.into())]),
        ..PlannedCall::default()
    };
    let (placed, _) = app.simulator.place_call(planned).await.expect("placed");
    let placed = Placed { call: placed.call, recording: placed.recordings[0], audio };
    app.until("the recording is known", async || {
        let call = app.get(&format!("/api/calls/{}", placed.call)).await.text().await.ok()?;
        call.contains(&placed.recording.to_string()).then_some(())
    })
    .await;
    placed
}

async fn there_will_be_no_audio() -> Codes {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let mut rows = vec![
        (placed_with(&app, Behaviour::healthy(), "absent").await, "recording_absent"),
        (placed_with(&app, Behaviour::healthy(), "failed").await, "recording_failed"),
        (placed_with(&app, Behaviour::healthy(), "deleted").await, "recording_deleted"),
        (placed_with(&app, Behaviour::status(410), "completed").await, "recording_deleted"),
    ];
    let missing = placed_with(&app, Behaviour::status(404), "completed").await;
    // Twilio's documented delay is over: what is not there by now will not come.
    clock.advance(Duration::from_mins(11));
    rows.push((missing, "recording_missing"));
    let mut codes = Codes::new();
    for (placed, code) in &rows {
        for _ in 0..2 {
            let response = app.get(&play_path(placed)).await;
            codes.insert(told(code, response, 404, code).await);
        }
        let prepare = format!("/api/recordings/{}/prepare", placed.call);
        told(code, answer(app.request(Method::POST, &prepare)).await, 404, code).await;
        let download = app.get(&format!("/api/calls/{}/download", placed.call)).await;
        told(code, download, 404, code).await;
        let asked = app.simulator.counters(placed.recording).gets;
        assert!(asked <= 1, "{code}: asked {asked} times for what will never be there");
    }
    codes
}

async fn it_was_there_and_is_kept_no_longer() -> Codes {
    let app = TestApp::start_with(World::default(), |_| {}).await;
    let (plan, _) = TestApp::synthetic(10_000, 1);
    let long_ago = app.app.foundation.clock.now().minus(Duration::from_hours(24 * 8));
    let planned = PlannedCall {
        recordings: vec![plan],
        started_at_ms: Some(long_ago.as_millis()),
        ..PlannedCall::default()
    };
    let (old, _) = app.simulator.place_call(planned).await.expect("placed");
    let (erased, clock) =
        (placed_with(&app, Behaviour::healthy(), "completed").await, &app.app.foundation.clock);
    app.until_ready(&erased).await;
    let call = CallKey { business: "acme".parse().expect("an id"), call: erased.call };
    app.app.foundation.catalog.place_order(&Order::Erase(call), clock.now()).await.expect("placed");
    let mut codes = Codes::new();
    for (call, code) in [(old.call, "recording_expired"), (erased.call, "recording_erased")] {
        let path = format!("/api/recordings/file/{call}");
        let response = app
            .until("it is gone", async || {
                let response = app.get(&path).await;
                (response.status().as_u16() == 410).then_some(response)
            })
            .await;
        codes.insert(told(code, response, 410, code).await);
    }
    codes
}

async fn the_source_refuses_us() -> Codes {
    let app = TestApp::start().await;
    let mut codes = Codes::new();
    // The refused account last: from then on nothing of it is asked for.
    for status in [403, 401] {
        let placed = placed_with(&app, Behaviour::status(status), "completed").await;
        for _ in 0..3 {
            let response = app.get(&play_path(&placed)).await;
            let code = told("refused", response, 500, "source_refused_credentials").await;
            codes.insert(code);
        }
        let asked = app.simulator.counters(placed.recording).gets;
        assert_eq!(asked, 1, "{status}: refused credentials are not tried at every ask");
    }
    codes
}

async fn the_attempts_are_used_up() -> Codes {
    let app = TestApp::start().await;
    let placed = placed_with(&app, Behaviour::status(503), "completed").await;
    let path = play_path(&placed);
    let response = app
        .until("the third attempt failed", async || {
            let response =
                answer(app.request(Method::GET, &path).header("prefer", "wait=10")).await;
            let preparing = response.status().as_u16() == 202;
            (!preparing).then_some(response)
        })
        .await;
    let retry_after: u64 = header(&response, "retry-after").parse().expect("seconds");
    assert!((500..=600).contains(&retry_after), "when the window opens: {retry_after} s");
    let code = told("used up", response, 503, "attempts_exhausted").await;
    let again = app.get(&path).await;
    told("and again", again, 503, "attempts_exhausted").await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 3);
    Codes::from([code])
}

async fn there_is_no_room() -> Codes {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.actors.live_max = 1;
    })
    .await;
    let first = placed_with(&app, Behaviour::healthy(), "completed").await;
    app.until_ready(&first).await;
    let second = placed_with(&app, Behaviour::healthy(), "completed").await;
    let response = app.get(&play_path(&second)).await;
    Codes::from([told("no room", response, 503, "overloaded").await])
}

async fn too_much_too_fast_or_too_slow() -> Codes {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.requests_per_second = 1.try_into().expect("not zero");
        config.play.requests_burst = 3.try_into().expect("not zero");
        config.server.body_timeout_ms = 200;
    })
    .await;
    let unknown = format!("/api/recordings/file/{UNKNOWN_CALL}");
    let ask = async |business: &str| {
        answer(app.request_by((business, Role::Agent), Method::GET, &unknown)).await
    };
    for _ in 0..3 {
        told("within the burst", ask("acme").await, 404, "no_such_call").await;
    }
    let mut codes = Codes::new();
    let more = futures_util::future::join_all((0..20).map(|_| ask("acme"))).await;
    let limited = more.into_iter().find(|it| it.status() != StatusCode::NOT_FOUND);
    let limited = limited.expect("twenty within a second");
    codes.insert(told("before the call is looked for", limited, 429, "rate_limited").await);
    told("another caller", ask("globex").await, 404, "no_such_call").await;
    let nobody = answer(app.client.get(app.url(&unknown))).await;
    told("credentials come first", nobody, 401, "no_credentials").await;
    let malformed = app.request(Method::GET, "/api/recordings/file/CA1");
    told("sense comes first", answer(malformed).await, 400, "malformed").await;

    let drip = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let slow = app.client.post(app.url(CALL_STATUS)).body(reqwest::Body::wrap_stream(drip));
    codes.insert(told("a body that never comes", answer(slow).await, 408, "request_timeout").await);
    codes
}

/// A link that has expired, one stream too many, an order that makes no sense.
async fn it_is_too_late_or_too_early() -> Codes {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| {
        config.play.prefetch = false;
        config.server.event_streams_per_reader_max = 1;
    })
    .await;
    let placed = placed_with(&app, Behaviour::healthy(), "completed").await;
    let of_call = |what: &str| format!("/api/recordings/{}/{what}", placed.call);
    let link = answer(app.request(Method::POST, &of_call("link"))).await;
    let link: Value = link.json().await.expect("JSON");
    clock.advance(Duration::from_mins(16));
    let expired = answer(app.client.get(link["url"].as_str().expect("a URL"))).await;
    let open = app.get(&of_call("events")).await;
    let second = app.get(&of_call("events")).await;
    let evict = format!("/debug/actors/{}/evict", placed.call);
    let evict = answer(app.request_by(("acme", Role::Operator), Method::POST, &evict)).await;
    let codes = [
        told("an old link", expired, 401, "link_expired").await,
        told("a second stream", second, 429, "too_many_streams").await,
        told("nothing to evict", evict, 409, "conflict").await,
    ];
    drop(open);
    Codes::from(codes)
}

async fn we_have_a_bug() -> Codes {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| {
        config.server.cors_origins = "https://app.example.com".to_owned();
    })
    .await;
    let operator = || {
        let request = app.request_by(("acme", Role::Operator), Method::GET, "/debug/actors");
        request.header("origin", "https://app.example.com")
    };
    assert_eq!(answer(operator()).await.status().as_u16(), 200);
    let response = loop {
        clock.panic_once();
        let response = answer(operator()).await;
        assert!(clock.has_panicked());
        // Some actor may have asked for the time first.
        if response.status().as_u16() != 200 {
            break response;
        }
    };
    let shared = header(&response, "access-control-allow-origin");
    assert_eq!(shared, "https://app.example.com", "a page may read that it failed");
    let length = response.content_length();
    let code = told("a panic", response, 500, "internal").await;
    assert!(length.is_some_and(|bytes| bytes < 200), "no word of {CLOCK_PANIC}");
    assert_eq!(answer(operator()).await.status().as_u16(), 200, "and it goes on");
    Codes::from([code])
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = TestApp::start().await;
    let play = format!("/api/recordings/file/{UNKNOWN_CALL}");
    let rows = [
        (play.clone(), "GET,HEAD,OPTIONS"),
        (format!("/api/recordings/{UNKNOWN_CALL}/stream"), "GET,HEAD,OPTIONS"),
        (format!("/api/recordings/{UNKNOWN_CALL}/status"), "GET,HEAD,OPTIONS"),
        (format!("/api/recordings/{UNKNOWN_CALL}/prepare"), "POST,OPTIONS"),
        ("/api/calls".to_owned(), "GET,HEAD,OPTIONS"),
        (CALL_STATUS.to_owned(), "POST,OPTIONS"),
        (format!("/api/recordings/{UNKNOWN_CALL}/link"), "POST,OPTIONS"),
        (format!("/api/recordings/{UNKNOWN_CALL}/events"), "GET,HEAD,OPTIONS"),
        ("/debug/actors".to_owned(), "GET,HEAD,OPTIONS"),
        (format!("/debug/actors/{UNKNOWN_CALL}"), "GET,HEAD,OPTIONS"),
        (format!("/debug/actors/{UNKNOWN_CALL}/retry"), "POST,OPTIONS"),
        (format!("/debug/actors/{UNKNOWN_CALL}/evict"), "POST,OPTIONS"),
        ("/debug/events".to_owned(), "GET,HEAD,OPTIONS"),
    ];
    for (path, allow) in rows {
        let wrong = [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE];
        for method in wrong {
            let response = answer(app.client.request(method.clone(), app.url(&path))).await;
            assert_eq!(header(&response, "allow"), allow, "{method} {path}");
            told(&path, response, 405, "method_not_allowed").await;
        }
        let options = answer(app.client.request(Method::OPTIONS, app.url(&path))).await;
        assert_eq!(options.status().as_u16(), 204, "{path}");
        assert_eq!(header(&options, "allow"), allow, "{path}");
        assert!(options.bytes().await.expect("a body").is_empty());
    }
    let bad_sid = app.client.request(Method::OPTIONS, app.url("/api/recordings/file/CA1"));
    assert_eq!(answer(bad_sid).await.status().as_u16(), 204, "the method first");
    let wrong = answer(app.client.put(app.url("/api/recordings/file/CA1"))).await;
    told("the method first", wrong, 405, "method_not_allowed").await;
}

#[tokio::test]
async fn only_configured_origins_share_the_api() {
    const OURS: &str = "https://app.example.com";
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.server.cors_origins = format!("{OURS}, https://other.example.com");
    })
    .await;
    let placed = app.place_planned(PlannedRecording::default(), ACME, Vec::new()).await;
    app.until_ready(&placed).await;
    let play = play_path(&placed);
    let from =
        |origin: &'static str, method: Method| app.request(method, &play).header("origin", origin);
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::PUT, 405)] {
        let response = answer(from(OURS, method)).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(header(&response, "access-control-allow-origin"), OURS);
        assert_eq!(header(&response, "vary"), "Origin");
        let exposed = header(&response, "access-control-expose-headers");
        let exposed: BTreeSet<&str> = exposed.split(", ").collect();
        let wanted = "Content-Range, Accept-Ranges, Content-Length, ETag, Retry-After, \
                      Cache-Status, Repr-Digest, Preference-Applied";
        assert!(exposed.is_superset(&wanted.split(", ").collect()), "{exposed:?}");
    }
    let preflight = from(OURS, Method::OPTIONS)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization, range, if-range, prefer");
    let preflight = answer(preflight).await;
    assert_eq!(preflight.status().as_u16(), 204);
    let allowed = header(&preflight, "access-control-allow-headers").to_lowercase();
    let allowed: BTreeSet<&str> = allowed.split(", ").collect();
    for name in ["authorization", "range", "if-range", "prefer"] {
        assert!(allowed.contains(name), "{allowed:?}");
    }
    assert!(header(&preflight, "access-control-allow-methods").contains("GET, HEAD"));

    let strangers = [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "http://app.example.com",
    ];
    for stranger in strangers {
        for method in [Method::GET, Method::OPTIONS] {
            let response = answer(from(stranger, method.clone())).await;
            let shared =
                response.headers().keys().find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(shared, None, "{method} from {stranger}");
            assert_eq!(header(&response, "vary"), "Origin", "caches must tell them apart");
        }
    }
}
