//! Signed links: what they open, for whom they are made, and everything they do not open.

use std::sync::Arc;
use std::time::Duration;

use actors::domain::CallSid;
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{PlannedCall, PlannedRecording};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{ACME, GLOBEX, Placed, TestApp, TestClock, header};

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.expect("JSON");
    (status, problem["code"].as_str().expect("a code").to_owned())
}

fn link_path(placed: &Placed) -> String {
    format!("/api/recordings/{}/link", placed.call)
}

/// A link as an agent of acme's gets it: the whole URL.
async fn link(app: &TestApp, placed: &Placed, wish: Value) -> String {
    let response = answer(app.request(Method::POST, &link_path(placed)).json(&wish)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let signed: Value = response.json().await.expect("JSON");
    let fields: Vec<&String> = signed.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["expires_at", "url"]);
    signed["url"].as_str().expect("a URL").to_owned()
}

async fn placed_ready(app: &TestApp, tag: u64) -> Placed {
    let (plan, audio) = TestApp::synthetic(40_000, tag);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_ready(&placed).await;
    placed
}

#[tokio::test]
async fn a_link_plays_one_call_and_tells_of_it_without_any_token() {
    let app = TestApp::start().await;
    let placed = placed_ready(&app, 1).await;
    let url = link(&app, &placed, json!({ "ttl_seconds": 900 })).await;
    let named = format!("/api/recordings/file/{}?recording={}", placed.call, placed.recording);
    assert!(url.starts_with(&app.url(&named)), "it names the recording: {url}");

    let played = answer(app.client.get(&url)).await;
    assert_eq!(played.status(), StatusCode::OK);
    assert_eq!(header(&played, "referrer-policy"), "no-referrer");
    assert_eq!(played.bytes().await.expect("a body"), placed.audio);
    let part = answer(app.client.get(&url).header("range", "bytes=0-1")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(answer(app.client.head(&url)).await.status(), StatusCode::OK);

    let alias = url.replace("/file/", "/").replace('?', "/stream?");
    assert_eq!(answer(app.client.get(&alias)).await.status(), StatusCode::OK);
    let status = alias.replace("/stream?", "/status?");
    let told: Value = answer(app.client.get(&status)).await.json().await.expect("JSON");
    assert_eq!(told["state"], "ready");
    let events = answer(app.client.get(alias.replace("/stream?", "/events?"))).await;
    assert_eq!(header(&events, "referrer-policy"), "no-referrer");
    assert!(events.text().await.expect("a body").contains("\"state\":\"ready\""));
}

#[tokio::test]
async fn a_link_starts_the_fetch_that_playing_needs() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(40_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    let url = link(&app, &placed, json!({})).await;
    let played = answer(app.client.get(&url).header("sec-fetch-dest", "audio")).await;
    assert_eq!(played.bytes().await.expect("a body"), placed.audio);
}

#[tokio::test]
async fn a_link_opens_nothing_else() {
    let app = TestApp::start().await;
    let (placed, other) = (placed_ready(&app, 1).await, placed_ready(&app, 2).await);
    let url = link(&app, &placed, json!({})).await;
    let (_, signed) = url.split_once("&link=").expect("a link");
    let (call, recording) = (placed.call, placed.recording);
    let query = format!("?recording={recording}&link={signed}");
    let refused = [
        (Method::POST, format!("/api/recordings/{call}/prepare{query}")),
        (Method::POST, format!("/api/recordings/{call}/link{query}")),
        (Method::GET, format!("/api/calls/{call}{query}")),
        (Method::GET, format!("/api/calls/{call}/download{query}")),
        (Method::GET, format!("/api/calls{query}")),
        (Method::GET, format!("/debug/actors{query}")),
        (Method::GET, format!("/debug/actors/{call}{query}")),
        (Method::GET, format!("/debug/events{query}")),
        (Method::POST, format!("/debug/actors/{call}/retry{query}")),
        (Method::GET, format!("/api/recordings/file/{}{query}", other.call)),
        (
            Method::GET,
            format!("/api/recordings/file/{call}?recording={}&link={signed}", other.recording),
        ),
        (Method::GET, format!("/api/recordings/file/{call}?link={signed}")),
        (Method::GET, format!("/api/recordings/file/{call}?recording={recording}&link=")),
        (Method::GET, format!("/api/recordings/file/{call}?recording={recording}&link={signed}A")),
        (
            Method::GET,
            format!("/api/recordings/file/{call}?recording={recording}&link={}", &signed[1..]),
        ),
        (Method::GET, format!("/api/recordings/file/{call}?recording={recording}&token={signed}")),
    ];
    for (method, path) in refused {
        let request = app.client.request(method.clone(), app.url(&path));
        let told = code(answer(request).await).await;
        assert_eq!(told, (401, "no_credentials".to_owned()), "{method} {path}");
        let bearer = app.client.request(method.clone(), app.url(&path)).bearer_auth(signed);
        assert_eq!(answer(bearer).await.status().as_u16(), 401, "as a token: {method} {path}");
    }
    for method in [Method::PUT, Method::POST, Method::DELETE] {
        let told = code(answer(app.client.request(method.clone(), &url)).await).await;
        assert_eq!(told, (405, "method_not_allowed".to_owned()), "{method}");
    }
    let twice = answer(app.client.get(format!("{url}&link={signed}"))).await;
    assert_eq!(code(twice).await, (400, "malformed".to_owned()));
}

#[tokio::test]
async fn a_tokens_header_counts_before_a_link_and_a_link_before_a_cookie() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let placed = placed_ready(&app, 1).await;
    let url = link(&app, &placed, json!({})).await;
    let good = app.token("acme", Role::Agent);
    let foreign = app.token("globex", Role::Agent);
    let ask = |header: &str, value: String| app.client.get(&url).header(header.to_owned(), value);

    let bad = answer(ask("authorization", "Bearer nonsense".to_owned())).await;
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED);
    let others = answer(ask("authorization", format!("Bearer {foreign}"))).await;
    assert_eq!(others.status(), StatusCode::NOT_FOUND, "not with another one's token either");
    let others = answer(ask("cookie", format!("hearback_session={foreign}"))).await;
    assert_eq!(others.status(), StatusCode::OK, "whoever has the link may play");

    clock.advance(Duration::from_mins(16));
    let own = answer(ask("authorization", format!("Bearer {good}"))).await;
    assert_eq!(own.status(), StatusCode::OK);
    let expired = answer(ask("cookie", format!("hearback_session={good}"))).await;
    assert_eq!(code(expired).await, (401, "link_expired".to_owned()));
}

