//! Who gets in, and that nobody gets another business's byte, length, or knowledge that a call exists.

mod campaign;
mod wire;

use actors::domain::CallSid;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearback::auth::Role;
use hearback::simulator::PlannedCall;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{ACME, ACME_TOKEN, GLOBEX, Placed, TestApp, header, play_path};

const CALL_STATUS: &str = "/webhooks/twilio/call-status";
const RECORDING_STATUS: &str = "/webhooks/twilio/recording-status";

/// Every route that takes a call's SID.
const ROUTES: [(Method, &str); 13] = [
    (Method::GET, "/api/recordings/file/{call}"),
    (Method::HEAD, "/api/recordings/file/{call}"),
    (Method::GET, "/api/recordings/{call}/stream"),
    (Method::HEAD, "/api/recordings/{call}/stream"),
    (Method::POST, "/api/recordings/{call}/prepare"),
    (Method::GET, "/api/recordings/{call}/status"),
    (Method::GET, "/api/recordings/{call}/events"),
    (Method::HEAD, "/api/recordings/{call}/events"),
    (Method::POST, "/api/recordings/{call}/link"),
    (Method::GET, "/api/calls/{call}"),
    (Method::HEAD, "/api/calls/{call}"),
    (Method::GET, "/api/calls/{call}/download"),
    (Method::HEAD, "/api/calls/{call}/download"),
];

/// All of an answer that could tell something; `Date` is the clock's.
#[derive(Debug, PartialEq)]
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn told(request: RequestBuilder) -> Told {
    let response = request.send().await.expect("an answer");
    let (status, mut headers) = (response.status(), response.headers().clone());
    headers.remove("date");
    Told { status, headers, body: response.bytes().await.expect("a body").to_vec() }
}

async fn two_calls(app: &TestApp) -> (Placed, Placed) {
    let (plan, audio) = TestApp::synthetic(40_000, 1);
    let acmes = app.place_planned(plan, ACME, audio).await;
    let (plan, audio) = TestApp::synthetic(50_000, 2);
    let globexs = app.place_planned(plan, GLOBEX, audio).await;
    (acmes, globexs)
}

#[tokio::test]
async fn another_ones_call_is_like_no_call_on_every_route() {
    let app = TestApp::start().await;
    let (acmes, _) = two_calls(&app).await;
    let tag = app.until_ready(&acmes).await;
    let unknown = CallSid::from_bits(0xdead_beef);
    let conditions: [&[(&str, &str)]; 5] = [
        &[],
        &[("range", "bytes=0-1")],
        &[("if-none-match", &tag)],
        &[("if-none-match", "*")],
        &[("if-match", "\"another\"")],
    ];
    let named = format!("?recording={}", acmes.recording);
    for (method, route) in ROUTES {
        for query in ["", &named] {
            for lines in conditions {
                let ask = |call: CallSid| {
                    let path = route.replace("{call}", &call.to_string()) + query;
                    let request = app.request_by(("globex", Role::Owner), method.clone(), &path);
                    lines
                        .iter()
                        .fold(request, |request, (name, value)| request.header(*name, *value))
                };
                let (others, nobodys) = (told(ask(acmes.call)).await, told(ask(unknown)).await);
                assert_eq!(others.status, StatusCode::NOT_FOUND, "{method} {route}");
                assert_eq!(others, nobodys, "{method} {route} {lines:?}");
            }
        }
    }
    assert_eq!(app.simulator.counters(acmes.recording).gets, 1);
}

#[tokio::test]
async fn another_ones_recording_cannot_be_named_in_an_own_call() {
    let app = TestApp::start().await;
    let (acmes, globexs) = two_calls(&app).await;
    app.until_ready(&acmes).await;
    let unknown = "RE000000000000000000000000deadbeef".to_owned();
    for (method, route) in &ROUTES[..9] {
        let ask = |recording: &str| {
            let path = route.replace("{call}", &globexs.call.to_string());
            let path = format!("{path}?recording={recording}");
            app.request_by(("globex", Role::Agent), method.clone(), &path)
        };
        let others = told(ask(&acmes.recording.to_string())).await;
        assert_eq!(others.status, StatusCode::NOT_FOUND, "{method} {route}");
        assert_eq!(others, told(ask(&unknown)).await, "{method} {route}");
    }
}

