//! Listening to a recording that is still being downloaded, from outside.

use std::time::Duration;

use futures_util::StreamExt;
use hearback::simulator::{Behaviour, Fault, Framing};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use crate::support::{ACME, Placed, TestApp, header, play_path};

/// A recording of 200 kB that takes seven seconds to arrive.
async fn arriving(app: &TestApp, tag: u64) -> Placed {
    let (mut plan, audio) = TestApp::synthetic(200_000, tag);
    plan.behaviours = vec![Behaviour::paced(30_000)];
    app.place_planned(plan, ACME, audio).await
}

async fn state(app: &TestApp, placed: &Placed) -> String {
    let status = app.get(&format!("/api/recordings/{}/status", placed.call)).await;
    let status: serde_json::Value = status.json().await.expect("JSON");
    status["state"].as_str().expect("a state").to_owned()
}

#[tokio::test]
pub async fn the_first_bytes_are_heard_long_before_the_last_have_arrived() {
    let app = TestApp::start().await;
    let placed = arriving(&app, 1).await;
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-length"), placed.audio.len().to_string());
    assert_eq!(header(&response, "cache-status"), "hearback; fwd=miss; stored");
    assert!(!response.headers().contains_key("repr-digest"), "it is not known yet");
    let tag = header(&response, "etag");
    let mut stream = response.bytes_stream();
    let first = stream.next().await.expect("a piece").expect("good");
    assert_eq!(state(&app, &placed).await, "downloading");

    let joined = app.get(&play_path(&placed)).await;
    assert_eq!(header(&joined, "cache-status"), "hearback; fwd=miss; collapsed");
    assert_eq!(header(&joined, "etag"), tag);
    assert_eq!(joined.bytes().await.expect("all of it"), placed.audio);
    let mut heard = first.to_vec();
    while let Some(piece) = stream.next().await {
        heard.extend_from_slice(&piece.expect("good"));
    }
    assert_eq!(heard, placed.audio);
    assert_eq!(app.until_ready(&placed).await, tag, "it is the same audio when it is ready");
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
async fn the_first_listener_may_leave_and_the_download_goes_on() {
    let app = TestApp::start().await;
    let placed = arriving(&app, 2).await;
    let mut stream = app.get(&play_path(&placed)).await.bytes_stream();
    stream.next().await.expect("a piece").expect("good");
    drop(stream);
    assert_eq!(state(&app, &placed).await, "downloading");
    app.until_ready(&placed).await;
    assert_eq!(app.simulator.counters(placed.recording).gets, 1);
}

#[tokio::test]
async fn a_stall_of_the_source_is_a_stall_to_who_listens() {
    let app = TestApp::start_with(Default::default(), |config| {
        config.play.prefetch = false;
        config.twilio.idle_timeout_ms = 500;
    })
    .await;
    let (mut plan, audio) = TestApp::synthetic(200_000, 3);
    plan.behaviours = vec![Fault::StallAfterBytes(100_000).into(), Behaviour::healthy()];
    let placed = app.place_planned(plan, ACME, audio).await;
    let begun = Instant::now();
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(response.bytes().await.expect("all of it"), placed.audio);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert_eq!(app.simulator.counters(placed.recording).gets, 2, "it went on with the rest");
}

#[tokio::test]
pub async fn a_final_failure_cuts_every_listener_so_that_all_notice() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(200_000, 4);
    // All are there long before it is cut.
    let cut = Behaviour { bytes_per_second: Some(20_000), ..Fault::CutAfterBytes(100_000).into() };
    plan.behaviours = vec![cut, Behaviour::status(410)];
    let placed = app.place_planned(plan, ACME, audio).await;
    let listening = (0..20).map(async |_| {
        let response = app.get(&play_path(&placed)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = response.bytes_stream();
        let mut heard = Vec::new();
        while let Some(Ok(piece)) = stream.next().await {
            heard.extend_from_slice(&piece);
        }
        heard
    });
    for heard in futures_util::future::join_all(listening).await {
        assert_eq!(heard, placed.audio[..100_000], "all that there was, and no more");
    }
    let told = app.get(&play_path(&placed)).await;
    assert_eq!(told.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_a_length_nobody_listens_before_all_of_it_is_here() {
    let app = TestApp::start().await;
    let (mut plan, audio) = TestApp::synthetic(100_000, 5);
    let endless = Behaviour { framing: Framing::Chunked, ..Behaviour::paced(100_000) };
    plan.behaviours = vec![endless];
    let placed = app.place_planned(plan, ACME, audio).await;
    let hurried = app.request(Method::GET, &play_path(&placed)).header("prefer", "respond-async");
    assert_eq!(hurried.send().await.expect("an answer").status(), StatusCode::ACCEPTED);
    let patient = app.get(&play_path(&placed)).await;
    assert_eq!(patient.status(), StatusCode::OK);
    assert!(patient.headers().contains_key("repr-digest"), "it is a verified copy");
    assert_eq!(patient.bytes().await.expect("all of it"), placed.audio);
}

#[tokio::test]
pub async fn whoever_listens_when_the_service_stops_hears_it_through() {
    let app = TestApp::start_with(Default::default(), |config| {
        config.play.prefetch = false;
        config.server.shutdown_grace_ms = 10_000;
    })
    .await;
    let placed = arriving(&app, 6).await;
    let response = app.get(&play_path(&placed)).await;
    assert_eq!(app.debug_actors().await["listeners"], 1);
    let TestApp { app: service, .. } = app;
    let (heard, ()) = tokio::join!(response.bytes(), service.stop());
    assert_eq!(heard.expect("all of it"), placed.audio);
}
