//! A recording's state as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{Announcement, Behaviour, PlannedCall};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sse::Events;
use crate::support::{ACME, Placed, TestApp, TestClock, header, play_path};

fn path(placed: &Placed, what: &str) -> String {
    format!("/api/recordings/{}/{what}", placed.call)
}

async fn follow(app: &TestApp, placed: &Placed) -> Events {
    Events::of(app.get(&path(placed, "events")).await).without("stages")
}

async fn placed(app: &TestApp, behaviours: Vec<Behaviour>, bytes: usize) -> Placed {
    let (mut plan, audio) = TestApp::synthetic(bytes, 1);
    plan.behaviours = behaviours;
    app.place_planned(plan, ACME, audio).await
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.expect("JSON");
    (status, problem["code"].as_str().expect("a code").to_owned())
}

#[tokio::test]
pub async fn a_fetch_is_followed_from_nothing_to_ready_and_then_the_stream_ends() {
    let app = TestApp::start().await;
    let placed = placed(&app, vec![Behaviour::paced(75_000)], 600_000).await;
    let mut events = follow(&app, &placed).await;
    let first = events.next().await.expect("at once").data;
    assert_eq!(first["state"], "absent");
    assert_eq!(app.simulator.counters(placed.recording).gets, 0, "following starts nothing");

    let began = Instant::now();
    let prepare = app.request(Method::POST, &path(&placed, "prepare")).send().await;
    assert_eq!(prepare.expect("an answer").status(), StatusCode::ACCEPTED);
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(all.len() as f64 <= 4.0 * seconds + 3.0, "{} in {seconds} s", all.len());
    let last = all.last().expect("events");
    assert_eq!(last.id.as_deref(), Some("ready"));
    let status = app.get(&path(&placed, "status")).await;
    assert_eq!(last.data, status.json::<Value>().await.expect("JSON"), "the same as the status");
    let received: Vec<u64> = all
        .iter()
        .filter(|event| event.data["phase"] == "receiving")
        .map(|event| event.data["received_bytes"].as_u64().expect("a number"))
        .collect();
    assert!(received.len() >= 3, "progress is told: {received:?}");
    assert!(received.is_sorted_by(|a, b| a < b), "{received:?}");
    assert!(all.iter().all(|event| event.name == "message"));
}

#[tokio::test]
pub async fn what_is_final_is_told_once_and_a_browser_that_comes_back_is_told_to_stop() {
    let app = TestApp::start().await;
    let ready = placed(&app, Vec::new(), 20_000).await;
    app.until_ready(&ready).await;
    let (plan, _) = TestApp::synthetic(10_000, 2);
    let gone = PlannedCall {
        recordings: vec![plan],
        announce: Some(vec![Announcement::Recordings("deleted".into())]),
        ..PlannedCall::default()
    };
    let (gone, _) = app.simulator.place_call(gone).await.expect("placed");
    let gone = Placed { call: gone.call, recording: gone.recordings[0], audio: Vec::new() };
    app.until("the call is known", async || {
        let status = app.get(&path(&gone, "status")).await;
        (status.status() == StatusCode::OK).then_some(())
    })
    .await;
    for (placed, state) in [(&ready, "ready"), (&gone, "gone")] {
        let mut events = follow(&app, placed).await;
        let only = events.next().await.expect("at once");
        assert_eq!((only.data["state"].as_str(), only.id.as_deref()), (Some(state), Some(state)));
        assert!(events.next().await.is_none());
        let again = app.request(Method::GET, &path(placed, "events"));
        let again = again.header("last-event-id", state).send().await.expect("an answer");
        assert_eq!(again.status(), StatusCode::NO_CONTENT);
        let other = app.request(Method::GET, &path(placed, "events"));
        let other = other.header("last-event-id", "absent").send().await.expect("an answer");
        assert_eq!(other.status(), StatusCode::OK);
    }
    assert_eq!(app.simulator.counters(gone.recording).gets, 0);
}

