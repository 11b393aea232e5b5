//! What operators see, and what a crash of one call's actor does to it and to everybody else.

mod busy;
mod orders;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::Behaviour;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    ACME, CLOCK_PANIC, GLOBEX, Placed, TestApp, TestClock, asked_path, play_path,
};

fn child(actors: &Value, name: &str) -> Value {
    let tree = actors["tree"].as_array().expect("a tree");
    tree.iter().find(|child| child["name"] == name).expect(name).clone()
}

fn call(actors: &Value, placed: &Placed) -> Option<Value> {
    let calls = actors["calls"].as_array().expect("calls");
    calls.iter().find(|call| call["call_sid"] == placed.call.to_string()).cloned()
}

#[tokio::test]
async fn only_operators_see_the_actors() {
    let app = TestApp::start().await;
    let ask = async |role| {
        let request = app.request_by(("acme", role), Method::GET, "/debug/actors");
        request.send().await.expect("an answer").status()
    };
    assert_eq!(ask(Role::Agent).await, StatusCode::FORBIDDEN);
    assert_eq!(ask(Role::Owner).await, StatusCode::FORBIDDEN);
    assert_eq!(ask(Role::Operator).await, StatusCode::OK);
    let nobody = app.client.get(app.url("/debug/actors")).send().await.expect("an answer");
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_tree_and_every_businesss_calls_are_shown() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(20_000, 1);
    let acmes = app.place_planned(plan, ACME, audio).await;
    let (plan, audio) = TestApp::synthetic(20_000, 2);
    let globexs = app.place_planned(plan, GLOBEX, audio).await;
    app.until_ready(&acmes).await;
    let actors = app
        .until("both calls are shown", async || {
            let actors = app.debug_actors().await;
            (call(&actors, &acmes).is_some() && call(&actors, &globexs).is_some()).then_some(actors)
        })
        .await;
    let kinds = [
        ("recordings", "Recordings"),
        ("fetcher", "TwilioFetcher"),
        ("inbox", "Inbox"),
        ("vault-keeper", "VaultKeeper"),
        ("retention-keeper", "RetentionKeeper"),
    ];
    for (name, kind) in kinds {
        let child = child(&actors, name);
        assert_eq!((&child["kind"], &child["state"]), (&json!(kind), &json!("running")));
        assert_eq!((&child["restarts"], &child["last_error"]), (&json!(0), &Value::Null));
        assert!(child["detail"].is_object(), "{name}");
    }
    assert_eq!(actors["calls_total"], 2);
    assert_eq!(child(&actors, "recordings")["detail"]["live"], 2);
    let shown = call(&actors, &acmes).expect("shown");
    assert_eq!(shown["business"], "acme");
    assert_eq!(shown["recordings"][0]["state"], "ready");
    assert_eq!(shown["recordings"][0]["next"], "plays");
    assert_eq!(shown["recordings"][0]["total_bytes"], acmes.audio.len());
    let shown = call(&actors, &globexs).expect("shown");
    assert_eq!(
        (&shown["business"], &shown["recordings"][0]["state"]),
        (&json!("globex"), &json!("absent"))
    );
}

#[tokio::test]
async fn a_download_is_seen_to_grow() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(400_000, 1);
    plan.behaviours = vec![Behaviour::paced(60_000)];
    let placed = app.place_planned(plan, ACME, audio).await;
    let path = play_path(&placed);
    let listener = app.request(Method::GET, &path).header("prefer", "wait=10").send();
    let watching = async {
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let last = seen.last().copied().unwrap_or(0);
            let more = app
                .until("more bytes arrive", async || {
                    let shown = call(&app.debug_actors().await, &placed)?;
                    let recording = &shown["recordings"][0];
                    let received = recording["received_bytes"].as_u64()?;
                    if recording["phase"] != "receiving" || received <= last {
                        return None;
                    }
                    assert_eq!(recording["state"], "downloading");
                    assert_eq!(recording["intent"], "listen");
                    assert_eq!(recording["attempt"], 1);
                    assert_eq!(recording["total_bytes"], placed.audio.len());
                    assert_eq!(shown["waiting"], 0, "whoever listens waits for nothing");
                    Some(received)
                })
                .await;
            seen.push(more);
        }
        seen
    };
    let (response, seen) = tokio::join!(listener, watching);
    assert!(seen.iter().all(|bytes| *bytes <= placed.audio.len() as u64), "{seen:?}");
    let response = response.expect("an answer");
    assert_eq!(response.bytes().await.expect("a body"), placed.audio);
}

