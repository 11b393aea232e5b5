//! Twilio's webhooks, from outside: which are believed, and what they change.

use std::net::TcpListener;

use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{Announcement, PlannedCall};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::support::{ACME, ACME_TOKEN, GLOBEX, GLOBEX_TOKEN, TestApp, header, play_path};

const RECORDING_STATUS: &str = "/webhooks/twilio/recording-status";
const CALL_STATUS: &str = "/webhooks/twilio/call-status";
const CALL: &str = "CA000000000000000000000000000000c1";
const RECORDING: &str = "RE000000000000000000000000000000e1";
const BODY_BYTES_MAX: usize = 64 * 1_024;

fn recording_form<'a>(account: &'a str, status: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AccountSid", account),
        ("CallSid", CALL),
        ("RecordingSid", RECORDING),
        ("RecordingStatus", status),
        ("RecordingDuration", "12"),
    ]
}

fn call_form<'a>(account: &'a str, status: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AccountSid", account),
        ("CallSid", CALL),
        ("CallStatus", status),
        ("Direction", "inbound"),
        ("From", "+15555550123"),
        ("To", "+15555550199"),
    ]
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

/// What `/api/calls/{call}` says, once the inbox has applied so many events.
async fn call_after(app: &TestApp, applied: u64) -> Value {
    app.until("the inbox is worked off", async || {
        let actors = app.debug_actors().await;
        let tree = actors["tree"].as_array().expect("a tree");
        let inbox = tree.iter().find(|child| child["name"] == "inbox").expect("an inbox");
        (inbox["detail"]["applied_total"].as_u64()? >= applied).then_some(())
    })
    .await;
    app.get(&format!("/api/calls/{CALL}")).await.json().await.expect("JSON")
}

#[tokio::test]
pub async fn what_twilio_signed_is_kept_and_shown() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    for (path, form) in [
        (RECORDING_STATUS, recording_form(&acme, "completed")),
        (CALL_STATUS, call_form(&acme, "completed")),
        ("/webhooks/twilio/call-status?line=2&y=%20z", call_form(&acme, "in-progress")),
    ] {
        let response = answer(app.webhook(path, ACME_TOKEN, &form)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
        assert!(response.bytes().await.expect("a body").is_empty());
    }
    let call = call_after(&app, 3).await;
    assert_eq!(call["call_sid"], CALL);
    assert_eq!((&call["from"], &call["to"]), (&"+15555550123".into(), &"+15555550199".into()));
    assert_eq!(call["status"], "completed");
    assert_eq!(call["recordings"][0]["recording_sid"], RECORDING);
    assert_eq!(call["recordings"][0]["source_status"], "completed");
}