#[tokio::test]
async fn a_failure_is_told_with_its_reason_and_when_it_is_tried_again() {
    let app = TestApp::start().await;
    let behaviours = vec![Behaviour::status(503), Behaviour::healthy()];
    let placed = placed(&app, behaviours, 20_000).await;
    let mut events = follow(&app, &placed).await;
    let _ = app.get(&play_path(&placed)).await;
    let failed = events.until("it failed", |event| event.data["state"] == "failed").await.data;
    assert!(failed["reason"].as_str().is_some_and(|reason| reason.contains("503")), "{failed}");
    assert!(failed["retry_at"].is_string(), "{failed}");
    let ready = events.until("it is tried again", |event| event.data["state"] == "ready").await;
    assert_eq!(ready.data["received_bytes"], placed.audio.len());
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_crash_of_the_followed_actor_is_survived() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let placed = placed(&app, Vec::new(), 20_000).await;
    let mut events = follow(&app, &placed).await;
    assert_eq!(events.next().await.expect("at once").data["state"], "absent");
    clock.panic_once_in_a_call_actor();
    app.until_ready(&placed).await;
    assert!(clock.has_panicked());
    events.until("it is ready", |event| event.data["state"] == "ready").await;
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn an_actor_put_to_rest_is_followed_into_its_next_life() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.actors.idle_after_ms = 400;
    })
    .await;
    let placed = placed(&app, Vec::new(), 20_000).await;
    let mut events = follow(&app, &placed).await;
    assert_eq!(events.next().await.expect("at once").data["state"], "absent");
    tokio::time::sleep(Duration::from_millis(900)).await;
    let _ = app.request(Method::POST, &path(&placed, "prepare")).send().await;
    events.until("it is ready", |event| event.data["state"] == "ready").await;
}

#[tokio::test]
pub async fn streams_are_bounded_for_each_reader_and_for_all() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.server.event_streams_max = 3;
        config.server.event_streams_per_reader_max = 2;
    })
    .await;
    let placed = placed(&app, Vec::new(), 20_000).await;
    let by = |role| app.request_by(("acme", role), Method::GET, &path(&placed, "events"));
    let open = async |role| {
        let mut events = Events::of(by(role).send().await.expect("an answer")).without("stages");
        events.next().await.expect("the first event");
        events
    };
    let first = open(Role::Agent).await;
    let _second = open(Role::Agent).await;
    let third = by(Role::Agent).send().await.expect("an answer");
    assert!(header(&third, "retry-after").parse::<u64>().is_ok());
    assert_eq!(code(third).await, (429, "too_many_streams".to_owned()));
    let _other = open(Role::Owner).await;
    let full = by(Role::Operator).send().await.expect("an answer");
    assert_eq!(code(full).await, (503, "overloaded".to_owned()));
    drop(first);
    app.until("the place is given back", async || {
        let again = by(Role::Operator).send().await.ok()?;
        (again.status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
pub async fn a_stream_ends_with_the_link_that_opened_it() {
    let app = TestApp::start().await;
    let placed = placed(&app, Vec::new(), 20_000).await;
    let wish = json!({ "ttl_seconds": 5 });
    let link = app.request(Method::POST, &path(&placed, "link")).json(&wish).send().await;
    let link: Value = link.expect("an answer").json().await.expect("JSON");
    let url = link["url"].as_str().expect("a URL").replace("/file/", "/").replace('?', "/events?");
    let began = Instant::now();
    let mut events =
        Events::of(app.client.get(&url).send().await.expect("an answer")).without("stages");
    assert_eq!(events.next().await.expect("at once").data["state"], "absent");
    assert!(events.next().await.is_none());
    assert!(began.elapsed() < Duration::from_secs(20));
    let late = app.client.get(&url).send().await.expect("an answer");
    assert_eq!(code(late).await, (401, "link_expired".to_owned()));
}

#[tokio::test]
pub async fn open_streams_do_not_hold_up_a_stop() {
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.server.shutdown_grace_ms = 20_000;
    })
    .await;
    let placed = placed(&app, Vec::new(), 20_000).await;
    let mut events = follow(&app, &placed).await;
    events.next().await.expect("the first event");
    let began = Instant::now();
    let stopping = tokio::spawn(app.app.stop());
    assert!(events.next().await.is_none(), "it ends properly");
    stopping.await.expect("stopped");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_nobody_may_see_has_no_events() {
    let app = TestApp::start().await;
    let placed = placed(&app, Vec::new(), 20_000).await;
    let events = path(&placed, "events");
    let nobody = app.client.get(app.url(&events)).send().await.expect("an answer");
    assert_eq!(code(nobody).await, (401, "no_credentials".to_owned()));
    let other = app.request_by(("globex", Role::Operator), Method::GET, &events).send().await;
    assert_eq!(code(other.expect("an answer")).await, (404, "no_such_call".to_owned()));
    let named = format!("{events}?recording=RE000000000000000000000000deadbeef");
    assert_eq!(code(app.get(&named).await).await, (404, "no_recording".to_owned()));
}