#[tokio::test]
async fn queues_are_shown_by_intent_and_whoever_listens_goes_first() {
    let app = TestApp::start_with(World::default(), |config| {
        config.twilio.max_parallel_fetches = 1;
    })
    .await;
    let mut placed = Vec::new();
    for tag in 0..3 {
        let (mut plan, audio) = TestApp::synthetic(60_000, tag);
        let first_byte_ms = if tag == 0 { 6_000 } else { 0 };
        plan.behaviours = vec![Behaviour { first_byte_ms, ..Behaviour::healthy() }];
        placed.push(app.place_planned(plan, ACME, audio).await);
    }
    let queued = async |expected: Value| {
        app.until("the queue is as expected", async || {
            let fetcher = child(&app.debug_actors().await, "fetcher")["detail"].clone();
            let as_expected = fetcher["queued"] == expected && fetcher["running"] == 1;
            as_expected.then_some(())
        })
        .await;
    };
    queued(json!({ "listen": 0, "prefetch": 2, "backfill": 0 })).await;
    let last = app.request(Method::GET, &play_path(&placed[2])).send();
    let shown = queued(json!({ "listen": 1, "prefetch": 1, "backfill": 0 }));
    let (last, ()) = tokio::join!(last, shown);
    let last = last.expect("an answer");
    assert_eq!(last.status(), StatusCode::OK);
    assert_eq!(last.bytes().await.expect("a body"), placed[2].audio);
    app.until("nothing is queued", async || {
        let fetcher = child(&app.debug_actors().await, "fetcher")["detail"].clone();
        (fetcher["fetched_total"] == 3).then_some(())
    })
    .await;
}

/// Large enough that it cannot lie in the buffers of a connection.
const LONG_BYTES: usize = 12_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_one_calls_actor_is_survived_by_its_asker_and_unnoticed_by_others() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let (plan, audio) = TestApp::synthetic(50_000, 1);
    let crashing = app.place_planned(plan, ACME, audio).await;
    let (plan, audio) = TestApp::synthetic(LONG_BYTES, 2);
    let long = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&crashing).await;
    app.until_prepared(&long).await;
    let mut stream = app.get(&play_path(&long)).await.bytes_stream();
    let mut streamed = stream.next().await.expect("a chunk").expect("bytes").to_vec();

    clock.panic_once_in_a_call_actor();
    let response = app.get(&asked_path(&crashing)).await;
    assert!(clock.has_panicked());
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.bytes().await.expect("a body"), crashing.audio);

    let actors = app.debug_actors().await;
    let shown = call(&actors, &crashing).expect("shown");
    assert_eq!(shown["restarts"], 1);
    assert!(
        shown["last_error"].as_str().is_some_and(|error| error.contains(CLOCK_PANIC)),
        "{shown}"
    );
    let recordings = child(&actors, "recordings");
    assert_eq!(recordings["restarts"], 0, "the parent survives its children");
    let crash = &recordings["detail"]["crashes"][0];
    assert_eq!(
        (&crash["call_sid"], &crash["count"]),
        (&json!(crashing.call.to_string()), &json!(1))
    );
    assert_eq!(call(&actors, &long).expect("shown")["restarts"], 0);

    while let Some(chunk) = stream.next().await {
        streamed.extend_from_slice(&chunk.expect("the other call plays on"));
    }
    assert!(streamed == long.audio, "other bytes");
    for placed in [&crashing, &long] {
        let head = app.request(Method::HEAD, &play_path(placed)).send().await.expect("an answer");
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(app.simulator.counters(placed.recording).gets, 1);
    }
}

#[tokio::test]
async fn a_crash_during_a_download_costs_time_and_nobody_the_audio() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let (mut plan, audio) = TestApp::synthetic(60_000, 1);
    plan.behaviours =
        vec![Behaviour { first_byte_ms: 20_000, ..Behaviour::healthy() }, Behaviour::healthy()];
    let placed = app.place_planned(plan, ACME, audio).await;
    let path = asked_path(&placed);
    let ask = || app.request(Method::GET, &path).header("prefer", "wait=10").send();
    let crash = async {
        app.until("somebody waits for the download", async || {
            let shown = call(&app.debug_actors().await, &placed)?;
            (shown["waiting"] == 1 && app.simulator.counters(placed.recording).gets == 1)
                .then_some(())
        })
        .await;
        clock.panic_once_in_a_call_actor();
        ask().await
    };
    let (waiting, asking) = tokio::join!(ask(), crash);
    assert!(clock.has_panicked());
    for response in [waiting, asking] {
        let response = response.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.bytes().await.expect("a body"), placed.audio);
    }
    assert_eq!(app.simulator.counters(placed.recording).gets, 2);
    app.until("the first transfer is given up", async || {
        let fetcher = child(&app.debug_actors().await, "fetcher")["detail"].clone();
        (fetcher["running"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_actor_that_crashes_again_and_again_is_left_alone_for_longer_and_still_answers() {
    let clock = Arc::new(TestClock::default());
    let app = TestApp::start_with(clock.world(), |config| config.play.prefetch = false).await;
    let (plan, audio) = TestApp::synthetic(20_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    app.until_prepared(&placed).await;
    for crash in 1..=3_u64 {
        clock.panic_once_in_a_call_actor();
        let began = tokio::time::Instant::now();
        let response = app.get(&asked_path(&placed)).await;
        assert!(clock.has_panicked());
        assert_eq!(response.status(), StatusCode::OK, "crash {crash}");
        let pause = Duration::from_millis(100 << (crash - 1));
        assert!(began.elapsed() >= pause, "crash {crash}");
        let shown = call(&app.debug_actors().await, &placed).expect("shown");
        assert_eq!(shown["restarts"], crash);
    }
}