#[tokio::test]
async fn a_link_expires_when_it_says_and_says_so() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let placed = placed_ready(&app, 1).await;
    let (minutes, day) = (Duration::from_mins(15), Duration::from_hours(24));
    for (wish, lives) in [
        (json!({}), minutes),
        (json!({ "ttl_seconds": 60 }), Duration::from_mins(1)),
        (json!({ "ttl_seconds": 86_400 }), day),
    ] {
        let url = link(&app, &placed, wish.clone()).await;
        clock.advance(lives - Duration::from_secs(5));
        assert_eq!(answer(app.client.get(&url)).await.status(), StatusCode::OK, "{wish}");
        clock.advance(Duration::from_secs(6));
        let expired = answer(app.client.get(&url)).await;
        assert_eq!(header(&expired, "www-authenticate"), "Bearer");
        assert_eq!(header(&expired, "referrer-policy"), "no-referrer");
        assert_eq!(code(expired).await, (401, "link_expired".to_owned()), "{wish}");
        let elsewhere = url.replace(&placed.call.to_string(), &CallSid::from_bits(1).to_string());
        let told = code(answer(app.client.get(elsewhere)).await).await;
        assert_eq!(told, (401, "no_credentials".to_owned()), "only its own URL says expired");
    }
}

#[tokio::test]
async fn what_is_no_wish_is_refused() {
    let app = TestApp::start().await;
    let placed = placed_ready(&app, 1).await;
    let bodies = [
        "{\"ttl_seconds\":0}",
        "{\"ttl_seconds\":-1}",
        "{\"ttl_seconds\":86401}",
        "{\"ttl_seconds\":\"900\"}",
        "{\"ttl_seconds\":1e400}",
        "{\"ttl\":900}",
        "[]",
        "{",
    ];
    for body in bodies {
        let request = app.request(Method::POST, &link_path(&placed)).body(body);
        assert_eq!(code(answer(request).await).await, (400, "malformed".to_owned()), "{body}");
    }
    let long = app.request(Method::POST, &link_path(&placed)).body(" ".repeat(2_000));
    assert_eq!(code(answer(long).await).await, (413, "too_large".to_owned()));
    let none = answer(app.request(Method::POST, &link_path(&placed))).await;
    assert_eq!(none.status(), StatusCode::OK, "no wish is the default's");
}