#[tokio::test]
pub async fn whatever_is_forged_is_refused_alike() {
    let app = TestApp::start().await;
    let (acme, nobody) = (ACME.to_string(), "AC0000000000000000000000000000dead");
    let form = recording_form(&acme, "completed");
    let unsigned = || app.client.post(app.url(RECORDING_STATUS)).form(&form);
    let signed_elsewhere = {
        let request = app.webhook(CALL_STATUS, ACME_TOKEN, &form).build().expect("a request");
        request.headers()["x-twilio-signature"].clone()
    };
    let genuine = app.webhook(RECORDING_STATUS, ACME_TOKEN, &form).build().expect("a request");
    let genuine = genuine.headers()["x-twilio-signature"].clone();
    let mut altered = form.clone();
    altered[4].1 = "13";
    let mut doubled = form.clone();
    doubled.push(("CallSid", "CA000000000000000000000000000000c2"));
    let attempts = [
        ("no signature", unsigned()),
        ("an empty signature", unsigned().header("x-twilio-signature", "")),
        ("no base64", unsigned().header("x-twilio-signature", "no signature at all")),
        ("no text", unsigned().header("x-twilio-signature", &b"\xff\xfe"[..])),
        ("of another URL", unsigned().header("x-twilio-signature", signed_elsewhere)),
        ("another account's token", app.webhook(RECORDING_STATUS, GLOBEX_TOKEN, &form)),
        ("an empty token", app.webhook(RECORDING_STATUS, "", &form)),
        (
            "an unknown account",
            app.webhook(RECORDING_STATUS, ACME_TOKEN, &recording_form(nobody, "completed")),
        ),
        ("no account", app.webhook(RECORDING_STATUS, ACME_TOKEN, &form[1..])),
        (
            "an account that is none",
            app.webhook(RECORDING_STATUS, ACME_TOKEN, &recording_form("AC1", "completed")),
        ),
        (
            "an altered value",
            app.client
                .post(app.url(RECORDING_STATUS))
                .header("x-twilio-signature", &genuine)
                .form(&altered),
        ),
        (
            "a value more",
            app.client
                .post(app.url(RECORDING_STATUS))
                .header("x-twilio-signature", &genuine)
                .form(&doubled),
        ),
        ("nothing", app.client.post(app.url(RECORDING_STATUS)).body("")),
        ("no UTF-8", app.client.post(app.url(RECORDING_STATUS)).body(&b"AccountSid=\xff"[..])),
        ("JSON", app.client.post(app.url(RECORDING_STATUS)).body("{\"AccountSid\":1}")),
    ];
    let mut bodies = Vec::new();
    for (what, request) in attempts {
        let response = answer(request).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{what}");
        assert_eq!(header(&response, "content-type"), "application/problem+json");
        bodies.push(response.text().await.expect("text"));
    }
    assert!(bodies[0].contains("signature_mismatch"), "{bodies:?}");
    assert!(bodies.iter().all(|body| *body == bodies[0]), "they tell apart: {bodies:?}");
    let asked = app.get(&format!("/api/calls/{CALL}")).await;
    assert_eq!(asked.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
pub async fn too_large_a_body_is_not_read_to_its_end() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let overhead = "AccountSid=&CallStatus=completed&CallSid=&Padding=".len() + 2 * CALL.len();
    let sized = |bytes: usize| "x".repeat(bytes - overhead);
    for (bytes, status) in [
        (BODY_BYTES_MAX, StatusCode::NO_CONTENT),
        (BODY_BYTES_MAX + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let padding = sized(bytes);
        let form = [
            ("AccountSid", acme.as_str()),
            ("CallStatus", "completed"),
            ("CallSid", CALL),
            ("Padding", &padding),
        ];
        let request = app.webhook(CALL_STATUS, ACME_TOKEN, &form);
        let length = request.try_clone().and_then(|request| request.build().ok());
        let length = length.and_then(|request| request.body()?.as_bytes().map(<[u8]>::len));
        assert_eq!(length, Some(bytes));
        assert_eq!(answer(request).await.status(), status, "{bytes} bytes");
    }
}

#[tokio::test]
pub async fn fifty_at_once_have_one_effect() {
    let app = TestApp::start_with(World::default(), |_| {}).await;
    let (plan, audio) = TestApp::synthetic(50_000, 1);
    let planned = PlannedCall { recordings: vec![plan], ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");
    let (acme, call, recording) =
        (ACME.to_string(), placed.call.to_string(), placed.recordings[0].to_string());
    let form = [
        ("AccountSid", acme.as_str()),
        ("CallSid", &call),
        ("RecordingSid", &recording),
        ("RecordingStatus", "completed"),
    ];
    let sent = (0..50).map(|_| app.webhook(RECORDING_STATUS, ACME_TOKEN, &form).send());
    for response in futures_util::future::join_all(sent).await {
        assert_eq!(response.expect("an answer").status(), StatusCode::NO_CONTENT);
    }
    let path = format!("/api/recordings/file/{call}");
    let played = app
        .until("it plays", async || {
            let response = app.get(&path).await;
            if response.status() != StatusCode::OK {
                return None;
            }
            response.bytes().await.ok()
        })
        .await;
    assert!(played == audio, "other bytes");
    let listed: Value = app.get("/api/calls").await.json().await.expect("JSON");
    assert_eq!(listed["calls"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["calls"][0]["recordings"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.simulator.counters(placed.recordings[0]).gets, 1);
    let actors = app.debug_actors().await;
    let tree = actors["tree"].as_array().expect("a tree");
    let inbox = tree.iter().find(|child| child["name"] == "inbox").expect("an inbox");
    assert_eq!(inbox["detail"]["applied_total"], 1);
}

#[tokio::test]
async fn a_call_is_there_from_the_moment_its_webhook_is_answered() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let routes = [
        (Method::GET, "/api/recordings/{call}/status"),
        (Method::POST, "/api/recordings/{call}/prepare"),
        (Method::HEAD, "/api/recordings/file/{call}"),
        (Method::GET, "/api/calls/{call}"),
    ];
    for n in 0..60_u32 {
        let (call, recording) = (format!("CA{n:032x}"), format!("RE{n:032x}"));
        let form = [
            ("AccountSid", acme.as_str()),
            ("CallSid", &call),
            ("RecordingSid", &recording),
            ("RecordingStatus", "in-progress"),
        ];
        let response = answer(app.webhook(RECORDING_STATUS, ACME_TOKEN, &form)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let (method, route) = &routes[n as usize % routes.len()];
        let path = route.replace("{call}", &call);
        let asked = answer(app.request(method.clone(), &path)).await;
        assert!(asked.status().is_success(), "{method} {route}: {}", asked.status());
        let others = app.request_by(("globex", Role::Owner), method.clone(), &path);
        assert_eq!(answer(others).await.status(), StatusCode::NOT_FOUND, "{method} {route}");
    }
}

#[tokio::test]
async fn late_news_changes_nothing() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let ordered_badly = [
        (RECORDING_STATUS, recording_form(&acme, "completed")),
        (RECORDING_STATUS, recording_form(&acme, "in-progress")),
        (CALL_STATUS, call_form(&acme, "completed")),
        (CALL_STATUS, call_form(&acme, "ringing")),
        (CALL_STATUS, call_form(&acme, "in-progress")),
    ];
    for (path, form) in &ordered_badly {
        let response = answer(app.webhook(path, ACME_TOKEN, form)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
    }
    let call = call_after(&app, 5).await;
    assert_eq!(call["status"], "completed");
    assert_eq!(call["recordings"][0]["source_status"], "completed");
}

#[tokio::test]
async fn a_recording_that_completes_before_it_is_in_progress_still_plays() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(30_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    let late = ["in-progress", "completed"].map(|status| Announcement::Recordings(status.into()));
    for delivered in app.simulator.announce(placed.call, &late).await {
        assert_eq!(delivered.status, Some(204));
    }
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.expect("a body"), placed.audio);
}

#[tokio::test]
async fn while_a_token_is_exchanged_the_old_and_the_new_one_count() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let fresh = "acme-auth-token-of-tomorrow";
    let early = app.webhook(CALL_STATUS, fresh, &call_form(&acme, "ringing"));
    assert_eq!(answer(early).await.status(), StatusCode::FORBIDDEN);
    app.app.foundation.add_token(ACME, &fresh.into()).await.expect("added");
    app.app.reload_tenants().await.expect("reloaded");
    for (token, status) in [(ACME_TOKEN, "ringing"), (fresh, "in-progress")] {
        let response = answer(app.webhook(CALL_STATUS, token, &call_form(&acme, status))).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{token}");
    }
    assert_eq!(call_after(&app, 2).await["status"], "in-progress");
    let globex = app.webhook(CALL_STATUS, fresh, &call_form(&GLOBEX.to_string(), "ringing"));
    assert_eq!(answer(globex).await.status(), StatusCode::FORBIDDEN, "a token is one account's");
}

#[tokio::test]
async fn the_url_in_a_webhook_is_never_asked() {
    let canary = TcpListener::bind("127.0.0.1:0").expect("a free port");
    canary.set_nonblocking(true).expect("set");
    let url = format!("http://{}/latest/meta-data", canary.local_addr().expect("an address"));
    let app = TestApp::start_with(World::default(), |_| {}).await;
    let (plan, audio) = TestApp::synthetic(30_000, 1);
    let planned = PlannedCall { recordings: vec![plan], ..PlannedCall::default() };
    let (placed, _) = app.simulator.place_call(planned.unannounced()).await.expect("placed");
    let (acme, call, recording) =
        (ACME.to_string(), placed.call.to_string(), placed.recordings[0].to_string());
    let form = [
        ("AccountSid", acme.as_str()),
        ("CallSid", &call),
        ("RecordingSid", &recording),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", &url),
    ];
    let response = answer(app.webhook(RECORDING_STATUS, ACME_TOKEN, &form)).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let path = format!("/api/recordings/file/{call}");
    app.until("it plays", async || {
        let response = app.get(&path).await;
        (response.status() == StatusCode::OK && response.bytes().await.ok()? == audio).then_some(())
    })
    .await;
    let visit = canary.accept().expect_err("somebody followed the URL");
    assert_eq!(visit.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn signed_nonsense_is_said_to_be_nonsense() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let account = ("AccountSid", acme.as_str());
    let call = ("CallSid", CALL);
    let recording = ("RecordingSid", RECORDING);
    for (path, form) in [
        (RECORDING_STATUS, vec![account, call, recording]),
        (RECORDING_STATUS, vec![account, call, recording, ("RecordingStatus", "dreaming")]),
        (RECORDING_STATUS, vec![account, call, recording, ("RecordingStatus", "missing")]),
        (RECORDING_STATUS, vec![account, recording, ("RecordingStatus", "completed")]),
        (
            RECORDING_STATUS,
            vec![account, call, ("RecordingSid", "RE../../x"), ("RecordingStatus", "completed")],
        ),
        (CALL_STATUS, vec![account, call]),
        (CALL_STATUS, vec![account, call, ("CallStatus", "sleeping")]),
        (CALL_STATUS, vec![account, ("CallSid", "CA1"), ("CallStatus", "completed")]),
    ] {
        let response = answer(app.webhook(path, ACME_TOKEN, &form)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{form:?}");
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(problem["code"], "malformed", "{form:?}");
    }
}

#[tokio::test]
async fn a_recording_twilio_did_not_keep_is_said_to_be_absent() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let form = recording_form(&acme, "absent");
    let response = answer(app.webhook(RECORDING_STATUS, ACME_TOKEN, &form)).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    call_after(&app, 1).await;
    let response = app.get(&format!("/api/recordings/file/{CALL}")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["code"], "recording_absent");
    assert_eq!(app.simulator.totals().gets, 0);
}

#[tokio::test]
async fn a_tenant_cannot_speak_for_another_ones_call() {
    let app = TestApp::start().await;
    let (acme, globex) = (ACME.to_string(), GLOBEX.to_string());
    // Before acme's own news, so that it must not count as the first of two equal events.
    let attempt = recording_form(&globex, "deleted");
    let heard = recording_form(&acme, "in-progress");
    answer(app.webhook(RECORDING_STATUS, ACME_TOKEN, &heard)).await;
    call_after(&app, 1).await;
    for form in [recording_form(&globex, "completed"), attempt] {
        let response = answer(app.webhook(RECORDING_STATUS, GLOBEX_TOKEN, &form)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "it is genuine, as far as it goes");
    }
    let own = recording_form(&acme, "completed");
    answer(app.webhook(RECORDING_STATUS, ACME_TOKEN, &own)).await;
    let call = call_after(&app, 2).await;
    assert_eq!(call["recordings"][0]["source_status"], "completed");
    let path = format!("/api/calls/{CALL}");
    let globex = app.request_by(("globex", Role::Owner), Method::GET, &path);
    assert_eq!(answer(globex).await.status(), StatusCode::NOT_FOUND);
}