#[tokio::test]
async fn a_list_shows_only_ones_own() {
    let app = TestApp::start().await;
    let (acmes, globexs) = two_calls(&app).await;
    for (business, own) in [("acme", &acmes), ("globex", &globexs)] {
        let request = app.request_by((business, Role::Owner), Method::GET, "/api/calls");
        let listed: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let calls = listed["calls"].as_array().expect("calls");
        let sids: Vec<&Value> = calls.iter().map(|call| &call["call_sid"]).collect();
        assert_eq!(sids, [&json!(own.call.to_string())], "{business}");
    }
    let nobody = app.request_by(("initech", Role::Owner), Method::GET, "/api/calls");
    let listed: Value = nobody.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(listed, json!({ "calls": [], "next_cursor": null }));
}

#[tokio::test]
async fn an_operator_listens_to_no_other_business_either() {
    let app = TestApp::start().await;
    let (acmes, _) = two_calls(&app).await;
    let request = app.request_by(("globex", Role::Operator), Method::GET, &play_path(&acmes));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_is_good_in_every_point_or_not_at_all() {
    let app = TestApp::start().await;
    let now_s = jiff::Timestamp::now().as_second();
    let none = {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": "none", "typ": "JWT" }));
        let claims = part(json!({ "sub": "x", "business_id": "acme", "role": "owner",
            "exp": now_s + 600, "aud": "hearback", "iss": "hearback" }));
        [format!("{head}.{claims}."), format!("{head}.{claims}.x")]
    };
    let good = app.token_with(json!({}));
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let key = EncodingKey::from_secret(b"a secret that is long enough, and not ours");
    let claims = json!({ "sub": "x", "business_id": "acme", "role": "owner", "exp": now_s + 600,
        "aud": "hearback", "iss": "hearback" });
    let encode = |algorithm| jsonwebtoken::encode(&Header::new(algorithm), &claims, &key);
    let reversed: String = signature.chars().rev().collect();
    let bad = [
        ("nothing", String::new()),
        ("no token", "nonsense".to_owned()),
        ("alg none", none[0].clone()),
        ("alg none with a signature", none[1].clone()),
        ("another secret", encode(Algorithm::HS256).expect("encoded")),
        ("another algorithm", encode(Algorithm::HS512).expect("encoded")),
        ("our secret, another algorithm", app.token_by(Algorithm::HS384, json!({}))),
        ("another signature", format!("{signed}.{reversed}")),
        ("no signature", format!("{signed}.")),
        ("another aud", app.token_with(json!({ "aud": "elsewhere" }))),
        ("other auds", app.token_with(json!({ "aud": ["elsewhere", "there"] }))),
        ("no aud", app.token_with(json!({ "aud": null }))),
        ("another iss", app.token_with(json!({ "iss": "elsewhere" }))),
        ("no iss", app.token_with(json!({ "iss": null }))),
        ("expired", app.token_with(json!({ "exp": now_s - 120 }))),
        ("just expired", app.token_with(json!({ "exp": now_s }))),
        ("no exp", app.token_with(json!({ "exp": null }))),
        ("exp as text", app.token_with(json!({ "exp": "tomorrow" }))),
        ("not valid yet", app.token_with(json!({ "nbf": now_s + 600 }))),
        ("no sub", app.token_with(json!({ "sub": null }))),
        ("no business", app.token_with(json!({ "business_id": null }))),
        ("a business that is no name", app.token_with(json!({ "business_id": "../acme" }))),
        ("no role", app.token_with(json!({ "role": null }))),
        ("an unknown role", app.token_with(json!({ "role": "root" }))),
        ("a role in capitals", app.token_with(json!({ "role": "Operator" }))),
    ];
    for (what, token) in bad {
        let request = app.client.get(app.url("/api/calls")).bearer_auth(token);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(header(&response, "www-authenticate"), "Bearer", "{what}");
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(problem["code"], "no_credentials", "{what}");
    }
    let accepted = [
        ("a good one", good),
        ("our clocks differ", app.token_with(json!({ "nbf": now_s + 20 }))),
        ("claims more", app.token_with(json!({ "email": "x@example.com", "nbf": now_s }))),
        ("one aud of several", app.token_with(json!({ "aud": ["elsewhere", "hearback"] }))),
    ];
    for (what, token) in accepted {
        let request = app.client.get(app.url("/api/calls")).bearer_auth(token);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{what}");
    }
}

#[tokio::test]
async fn every_route_wants_a_token() {
    let app = TestApp::start().await;
    let (acmes, _) = two_calls(&app).await;
    let listed = [(Method::GET, "/api/calls"), (Method::GET, "/debug/actors")];
    for (method, route) in ROUTES.into_iter().chain(listed) {
        let path = route.replace("{call}", &acmes.call.to_string());
        let response = app.client.request(method.clone(), app.url(&path)).send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {route}");
    }
    assert_eq!(app.simulator.totals().gets, 0);
}

#[tokio::test]
async fn both_legs_lead_to_the_call_and_its_recording() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(40_000, 1);
    let planned = PlannedCall { child_leg: true, recordings: vec![plan], ..PlannedCall::default() };
    let (placed, delivered) = app.simulator.place_call(planned).await.expect("placed");
    assert!(delivered.iter().all(|webhook| webhook.status == Some(204)), "{delivered:?}");
    let leg = placed.child_leg.expect("a leg");
    for sid in [leg, placed.call] {
        let response = app
            .until("the leg plays", async || {
                let response = app.get(&format!("/api/recordings/file/{sid}")).await;
                (response.status() == StatusCode::OK).then_some(response)
            })
            .await;
        assert_eq!(response.bytes().await.expect("a body"), audio, "{sid}");
        let call: Value = app.get(&format!("/api/calls/{sid}")).await.json().await.expect("JSON");
        assert_eq!(call["call_sid"], placed.call.to_string(), "{sid}");
    }
    assert_eq!(app.simulator.counters(placed.recordings[0]).gets, 1);
    let listed: Value = app.get("/api/calls").await.json().await.expect("JSON");
    assert_eq!(listed["calls"].as_array().map(Vec::len), Some(1), "a leg is no call of its own");
    let globex = app.request_by(("globex", Role::Agent), Method::GET, &format!("/api/calls/{leg}"));
    assert_eq!(globex.send().await.expect("an answer").status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_was_recorded_on_the_leg_is_the_calls_also_when_the_parent_is_named_later() {
    let app = TestApp::start().await;
    let acme = ACME.to_string();
    let (leg, parent) =
        ("CA000000000000000000000000000000a1", "CA000000000000000000000000000000a2");
    let recording = "RE000000000000000000000000000000a3";
    let recorded = [
        ("AccountSid", acme.as_str()),
        ("CallSid", leg),
        ("RecordingSid", recording),
        ("RecordingStatus", "completed"),
    ];
    let completed = [
        ("AccountSid", acme.as_str()),
        ("CallSid", leg),
        ("ParentCallSid", parent),
        ("CallStatus", "completed"),
    ];
    for (path, form) in [(RECORDING_STATUS, recorded), (CALL_STATUS, completed)] {
        let request = app.webhook(path, ACME_TOKEN, &form);
        assert_eq!(request.send().await.expect("an answer").status(), StatusCode::NO_CONTENT);
    }
    for sid in [parent, leg] {
        app.until("the call has its recording", async || {
            let response = app.get(&format!("/api/calls/{sid}")).await;
            let call: Value = response.json().await.ok()?;
            let moved =
                call["call_sid"] == parent && call["recordings"][0]["recording_sid"] == recording;
            moved.then_some(())
        })
        .await;
    }
}
