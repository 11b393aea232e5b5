//! Operators who watch: transitions, failures, crashes and the pool, as they happen.

use std::sync::Arc;

use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::Behaviour;
use reqwest::Method;

use crate::sse::{Event, Events};
use crate::support::{ACME, CLOCK_PANIC, TestApp, TestClock, asked_path};

async fn watch(app: &TestApp) -> Events {
    let request = app.request_by(("globex", Role::Operator), Method::GET, "/debug/events");
    Events::of(request.send().await.expect("an answer"))
}

#[tokio::test]
async fn transitions_failures_and_the_pool_are_told_as_they_happen() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(20_000, 1);
    plan.behaviours = vec![Behaviour::status(503), Behaviour::healthy()];
    let placed = app.place_planned(plan, ACME, audio).await;
    let mut events = watch(&app).await;
    let first = events.next().await.expect("at once");
    assert_eq!(first.name, "pool");
    assert!(first.data["queued"]["listen"].is_number(), "{first:?}");
    app.until_ready(&placed).await;
    let mut seen = Vec::new();
    let mut fetched = false;
    while seen.last().is_none_or(|(_, to)| to != "ready") {
        let event = events.next().await.expect("a transition");
        fetched |= is_fetched(&event);
        if event.name != "state" {
            continue;
        }
        let event = event.data;
        assert_eq!(
            (&event["business"], &event["call_sid"]),
            (&"acme".into(), &placed.call.to_string().into())
        );
        let recording = &event["recording"];
        assert_eq!(recording["recording_sid"], placed.recording.to_string());
        assert!(event["at"].is_string());
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let (from, to) = (text(&event["from"]), text(&recording["state"]));
        if to == "failed" {
            assert!(text(&recording["reason"]).contains("503"), "{recording}");
            assert!(recording["remedy"].is_string() && recording["retry_at"].is_string());
        }
        seen.push((from, to));
    }
    let expected = [
        ("absent", "downloading"),
        ("downloading", "failed"),
        ("failed", "downloading"),
        ("downloading", "ready"),
    ];
    let seen: Vec<_> = seen.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(seen, expected);
    if !fetched {
        events.until("the pool's count", is_fetched).await;
    }
}

fn is_fetched(event: &Event) -> bool {
    event.name == "pool" && event.data["fetched_total"] == 1
}

#[tokio::test]
async fn bytes_that_arrive_are_told_without_asking() {
    let app = TestApp::start().await;
    let mut events = watch(&app).await;
    let (mut plan, audio) = TestApp::synthetic(400_000, 1);
    plan.behaviours = vec![Behaviour::paced(60_000)];
    let placed = app.place_planned(plan, ACME, audio).await;
    let prepare = format!("/api/recordings/{}/prepare", placed.call);
    let prepared = app.request(Method::POST, &prepare).send().await.expect("an answer");
    assert_eq!(prepared.status().as_u16(), 202);
    let mut seen = vec![0];
    while seen.len() < 4 {
        let last = seen[seen.len() - 1];
        let grown = |event: &Event| {
            event.name == "progress"
                && event.data["fetches"][0]["received_bytes"].as_u64().is_some_and(|it| it > last)
        };
        let fetch = events.until("more bytes", grown).await.data["fetches"][0].clone();
        assert_eq!(
            (&fetch["business"], &fetch["call_sid"]),
            (&"acme".into(), &placed.call.to_string().into())
        );
        assert_eq!(fetch["recording_sid"], placed.recording.to_string());
        assert_eq!(fetch["total_bytes"], placed.audio.len());
        seen.push(fetch["received_bytes"].as_u64().expect("a number"));
    }
    let over = |event: &Event| {
        event.name == "progress"
            && event.data["fetches"].as_array().is_some_and(Vec::is_empty)
            && event.data["vault"]["copies"] == 1
    };
    let over = events.until("the download's end", over).await.data;
    assert_eq!(over["awake"]["live"], 1);
}

#[tokio::test]
async fn who_comes_after_a_failure_still_sees_it() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(20_000, 1);
    plan.behaviours = vec![Behaviour::status(503).times(2), Behaviour::healthy()];
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_ready(&placed).await;
    let failures = app.debug_actors().await["failures"].clone();
    let [failure] = &failures.as_array().expect("a list")[..] else { panic!("{failures}") };
    assert_eq!((&failure["event"], &failure["business"]), (&"state".into(), &"acme".into()));
    assert_eq!(failure["call_sid"], placed.call.to_string());
    assert_eq!(failure["times"], 2);
    assert!(failure["at"].as_str() > failure["first_at"].as_str(), "{failure}");
    let recording = &failure["recording"];
    assert!(recording["reason"].as_str().is_some_and(|why| why.contains("503")), "{failure}");
    assert!(recording["remedy"].is_string() && recording["next"].is_string(), "{failure}");
}

#[tokio::test]
async fn a_crash_is_told() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let (plan, audio) = TestApp::synthetic(20_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&placed).await;
    let mut events = watch(&app).await;
    events.next().await.expect("the pool");
    clock.panic_once_in_a_call_actor();
    let _ = app.get(&asked_path(&placed)).await;
    let crash = events.until("the crash", |event| event.name == "crash").await.data;
    assert_eq!(crash["call_sid"], placed.call.to_string());
    assert_eq!(crash["count"], 1);
    assert!(crash["error"].as_str().is_some_and(|error| error.contains(CLOCK_PANIC)), "{crash}");
}

#[tokio::test]
async fn watchers_are_bounded_too() {
    let app = TestApp::start_with(World::default(), |config| {
        config.server.event_streams_per_reader_max = 1;
    })
    .await;
    let mut events = watch(&app).await;
    events.next().await.expect("the pool");
    let request = app.request_by(("globex", Role::Operator), Method::GET, "/debug/events");
    assert_eq!(request.send().await.expect("an answer").status().as_u16(), 429);
}