#[tokio::test]
async fn nobody_gets_a_link_to_what_they_may_not_see() {
    let app = TestApp::start().await;
    let placed = placed_ready(&app, 1).await;
    let unknown = CallSid::from_bits(0xdead_beef);
    for role in [Role::Agent, Role::Owner, Role::Operator] {
        let ask = async |call: CallSid, query: &str| {
            let path = format!("/api/recordings/{call}/link{query}");
            let response = answer(app.request_by(("globex", role), Method::POST, &path)).await;
            let mut headers = response.headers().clone();
            headers.remove("date");
            (response.status(), headers, response.text().await.expect("a body"))
        };
        for query in ["", &format!("?recording={}", placed.recording)] {
            let others = ask(placed.call, query).await;
            assert_eq!(others.0, StatusCode::NOT_FOUND);
            assert_eq!(others, ask(unknown, query).await);
        }
    }
    let nobody = answer(app.client.post(app.url(&link_path(&placed)))).await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_names_the_recording_asked_for_and_the_calls_own_sid() {
    let app = TestApp::start().await;
    let plan = PlannedCall {
        child_leg: true,
        recordings: vec![PlannedRecording::default(), PlannedRecording::default()],
        ..PlannedCall::default()
    };
    let (call, _) = app.simulator.place_call(plan).await.expect("placed");
    let leg = call.child_leg.expect("a leg");
    app.until("both recordings are listed", async || {
        let listed = app.get(&format!("/api/calls/{leg}")).await.text().await.ok()?;
        call.recordings.iter().all(|sid| listed.contains(&sid.to_string())).then_some(())
    })
    .await;
    for recording in &call.recordings {
        let path = format!("/api/recordings/{leg}/link?recording={recording}");
        let signed = answer(app.request(Method::POST, &path)).await;
        let signed: Value = signed.json().await.expect("JSON");
        let url = signed["url"].as_str().expect("a URL");
        let named = format!("/api/recordings/file/{}?recording={recording}&link=", call.call);
        assert!(url.starts_with(&app.url(&named)), "{url}");
        let played = answer(app.client.get(url).header("prefer", "wait=10")).await;
        assert_eq!(played.status(), StatusCode::OK);
    }
    let unknown = "RE000000000000000000000000deadbeef";
    let path = format!("/api/recordings/{leg}/link?recording={unknown}");
    let told = code(answer(app.request(Method::POST, &path)).await).await;
    assert_eq!(told, (404, "no_recording".to_owned()));
}

#[tokio::test]
async fn another_businesss_recording_cannot_be_linked_through_an_own_call() {
    let app = TestApp::start().await;
    let placed = placed_ready(&app, 1).await;
    let (plan, audio) = TestApp::synthetic(40_000, 2);
    let globexs = app.place_planned(plan, GLOBEX, audio).await;
    let path = format!("/api/recordings/{}/link?recording={}", globexs.call, placed.recording);
    let request = app.request_by(("globex", Role::Owner), Method::POST, &path);
    assert_eq!(code(answer(request).await).await, (404, "no_recording".to_owned()));
}

#[tokio::test]
async fn behind_a_path_prefix_a_link_has_it_too() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.server.public_url = "https://rec.example.com/hearback".to_owned();
    })
    .await;
    let plan =
        PlannedCall { recordings: vec![PlannedRecording::default()], ..PlannedCall::default() };
    let ours = format!("http://{}", app.app.address);
    app.simulator.set_callbacks(hearback::simulator::Callbacks {
        recording_status: None,
        call_status: None,
        connect_to: None,
    });
    let (call, _) = app.simulator.place_call(plan).await.expect("placed");
    let (acme, sid) = (ACME.to_string(), call.call.to_string());
    let recording = call.recordings[0].to_string();
    let form = [
        ("AccountSid".to_owned(), acme),
        ("CallSid".to_owned(), sid.clone()),
        ("RecordingSid".to_owned(), recording),
        ("RecordingStatus".to_owned(), "completed".to_owned()),
    ];
    let path = "/webhooks/twilio/recording-status";
    let signature = hearback::twilio::signature::sign(
        crate::support::ACME_TOKEN,
        &format!("https://rec.example.com/hearback{path}"),
        &form,
    );
    let webhook = app.client.post(format!("{ours}{path}"));
    let webhook = webhook.header("x-twilio-signature", signature).form(&form);
    assert_eq!(answer(webhook).await.status(), StatusCode::NO_CONTENT);
    let token = app.token("acme", Role::Agent);
    let signed: Value = app
        .until("the call is known", async || {
            let url = format!("{ours}/api/recordings/{sid}/link");
            let response = answer(app.client.post(url).bearer_auth(&token)).await;
            let known = response.status() == StatusCode::OK;
            if known { response.json().await.ok() } else { None }
        })
        .await;
    let url = signed["url"].as_str().expect("a URL");
    let start = format!("https://rec.example.com/hearback/api/recordings/file/{sid}?recording=");
    assert!(url.starts_with(&start), "{url}");
}

