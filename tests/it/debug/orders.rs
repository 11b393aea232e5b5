//! One call's actor, and what an operator may have it do.

use actors::domain::{CallKey, CallSid};
use actors::ports::Custody;
use hearback::auth::Role;
use hearback::simulator::{Announcement, Behaviour, PlannedCall};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::{ACME, GLOBEX, Placed, TestApp, play_path};

const OPERATOR: (&str, Role) = ("globex", Role::Operator);

async fn show(app: &TestApp, sid: impl std::fmt::Display) -> (StatusCode, Value) {
    let request = app.request_by(OPERATOR, Method::GET, &format!("/debug/actors/{sid}"));
    let response = request.send().await.expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

async fn order(app: &TestApp, placed: &Placed, order: &str) -> Response {
    let path = format!("/debug/actors/{}/{order}", placed.call);
    app.request_by(OPERATOR, Method::POST, &path).send().await.expect("an answer")
}

/// The recording as an accepted order shows it.
async fn accepted(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let body: Value = response.json().await.expect("JSON");
    body["recording"].clone()
}

async fn refused(response: Response, word: &str) {
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["code"], "conflict");
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains(word)), "{problem}");
}

async fn placed(app: &TestApp, behaviours: Vec<Behaviour>) -> Placed {
    let (mut plan, audio) = TestApp::synthetic(20_000, 1);
    plan.behaviours = behaviours;
    app.place_planned(plan, ACME, audio).await
}

#[tokio::test]
async fn any_leg_of_any_businesss_call_is_shown_live_or_not() {
    let app = TestApp::start().await;
    let (plan, _) = TestApp::synthetic(20_000, 1);
    let plan = PlannedCall { child_leg: true, recordings: vec![plan], ..PlannedCall::default() };
    let (call, _) = app.simulator.place_call(plan).await.expect("placed");
    let leg = call.child_leg.expect("a leg");
    app.until("the leg's recording is known", async || {
        let known = app.get(&format!("/api/recordings/{leg}/status")).await.status();
        (known == StatusCode::OK).then_some(())
    })
    .await;
    for sid in [leg, call.call] {
        let (status, shown) = show(&app, sid).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&shown["live"], &shown["business"]), (&true.into(), &"acme".into()));
        assert_eq!(shown["call_sid"], call.call.to_string());
        assert_eq!(shown["recordings"][0]["state"], "absent");
        assert!(shown["recordings"][0]["next"].is_string());
    }
    let (status, problem) = show(&app, CallSid::from_bits(0xdead_beef)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (404, &"no_such_call".into()));
    let (status, _) = show(&app, "CA1").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_call_whose_actor_rests_is_shown_as_the_catalog_knows_it_and_stays_at_rest() {
    let app = TestApp::start_with(hearback::app::World::default(), |config| {
        config.play.prefetch = false;
        config.actors.idle_after_ms = 50;
    })
    .await;
    let placed = placed(&app, Vec::new()).await;
    app.until_prepared(&placed).await;
    let resting = app
        .until("the actor rests", async || {
            let (_, shown) = show(&app, placed.call).await;
            (shown["live"] == false).then_some(shown)
        })
        .await;
    let recording = &resting["recordings"][0];
    assert_eq!(recording["state"], "ready");
    assert_eq!(recording["total_bytes"], placed.audio.len());
    assert_eq!(recording["source_status"], "completed");
    for _ in 0..3 {
        let (_, shown) = show(&app, placed.call).await;
        assert_eq!(shown["live"], false, "looking wakes nobody");
    }
}

#[tokio::test]
async fn evicting_makes_room_and_the_next_listener_has_it_fetched_again() {
    let app = TestApp::start().await;
    let placed = placed(&app, Vec::new()).await;
    refused(order(&app, &placed, "evict").await, "no copy").await;
    app.until_prepared(&placed).await;
    refused(order(&app, &placed, "retry").await, "verified copy").await;
    let evicted = accepted(order(&app, &placed, "evict").await).await;
    assert_eq!(evicted["state"], "absent");
    let (_, shown) = show(&app, placed.call).await;
    assert_eq!(shown["recordings"][0]["state"], "absent");
    app.until_ready(&placed).await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
}

#[tokio::test]
async fn the_last_copy_there_is_stays() {
    let app = TestApp::start().await;
    let placed = placed(&app, Vec::new()).await;
    app.until_prepared(&placed).await;
    let (acme, call, recording) =
        (ACME.to_string(), placed.call.to_string(), placed.recording.to_string());
    let deleted = [
        ("AccountSid", acme.as_str()),
        ("CallSid", &call),
        ("RecordingSid", &recording),
        ("RecordingStatus", "deleted"),
    ];
    let path = "/webhooks/twilio/recording-status";
    let webhook = app.webhook(path, crate::support::ACME_TOKEN, &deleted).send().await;
    assert_eq!(webhook.expect("an answer").status(), StatusCode::NO_CONTENT);
    app.until("the deletion is known", async || {
        let call: Value = app.get(&format!("/api/calls/{call}")).await.json().await.ok()?;
        (call["recordings"][0]["source_status"] == "deleted").then_some(())
    })
    .await;
    refused(order(&app, &placed, "evict").await, "last copy").await;
    assert_eq!(app.get(&play_path(&placed)).await.status(), StatusCode::OK);
}