#[tokio::test]
async fn another_origins_page_follows_and_plays_by_link_without_credentials() {
    const PAGE: &str = "https://app.example.com";
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.server.cors_origins = PAGE.to_owned();
    })
    .await;
    let placed = placed_ready(&app, 1).await;
    let url = link(&app, &placed, json!({})).await;
    let sibling = |name: &str| url.replace("/file/", "/").replace('?', &format!("/{name}?"));
    for url in [url.clone(), sibling("stream"), sibling("status"), sibling("events")] {
        let shared = answer(app.client.get(&url).header("origin", PAGE)).await;
        assert_eq!(shared.status(), StatusCode::OK, "{url}");
        assert_eq!(header(&shared, "access-control-allow-origin"), PAGE, "{url}");
        assert_eq!(header(&shared, "vary"), "Origin", "{url}");
        let stranger = app.client.get(&url).header("origin", "https://evil.example");
        let stranger = answer(stranger).await;
        assert!(!stranger.headers().contains_key("access-control-allow-origin"), "{url}");
    }
    let call = placed.call;
    for (method, path) in [
        ("POST", format!("/api/recordings/{call}/link")),
        ("GET", format!("/api/recordings/{call}/events")),
        ("GET", format!("/debug/actors/{call}")),
        ("POST", format!("/debug/actors/{call}/retry")),
        ("POST", format!("/debug/actors/{call}/evict")),
        ("GET", "/debug/events".to_owned()),
    ] {
        let preflight = app.client.request(Method::OPTIONS, app.url(&path));
        let preflight = preflight
            .header("origin", PAGE)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "authorization, content-type");
        let preflight = answer(preflight).await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT, "{path}");
        assert_eq!(header(&preflight, "access-control-allow-origin"), PAGE, "{path}");
        assert!(header(&preflight, "access-control-allow-methods").contains(method), "{path}");
        let allowed = header(&preflight, "access-control-allow-headers").to_lowercase();
        for name in ["authorization", "content-type", "last-event-id"] {
            assert!(allowed.split(", ").any(|known| known == name), "{allowed}");
        }
    }
}