/// Twilio tells nobody of a deletion: it is asked.
#[tokio::test]
async fn the_last_copy_there_is_stays_though_nobody_told_of_the_deletion() {
    let app = TestApp::start().await;
    let placed = placed(&app, Vec::new()).await;
    app.until_prepared(&placed).await;
    assert!(app.simulator.set_status(placed.recording, "deleted"));
    refused(order(&app, &placed, "evict").await, "last copy").await;
    let path = format!("/api/calls/{}", placed.call);
    let known: Value = app.get(&path).await.json().await.expect("JSON");
    assert_eq!(known["recordings"][0]["source_status"], "deleted");
    assert_eq!(app.get(&play_path(&placed)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_copy_under_legal_hold_is_not_evicted() {
    let app = TestApp::start().await;
    let placed = placed(&app, Vec::new()).await;
    app.until_prepared(&placed).await;
    let foundation = &app.app.foundation;
    let key = CallKey { business: "acme".parse().expect("an id"), call: placed.call };
    let now = foundation.clock.now();
    foundation.catalog.set_hold(&key, true, now).await.expect("held");
    refused(order(&app, &placed, "evict").await, "legal hold").await;
    assert_eq!(app.get(&play_path(&placed)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_retry_does_not_wait_for_what_listeners_must_wait_for() {
    let app = TestApp::start().await;
    let behaviours = vec![Behaviour::status(403), Behaviour::healthy()];
    let placed = placed(&app, behaviours).await;
    let refusal = app.get(&play_path(&placed)).await;
    assert_eq!(refusal.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let (_, shown) = show(&app, placed.call).await;
    let failed = &shown["recordings"][0];
    assert_eq!(failed["state"], "failed");
    for told in ["reason", "remedy", "retry_at", "next"] {
        assert!(failed[told].is_string(), "{told}: {failed}");
    }
    let fetching = accepted(order(&app, &placed, "retry").await).await;
    assert_ne!(fetching["state"], "failed", "{fetching}");
    app.until_ready(&placed).await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
}

#[tokio::test]
async fn a_retry_that_makes_no_sense_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let slow = vec![Behaviour { first_byte_ms: 5_000, ..Behaviour::healthy() }];
    let downloading = placed(&app, slow).await;
    let (plan, _) = TestApp::synthetic(10_000, 2);
    let announced = async |status: &'static str| {
        let plan = PlannedCall {
            recordings: vec![plan.clone()],
            announce: Some(vec![Announcement::Recordings(status.into())]),
            ..PlannedCall::default()
        };
        let (call, _) = app.simulator.place_call(plan).await.expect("placed");
        app.until("the recording is known", async || {
            let status = app.get(&format!("/api/recordings/{}/status", call.call)).await.status();
            (status == StatusCode::OK).then_some(())
        })
        .await;
        Placed { call: call.call, recording: call.recordings[0], audio: Vec::new() }
    };
    let prepare = format!("/api/recordings/{}/prepare", downloading.call);
    let _ = app.request(Method::POST, &prepare).send().await;
    refused(order(&app, &downloading, "retry").await, "fetched already").await;
    refused(order(&app, &announced("in-progress").await, "retry").await, "being recorded").await;
    refused(order(&app, &announced("absent").await, "retry").await, "never").await;
}

#[tokio::test]
async fn only_operators_look_and_order() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(20_000, 1);
    let placed = app.place_planned(plan, GLOBEX, audio).await;
    let one = format!("/debug/actors/{}", placed.call);
    let routes = [
        (Method::GET, one.clone()),
        (Method::POST, format!("{one}/retry")),
        (Method::POST, format!("{one}/evict")),
        (Method::GET, "/debug/events".to_owned()),
    ];
    for (method, path) in routes {
        for role in [Role::Agent, Role::Owner] {
            let request = app.request_by(("globex", role), method.clone(), &path);
            let status = request.send().await.expect("an answer").status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
        }
        let nobody = app.client.request(method.clone(), app.url(&path)).send().await;
        assert_eq!(nobody.expect("an answer").status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let unknown = CallSid::from_bits(0xdead_beef);
    for order in ["retry", "evict"] {
        let path = format!("/debug/actors/{unknown}/{order}");
        let request = app.request_by(OPERATOR, Method::POST, &path).send().await;
        assert_eq!(request.expect("an answer").status(), StatusCode::NOT_FOUND);
        let path = format!("/debug/actors/{}/{order}?recording={}", placed.call, UNKNOWN_RECORDING);
        let request = app.request_by(OPERATOR, Method::POST, &path).send().await;
        assert_eq!(request.expect("an answer").status(), StatusCode::NOT_FOUND);
    }
}

const UNKNOWN_RECORDING: &str = "RE000000000000000000000000deadbeef";
